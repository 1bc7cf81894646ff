import VarveBytes
import VarveFormats
import VarveLog

/// What a log must hold: every frame that anyone was told of or could see, in order, and what was
/// submitted without an answer.
struct LogModel {
    /// A batch as a producer made it.
    struct Batch {
        let bytes: [UInt8]
        let stream: UInt32
        let count: Int
        let isQuarantined: Bool
        /// Where it stands in the log, once it does.
        var base: Int64?
    }

    /// What a frame holds.
    enum Content: Equatable {
        case batch(Int)
        case streams([StreamName])
    }

    struct Frame {
        let base: Int64
        let count: Int
        let stream: UInt32
        let offset: Int64
        let content: Content
        /// Whether retention removed it.
        var isGone = false

        var end: Int64 { base + Int64(count) }
    }

    private(set) var batches: [Batch] = []
    private(set) var frames: [Frame] = []
    private(set) var streams = [Log.catalogName]
    private var nextOffsets: [Int64] = [0]
    /// Submitted, not answered: on disk or not, in this order.
    private(set) var doubtful: [Content] = []
    /// Segments that were to be removed when something went wrong: they are there, or not.
    private var halfRemoved: [Range<Int64>] = []

    /// The position after the last frame.
    var end: Int64 { frames.last?.end ?? 0 }

    func highWatermark(_ stream: Int) -> Int64 { nextOffsets[stream] }

    mutating func submit(_ batch: Batch) -> Int {
        batches.append(batch)
        return batches.count - 1
    }

    /// Those of the names that are no streams, each once.
    func missing(_ names: [StreamName]) -> [StreamName] {
        var missing: [StreamName] = []
        for name in names where !streams.contains(name) && !missing.contains(name) {
            missing.append(name)
        }
        return missing
    }

    /// Takes in what was acknowledged or became visible; it comes next.
    mutating func establish(_ content: Content) {
        let (stream, count) =
            switch content {
            case .batch(let id): (batches[id].stream, batches[id].count)
            case .streams(let names): (UInt32(0), names.count)
            }
        let frame = Frame(
            base: end, count: count, stream: stream, offset: nextOffsets[Int(stream)],
            content: content)
        frames.append(frame)
        nextOffsets[Int(stream)] += Int64(count)
        switch content {
        case .batch(let id): batches[id].base = frame.base
        case .streams(let names):
            streams += names
            nextOffsets += names.map { _ in 0 }
        }
    }

    mutating func doubt(_ content: Content) { doubtful.append(content) }

    /// What is still in doubt after a recovery is not in the log.
    mutating func settleDoubts() {
        doubtful = []
        halfRemoved = []
    }

    // MARK: Retention

    /// The first offset of a stream that is left.
    func startOffset(_ stream: Int) -> Int64 {
        frames.last { Int($0.stream) == stream && $0.isGone }.map { $0.offset + Int64($0.count) }
            ?? 0
    }

    /// Records that are left.
    var remaining: Int64 { frames.reduce(0) { $0 + ($1.isGone ? 0 : Int64($1.count)) } }

    /// Whether retention removed the record at a position.
    func isGone(_ position: Int64) -> Bool { frames[index(of: position)].isGone }

    /// Notes that segments are about to be removed, and which were for certain.
    mutating func beginRemoval(_ segments: [Range<Int64>]) { halfRemoved += segments }

    mutating func endRemoval(_ segments: [Range<Int64>]) {
        for positions in segments { mark(positions, isGone: true) }
        halfRemoved = []
    }

    private mutating func mark(_ positions: Range<Int64>, isGone: Bool) {
        for index in frames.indices where positions.contains(frames[index].base) {
            frames[index].isGone = isGone
        }
    }

    /// Passes over frames that are gone, up to the one at a position; segments that were being
    /// removed are taken for gone when they are missing as a whole.
    private mutating func pass(_ seen: inout Int, to position: Int64) {
        while seen < frames.count {
            let frame = frames[seen]
            if !frame.isGone {
                guard frame.base < position,
                    let removal = halfRemoved.first(where: { $0.lowerBound == frame.base })
                else { return }
                mark(removal, isGone: true)
            }
            seen += 1
        }
    }

    /// The first frame from an index on that is not gone.
    func next(_ seen: Int) -> Int {
        frames[seen...].firstIndex { !$0.isGone } ?? frames.count
    }

    /// Forgets frames from a position on: damage took them, and recovery said so.
    mutating func forget(from position: Int64) {
        while let last = frames.last, last.base >= position {
            frames.removeLast()
            nextOffsets[Int(last.stream)] = last.offset
            switch last.content {
            case .batch(let id): batches[id].base = nil
            case .streams(let names):
                streams.removeLast(names.count)
                nextOffsets.removeLast(names.count)
            }
        }
    }

    /// The index of the frame that holds a position.
    func index(of position: Int64) -> Int {
        var (low, high) = (0, frames.count)
        while low < high {
            let middle = (low + high) / 2
            if frames[middle].end <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension LogModel {
    /// Compares a frame that was read with the one that must be there.
    func check(_ read: borrowing FrameView, equals frame: Frame) throws(Violation) {
        try require(
            read.basePosition.value == frame.base && read.count == frame.count
                && read.streamID.value == frame.stream && read.baseOffset == frame.offset,
            "a frame at position \(read.basePosition.value), stream \(read.streamID.value), offset"
                + " \(read.baseOffset), \(read.count) records; expected position \(frame.base),"
                + " stream \(frame.stream), offset \(frame.offset), \(frame.count) records")
        guard case .batch(let id) = frame.content else { return }
        try require(
            Self.areEqual(read.body, batches[id].bytes),
            "the batch at position \(frame.base) is not the one that was appended")
        try require(
            read.isQuarantined == batches[id].isQuarantined,
            "the flags at position \(frame.base) changed")
        try require(
            read.body.bigEndian(at: 0, as: Int64.self) == frame.offset,
            "the batch at position \(frame.base) does not carry its offset")
    }

    /// Whether two batches are the same but for the fields that a broker sets.
    static func areEqual(_ body: RawSpan, _ bytes: [UInt8]) -> Bool {
        body.byteCount == bytes.count
            && body.extracting(8..<12).equals(bytes.raw.extracting(8..<12))
            && CRC32C.checksum(body.extracting(16..<body.byteCount))
                == CRC32C.checksum(bytes.raw.extracting(16..<bytes.count))
    }

    /// Reads the whole log and expects exactly the model's frames; after a crash, also frames that
    /// were in doubt, which are in the log from then on.
    mutating func check(_ reader: LogReader, mayAdopt: Bool) throws {
        var seen = 0
        var doubts = doubtful[...]
        var model = self
        // Until its directory is synced, a removal may be undone by a crash.
        if mayAdopt { for positions in halfRemoved { model.mark(positions, isGone: false) } }
        try reader.read(from: Position(0)) { frame in
            model.pass(&seen, to: frame.basePosition.value)
            if seen < model.frames.count {
                try model.check(frame, equals: model.frames[seen])
            } else {
                try require(mayAdopt, "a frame nobody was told of at \(frame.basePosition.value)")
                try model.adopt(frame, from: &doubts)
            }
            seen += 1
            return true
        }
        model.pass(&seen, to: .max)
        try require(
            seen == model.frames.count,
            "the log ends after frame \(seen), position"
                + " \(seen == 0 ? 0 : model.frames[seen - 1].end), expected position \(model.end)")
        try require(
            reader.commitPosition.value == model.end,
            "the commit position is \(reader.commitPosition.value), expected \(model.end)")
        let streams = reader.streams()
        try require(
            streams.map(\.name) == model.streams
                && streams.map(\.highWatermark) == model.nextOffsets,
            "the streams are \(streams.map { "\($0.name.name):\($0.highWatermark)" }), expected"
                + " \(zip(model.streams, model.nextOffsets).map { "\($0.name):\($1)" })")
        let starts = model.streams.indices.map { model.startOffset($0) }
        try require(
            streams.map(\.startOffset) == starts,
            "the streams start at \(streams.map(\.startOffset)), expected \(starts)")
        self = model
    }

    /// Takes a frame that is there after a crash for the first one in doubt that it can be.
    private mutating func adopt(
        _ frame: borrowing FrameView, from doubts: inout ArraySlice<Content>
    ) throws(Violation) {
        while let content = doubts.popFirst() {
            let isIt =
                switch content {
                case .batch(let id):
                    batches[id].stream == frame.streamID.value && batches[id].base == nil
                        && Self.areEqual(frame.body, batches[id].bytes)
                case .streams(let names): frame.streamID == .catalog && frame.count == names.count
                }
            if isIt {
                establish(content)
                return try check(frame, equals: frames[frames.count - 1])
            }
        }
        throw Violation("a frame that was never submitted at \(frame.basePosition.value)")
    }
}
