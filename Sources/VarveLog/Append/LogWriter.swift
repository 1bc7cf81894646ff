import VarveBytes
import VarveFormats
import VarveSystem

/// Writes groups of batches to the last segment: frames, one write, one sync. Takes no lock but
/// those of its helpers and starts no thread, so that a simulator can drive it step by step.
///
///     decide --> encode frames --> write --> sync --> entries for the index, results for callers
///                                                --> leaf hashes, once callers have their answer
struct LogWriter: Sendable {
    let log: LogID
    let epoch: UInt32
    let directory: String
    let files: any FileSystem
    let options: LogOptions
    let tree: LogTree
    let keeper: SegmentKeeper
    private(set) var pipeline: AppendPipeline
    private var file: any File
    private var path: String
    private var number: Int
    private var segmentBase: Int64
    private var segmentSeed: UInt32
    /// Where the next frame goes.
    private var end: Int64
    /// The file's reserved size.
    private var reserved: Int64
    /// Every record below it is durable.
    private(set) var commit: Int64
    /// Encoded frames that are not written yet, their sizes, and where they go.
    private var buffer = ByteWriter()
    private var sizes: [Int] = []
    private var bufferStart: Int64
    /// Durable frames that are not in the tree yet.
    private var unhashed: [LogTree.Group] = []

    /// A batch to append.
    struct Request {
        let batch: [UInt8]
        let stream: StreamID
        let flags: FrameFlags
    }

    /// What a group did: new entries per segment, in order, and a result per request.
    struct Outcome {
        var additions: [Addition] = []
        var results: [Result<Appended, AppendError>] = []
    }

    /// A step in the growth of the index.
    enum Addition {
        case segment(Segment)
        case entry(FrameEntry)
    }

    /// The segment to go on with.
    struct Start {
        var segment: Segment
        var file: any File
        /// Where the next frame goes.
        var end: Int64
        /// The file's size.
        var size: Int64
    }

    init(
        log: LogID, epoch: UInt32, directory: String, files: any FileSystem, options: LogOptions,
        tree: LogTree, keeper: SegmentKeeper, pipeline: AppendPipeline, start: Start
    ) {
        self.log = log
        self.epoch = epoch
        self.directory = directory
        self.files = files
        self.options = options
        self.tree = tree
        self.keeper = keeper
        self.pipeline = pipeline
        file = start.file
        path = start.segment.path
        number = start.segment.number
        segmentBase = start.segment.base
        segmentSeed = FrameHeader.segmentSeed(log: log, base: start.segment.base)
        end = start.end
        bufferStart = start.end
        reserved = start.size
        commit = pipeline.nextPosition
    }

    /// What was written, and how long it took.
    let statistics = AppendStatistics()

    mutating func addStream() { pipeline.addStream() }

    /// Appends a group. Throws `stopped` when nothing more may be written by this process; every
    /// other failure is a request's own result.
    mutating func append(_ requests: [Request], now: Timestamp) throws(AppendError) -> Outcome {
        var outcome = Outcome()
        outcome.results.reserveCapacity(requests.count)
        buffer.bytes.reserveCapacity(
            requests.reduce(0) { $0 + FrameHeader.frameSize(body: $1.batch.count) })
        for request in requests {
            let result: Result<Appended, AppendError>
            do throws(AppendError) {
                let header = try checked(request.batch)
                switch pipeline.decide(header, stream: request.stream, now: now.microseconds) {
                case .refuse(let error): throw error
                case .duplicate(let placed): result = .success(placed)
                case .place(let placed):
                    let size = FrameHeader.frameSize(body: request.batch.count)
                    do throws(AppendError) {
                        try makeRoom(size, now: now, &outcome)
                    } catch {
                        pipeline.hold(header, stream: request.stream)
                        throw error
                    }
                    outcome.additions.append(.entry(encode(request, header, placed)))
                    pipeline.commit(placed, header, stream: request.stream)
                    result = .success(placed)
                }
            } catch {
                if case .stopped = error { throw error }
                result = .failure(error)
            }
            outcome.results.append(result)
        }
        try flush()
        if end > options.segmentBytes / 2 { keeper.prepare() }
        return outcome
    }

    private func checked(_ batch: [UInt8]) throws(AppendError) -> RecordBatchHeader {
        guard batch.count <= options.batchBytes else {
            throw .tooLarge(size: batch.count, limit: options.batchBytes)
        }
        do {
            let header = try RecordBatch.verify(batch.raw)
            guard header.totalSize == batch.count else {
                throw RecordBatchError.badField("length", Int64(header.length))
            }
            return header
        } catch {
            throw .invalidBatch("\(error)")
        }
    }

    private mutating func encode(
        _ request: Request, _ batch: RecordBatchHeader, _ placed: Appended
    ) -> FrameEntry {
        let start = buffer.count
        let body = start + FrameHeader.size
        buffer.zeros(FrameHeader.size)
        buffer.raw(request.batch)
        RecordBatch.setPlacement(
            &buffer.bytes, at: body, baseOffset: placed.baseOffset,
            leaderEpoch: Int32(truncatingIfNeeded: epoch))
        let header = FrameHeader(
            bodyLength: UInt32(request.batch.count), count: UInt32(placed.count),
            basePosition: placed.basePosition.value,
            ingestTime: placed.ingestTime.microseconds, commitPromised: commit,
            stream: request.stream.value,
            bodyChecksum: CRC32C.checksum(buffer.bytes.raw.extracting(body..<buffer.count)),
            epoch: epoch, kind: .batch, flags: request.flags.rawValue,
            baseOffset: placed.baseOffset)
        let offset = end
        complete(header, at: start)
        return FrameEntry(header, at: offset, maxTimestamp: batch.maxTimestamp)
    }

    /// Writes the header of a frame whose body is in the buffer, and pads it.
    private mutating func complete(_ header: FrameHeader, at start: Int) {
        header.write(
            to: &buffer, at: start, seed: FrameHeader.seed(segmentSeed, fileOffset: end))
        buffer.pad(to: 8)
        sizes.append(header.frameSize)
        end += Int64(header.frameSize)
    }

    /// Writes a tick: the commit position becomes a promise on disk. Answers its entry; nil when
    /// the disk is full, which has no room for a promise either: the next append or tick makes it.
    mutating func tick(now: Timestamp) throws(AppendError) -> FrameEntry? {
        do throws(AppendError) {
            try reserve(upTo: end + Int64(FrameHeader.size))
        } catch {
            if case .stopped = error { throw error }
            return nil
        }
        pipeline.observe(ingestTime: now.microseconds)
        let header = FrameHeader(
            bodyLength: 0, count: 0, basePosition: pipeline.nextPosition,
            ingestTime: pipeline.lastIngestTime, commitPromised: commit, stream: 0,
            bodyChecksum: 0, epoch: epoch, kind: .tick, flags: 0, baseOffset: 0)
        let offset = end
        buffer.zeros(FrameHeader.size)
        complete(header, at: 0)
        try flush()
        return FrameEntry(header, at: offset, maxTimestamp: 0)
    }

    /// Ends the segment, if it is worth it, before a clean stop.
    mutating func finish(now: Timestamp) throws(AppendError) -> Outcome {
        var outcome = Outcome()
        if end >= options.closeBytes, commit > segmentBase { try roll(now: now, &outcome) }
        return outcome
    }

    /// Makes the encoded frames durable: write, sync, and only then the commit position.
    private mutating func flush() throws(AppendError) {
        guard !buffer.bytes.isEmpty else { return }
        do {
            let start = ContinuousClock.now
            try file.write(buffer.bytes.raw, at: bufferStart)
            try file.sync()
            statistics.add(
                frames: sizes.count, bytes: buffer.bytes.count, took: start.duration(to: .now))
        } catch {
            throw .stopped("\(error)")
        }
        bufferStart = end
        commit = pipeline.nextPosition
        unhashed.append(LogTree.Group(bytes: buffer.bytes, sizes: sizes, end: commit))
        buffer.bytes = []
        sizes.removeAll(keepingCapacity: true)
    }

    /// Hands durable frames to the tree. Called once callers have their answer, so that nobody
    /// waits for a hash.
    mutating func hashCommitted() {
        while !unhashed.isEmpty {
            let spare = tree.add(unhashed.removeFirst())
            if buffer.bytes.capacity < spare.capacity, buffer.bytes.isEmpty { buffer.bytes = spare }
        }
    }

    /// Makes sure that the next frame has its place: in this segment, or in the next one.
    private mutating func makeRoom(
        _ size: Int, now: Timestamp, _ outcome: inout Outcome
    ) throws(AppendError) {
        if end > Int64(SegmentHeader.size), end + Int64(size) > options.segmentBytes {
            try flush()
            // A segment of ticks alone would be followed by one that begins at the same position.
            if commit > segmentBase { try roll(now: now, &outcome) }
        }
        try reserve(upTo: end + Int64(size))
    }

    private mutating func reserve(upTo size: Int64) throws(AppendError) {
        guard size > reserved else { return }
        let wanted = max(size, min(reserved + options.reserveBytes, options.segmentBytes))
        do {
            try file.allocate(reserved..<wanted)
            reserved = wanted
        } catch {
            if error.isOutOfSpace {
                // What is left may be enough for this frame.
                do {
                    try file.allocate(reserved..<size)
                    reserved = size
                    return
                } catch {
                    throw error.isOutOfSpace ? .outOfSpace("\(error)") : .stopped("\(error)")
                }
            }
            throw .stopped("\(error)")
        }
    }

    /// Ends the segment and starts the next one at the next position. The order makes any crash
    /// harmless: the ended segment is whole and synced; the next one gets its name only when its
    /// header is durable; the footer of the ended one is written only after that.
    private mutating func roll(now: Timestamp, _ outcome: inout Outcome) throws(AppendError) {
        let next: any File
        let size: Int64
        do {
            next = try keeper.takeNext()
            size = max(try next.size(), Int64(SegmentHeader.size))
            try next.allocate(0..<size)
        } catch {
            throw error.isOutOfSpace ? .outOfSpace("\(error)") : .stopped("\(error)")
        }
        hashCommitted()
        pipeline.expireProducers(olderThan: options.producerExpiry.microseconds)
        let (summary, segments, historyRoot) = tree.roll()
        let header = SegmentHeader(
            epoch: epoch, log: log, basePosition: pipeline.nextPosition,
            creationTime: now.microseconds, previousRoot: summary.root, number: segments,
            historyRoot: historyRoot)
        let name = SegmentHeader.fileName(header.basePosition)
        let ended = SegmentKeeper.Ended(
            number: number, base: segmentBase, end: end, file: file, path: path, summary: summary,
            epoch: epoch, pipeline: pipeline)
        do {
            file = try Self.place(
                header, in: next, named: name, SegmentKeeper.preparedName, directory, files)
        } catch {
            throw .stopped("\(error)")
        }
        path = "\(directory)/\(name)"
        number += 1
        segmentBase = header.basePosition
        segmentSeed = FrameHeader.segmentSeed(log: log, base: segmentBase)
        end = Int64(SegmentHeader.size)
        bufferStart = end
        reserved = size
        outcome.additions.append(
            .segment(Segment(number: number, base: segmentBase, path: path, file: file)))
        keeper.seal(ended)
    }

    /// Makes a file the segment of a header: it is whole, or not there, after a crash.
    static func place(
        _ header: SegmentHeader, in file: any File, named name: String, _ temporary: String,
        _ directory: String, _ files: any FileSystem
    ) throws(SystemError) -> any File {
        try file.write(header.encoded().raw, at: 0)
        try file.sync()
        try files.rename("\(directory)/\(temporary)", to: "\(directory)/\(name)")
        try files.syncDirectory(directory)
        return try files.open("\(directory)/\(name)", .readWrite)
    }
}

extension Duration {
    /// Whole microseconds.
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
