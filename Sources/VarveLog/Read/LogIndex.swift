import VarveBytes
import VarveSystem

/// Where one committed frame is.
struct FrameEntry {
    var fileOffset: Int64
    var basePosition: Int64
    var baseOffset: Int64
    /// The batch's largest timestamp, ms.
    var maxTimestamp: Int64
    var bodyLength: UInt32
    var count: UInt32
    var stream: UInt32

    var endPosition: Int64 { basePosition + Int64(count) }
    var frameSize: Int { FrameHeader.frameSize(body: Int(bodyLength)) }
}

/// One segment file and its committed frames, in order of position.
struct Segment {
    let base: Int64
    let file: any File
    var entries: [FrameEntry] = []

    /// The index of the first frame that ends after a position.
    func firstIndex(endingAfter position: Int64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].endPosition <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The committed frames of all segments and streams. Only durable frames are ever added, so
/// whoever can see an entry may read it.
struct LogIndex {
    /// A stream's frames, by segment number and index within it.
    struct Stream {
        var name: StreamName
        var frames: [(segment: Int, entry: Int)] = []
        var highWatermark: Int64 = 0
    }

    var segments: [Segment] = []
    var streams: [Stream] = []
    var ids: [StreamName: StreamID] = [:]

    mutating func register(_ name: StreamName) {
        ids[name] = StreamID(UInt32(streams.count))
        streams.append(Stream(name: name))
    }

    /// Adds a durable frame to the last segment.
    mutating func add(_ entry: FrameEntry) {
        let segment = segments.count - 1
        segments[segment].entries.append(entry)
        let stream = Int(entry.stream)
        guard streams.indices.contains(stream) else { return }
        streams[stream].frames.append((segment, segments[segment].entries.count - 1))
        streams[stream].highWatermark = entry.baseOffset + Int64(entry.count)
    }

    func entry(_ place: (segment: Int, entry: Int)) -> FrameEntry {
        segments[place.segment].entries[place.entry]
    }

    /// The first of a stream's frames that `isAtOrAfter` holds for, given that it holds for all
    /// later ones; the number of frames when there is none.
    func firstFrame(of stream: Int, where isAtOrAfter: (FrameEntry) -> Bool) -> Int {
        let frames = streams[stream].frames
        var (low, high) = (0, frames.count)
        while low < high {
            let middle = (low + high) / 2
            if isAtOrAfter(entry(frames[middle])) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
