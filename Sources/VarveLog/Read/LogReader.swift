import VarveBytes
import VarveFormats
import VarveSystem

/// Why committed records cannot be read.
public enum ReadError: Error, Sendable, Equatable, CustomStringConvertible {
    case system(String)
    case damaged(path: String, offset: Int64, position: Int64)
    /// The stream has offsets 0 up to `end`.
    case offsetOutOfRange(Int64, end: Int64)
    case unknownStream(StreamID)

    public var description: String {
        switch self {
        case .system(let reason): reason
        case .damaged(let path, let offset, let position):
            "\(path) is damaged at byte \(offset), position \(position): the frame there does not"
                + " match its checksum"
        case .offsetOutOfRange(let offset, let end):
            "offset \(offset) is out of range, expected 0 to \(end)"
        case .unknownStream(let id): "stream \(id.value) does not exist"
        }
    }
}

/// Reads committed records; any number of threads may share it. It never waits for the appender
/// beyond a look into the index.
public struct LogReader: Sendable {
    let state: LogState

    init(_ state: LogState) { self.state = state }

    /// The log's name.
    public var id: LogID { state.log }

    /// Every record below it is durable; nothing at or above it is seen.
    public var commitPosition: Position { Position(state.commit.withLock { $0 }) }

    /// Why the log stopped appending; nil while it goes on.
    public var failure: AppendError? { state.failure }

    /// All streams, in order of their numbers.
    public func streams() -> [StreamInfo] {
        state.withIndex { index in
            index.streams.enumerated().map {
                StreamInfo(
                    id: StreamID(UInt32($0)), name: $1.name, highWatermark: $1.highWatermark)
            }
        }
    }

    /// One stream by name.
    public func stream(_ name: StreamName) -> StreamInfo? {
        state.withIndex { index in
            index.ids[name].map {
                StreamInfo(
                    id: $0, name: name, highWatermark: index.streams[Int($0.value)].highWatermark)
            }
        }
    }

    /// One stream by number.
    public func stream(_ id: StreamID) -> StreamInfo? {
        state.withIndex { index in
            guard index.streams.indices.contains(Int(id.value)) else { return nil }
            let stream = index.streams[Int(id.value)]
            return StreamInfo(id: id, name: stream.name, highWatermark: stream.highWatermark)
        }
    }

    /// Bytes read at a time when frames stand side by side.
    private static let readSize = 4 << 20
    /// Frames looked up at a time.
    private static let lookupCount = 4096

    /// Calls `body` with the committed frames that overlap a range of positions, in order; of
    /// these streams only, unless nil. `body` answers whether to go on. Every frame is checked
    /// against its checksum.
    public func read(
        from start: Position, upTo end: Position? = nil, streams: Set<StreamID>? = nil,
        _ body: (borrowing FrameView) throws -> Bool
    ) throws {
        let limit = min(end ?? commitPosition, commitPosition).value
        var next = start.value
        var buffer: [UInt8] = []
        while next < limit {
            let from = next
            let found = state.withIndex { $0.frames(from: from, upTo: limit, streams, Self.lookupCount) }
            next = found.next
            var first = 0
            while first < found.entries.count {
                let count = Self.run(found.entries[first...])
                let entries = found.entries[first..<(first + count)]
                guard try read(entries, of: found.segment, into: &buffer, body) else { return }
                first += count
            }
        }
    }

    /// How many of the first entries stand close enough to be read at once.
    private static func run(_ entries: ArraySlice<FrameEntry>) -> Int {
        guard let first = entries.first else { return 0 }
        var end = first.fileOffset + Int64(first.frameSize)
        var count = 1
        for entry in entries.dropFirst() {
            let next = entry.fileOffset + Int64(entry.frameSize)
            let isNear = entry.fileOffset - end < 64 << 10
            if !isNear || next - first.fileOffset > Int64(readSize) { break }
            end = next
            count += 1
        }
        return count
    }

    private func read(
        _ entries: ArraySlice<FrameEntry>, of segment: Segment, into buffer: inout [UInt8],
        _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        guard let first = entries.first, let last = entries.last else { return true }
        let size = Int(last.fileOffset - first.fileOffset) + last.frameSize
        if buffer.count < size { buffer = [UInt8](repeating: 0, count: size) }
        let count: Int
        do {
            count = try segment.file.read(size, at: first.fileOffset, into: &buffer, start: 0)
        } catch {
            throw ReadError.system("\(error)")
        }
        for entry in entries {
            let start = Int(entry.fileOffset - first.fileOffset)
            let seed = FrameHeader.seed(
                log: id, segmentBase: segment.base, fileOffset: entry.fileOffset)
            let frameEnd = start + entry.frameSize
            guard frameEnd <= count,
                let header = FrameHeader(
                    buffer.raw.extracting(start..<(start + FrameHeader.size)), seed: seed),
                header.bodyLength == entry.bodyLength, header.basePosition == entry.basePosition,
                header.matches(buffer.raw.extracting(start..<frameEnd))
                    || state.options.ignoresChecksums
            else {
                throw ReadError.damaged(
                    path: segment.file.path, offset: entry.fileOffset,
                    position: entry.basePosition)
            }
            let bodyEnd = start + FrameHeader.size + Int(entry.bodyLength)
            let bytes = buffer.raw.extracting((start + FrameHeader.size)..<bodyEnd)
            if try !body(FrameView(header, body: bytes)) { return false }
        }
        return true
    }

    /// Appends whole batches of a stream to `output`, from the one that holds `offset` on: at
    /// least one, then as many as fit `maxBytes`. Nothing when the offset is the high watermark.
    public func readStream(
        _ stream: StreamID, from offset: Int64, maxBytes: Int, into output: inout [UInt8]
    ) throws(ReadError) {
        let places = try state.withIndex { index in
            index.batches(of: stream, from: offset, maxBytes: maxBytes)
        }.get()
        var scratch: [UInt8] = []
        for (segment, entry) in places {
            do {
                _ = try read([entry], of: segment, into: &scratch) { frame in
                    output.append(copying: frame.body)
                    return true
                }
            } catch let error as ReadError {
                throw error
            } catch {
                throw .system("\(error)")
            }
        }
    }

    /// The offset of the first batch with a timestamp at or after this one, in milliseconds, and
    /// that batch's largest timestamp; nil when there is none.
    public func offset(ofTimestamp time: Int64, in stream: StreamID) -> (
        offset: Int64, timestamp: Int64
    )? {
        state.withIndex { index in
            guard index.streams.indices.contains(Int(stream.value)) else { return nil }
            // Timestamps are the producers': they need not ascend, so all frames are looked at.
            for place in index.streams[Int(stream.value)].frames {
                let entry = index.entry(place)
                if entry.maxTimestamp >= time { return (entry.baseOffset, entry.maxTimestamp) }
            }
            return nil
        }
    }
}

extension LogIndex {
    /// Frames of one segment that overlap [start, end), at most `limit`, and the position to go
    /// on from.
    func frames(from start: Int64, upTo end: Int64, _ wanted: Set<StreamID>?, _ limit: Int)
        -> (segment: Segment, entries: [FrameEntry], next: Int64)
    {
        var number = segments.count - 1
        while number > 0, segments[number].base > start { number -= 1 }
        let segment = segments[number]
        var index = segment.firstIndex(endingAfter: start)
        var found: [FrameEntry] = []
        var next = start
        while index < segment.entries.count, found.count < limit {
            let entry = segment.entries[index]
            if entry.basePosition >= end { break }
            if wanted?.contains(StreamID(entry.stream)) ?? true { found.append(entry) }
            next = entry.endPosition
            index += 1
        }
        if index == segment.entries.count {
            next = number + 1 < segments.count ? max(next, segments[number + 1].base) : end
        }
        if index < segment.entries.count, segment.entries[index].basePosition >= end { next = end }
        return (Segment(base: segment.base, file: segment.file), found, next)
    }

    /// The frames that a fetch from `offset` returns.
    func batches(of stream: StreamID, from offset: Int64, maxBytes: Int)
        -> Result<[(Segment, FrameEntry)], ReadError>
    {
        let number = Int(stream.value)
        guard streams.indices.contains(number) else { return .failure(.unknownStream(stream)) }
        let end = streams[number].highWatermark
        guard (0...end).contains(offset) else {
            return .failure(.offsetOutOfRange(offset, end: end))
        }
        var next = firstFrame(of: number) { $0.baseOffset + Int64($0.count) > offset }
        var found: [(Segment, FrameEntry)] = []
        var bytes = 0
        while next < streams[number].frames.count {
            let place = streams[number].frames[next]
            let entry = entry(place)
            bytes += Int(entry.bodyLength)
            if !found.isEmpty, bytes > maxBytes { break }
            let segment = segments[place.segment]
            found.append((Segment(base: segment.base, file: segment.file), entry))
            next += 1
        }
        return .success(found)
    }
}
