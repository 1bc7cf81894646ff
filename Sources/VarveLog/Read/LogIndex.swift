import VarveBytes
import VarveSystem

/// One segment as readers see it: sealed, with a footer to look things up in, or not, with its
/// frames in memory.
struct Segment: Sendable {
    /// Counts the segments since the log began.
    let number: Int
    let base: Int64
    let path: String
    /// Held open while it is not sealed.
    var file: (any File)?
    /// The committed frames, ticks included, while it is not sealed.
    var entries: [FrameEntry] = []
    /// Set once the footer is durable.
    var trailer: SegmentTrailer?

    /// Whether retention removed its frames: its header and footer are left.
    var isRetired = false

    var isSealed: Bool { trailer != nil }

    /// The index of the first frame in memory that ends after a position.
    func firstIndex(endingAfter position: Int64) -> Int {
        entries.partitioningIndex { $0.endPosition > position }
    }
}

/// The committed frames of all segments and streams. Only durable frames are ever added, so
/// whoever can see an entry may read it.
///
/// Memory: a few dozen bytes for each sealed segment and each stream in it; 56 + 16 bytes for each
/// frame of the segments that are not sealed.
struct LogIndex: Sendable {
    struct Stream: Sendable {
        var name: StreamName
        /// The sealed segments that hold records of it, and its first offset there; ascending.
        var sealed: [(segment: Int, firstOffset: Int64)] = []
        /// Its frames in segments that are not sealed: segment number and index of the entry.
        var frames: [(segment: Int, entry: Int)] = []
        /// The first offset that is still there.
        var startOffset: Int64 = 0
        var highWatermark: Int64 = 0
    }

    /// In order; their numbers are consecutive.
    private(set) var segments: [Segment] = []
    private(set) var streams: [Stream] = []
    private(set) var ids: [StreamName: StreamID] = [:]

    mutating func register(_ name: StreamName) {
        ids[name] = StreamID(UInt32(streams.count))
        streams.append(Stream(name: name))
    }

    mutating func append(_ segment: Segment) { segments.append(segment) }

    /// Where a segment number is in `segments`; nil when it is gone.
    func index(of number: Int) -> Int? {
        guard let first = segments.first?.number, number >= first else { return nil }
        let index = number - first
        return index < segments.count ? index : nil
    }

    /// Adds a durable frame to the last segment.
    mutating func add(_ entry: FrameEntry) {
        let last = segments.count - 1
        segments[last].entries.append(entry)
        let stream = Int(entry.stream)
        guard entry.kind != .tick, stream < streams.count else { return }
        streams[stream].frames.append((segments[last].number, segments[last].entries.count - 1))
        streams[stream].highWatermark = entry.endOffset
    }

    /// Adds a sealed segment, which knows what it holds.
    mutating func add(_ segment: Segment, rows: [SealedFooter.StreamRow]) {
        segments.append(segment)
        note(rows, of: segment.number)
    }

    private mutating func note(_ rows: [SealedFooter.StreamRow], of number: Int) {
        for row in rows where Int(row.stream) < streams.count {
            let stream = Int(row.stream)
            streams[stream].sealed.append((number, row.firstOffset))
            streams[stream].highWatermark = max(streams[stream].highWatermark, row.endOffset)
        }
    }

    /// Lets go of a segment's frames: its footer has them. Segments are sealed in order.
    mutating func seal(
        _ number: Int, _ trailer: SegmentTrailer, rows: [SealedFooter.StreamRow]
    ) {
        guard let index = index(of: number) else { return }
        let isKnown = segments[index].isSealed
        segments[index].trailer = trailer
        if isKnown { return }
        segments[index].entries = []
        segments[index].file = nil
        for row in rows where Int(row.stream) < streams.count {
            let stream = Int(row.stream)
            let gone = streams[stream].frames.partitioningIndex { $0.segment > number }
            streams[stream].frames.removeFirst(gone)
        }
        note(rows, of: number)
    }

    /// Lets go of a sealed segment's records. Its streams begin after them: offsets stay without
    /// holes, also where a segment before this one still holds some.
    mutating func retire(_ number: Int, rows: [SealedFooter.StreamRow]) {
        guard let index = index(of: number) else { return }
        segments[index].isRetired = true
        for row in rows where Int(row.stream) < streams.count {
            let stream = Int(row.stream)
            streams[stream].sealed.removeAll { $0.segment <= number }
            streams[stream].startOffset = max(streams[stream].startOffset, row.endOffset)
        }
    }

    func entry(_ place: (segment: Int, entry: Int)) -> FrameEntry? {
        index(of: place.segment).map { segments[$0].entries[place.entry] }
    }

    /// The segment that holds a position, or the last one.
    func segment(holding position: Int64) -> Int {
        max(0, segments.partitioningIndex { $0.base > position } - 1)
    }
}
