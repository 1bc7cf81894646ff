import VarveBytes
import VarveFormats
import VarveSystem

/// Writes groups of batches to the last segment: frames, one write, one sync. Takes no lock and
/// starts no thread, so that a simulator can drive it step by step.
///
///     decide --> encode frames --> write --> sync --> entries for the index, results for callers
struct LogWriter {
    let log: LogID
    let epoch: UInt32
    let directory: String
    let files: any FileSystem
    let options: LogOptions
    private(set) var pipeline: AppendPipeline
    private var file: any File
    private var segmentBase: Int64
    /// Where the next frame goes.
    private var end: Int64
    /// The file's reserved size.
    private var reserved: Int64
    /// Every record below it is durable.
    private(set) var commit: Int64
    /// Encoded frames that are not written yet, and where they go.
    private var buffer = ByteWriter()
    private var bufferStart: Int64

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

    init(
        log: LogID, epoch: UInt32, directory: String, files: any FileSystem, options: LogOptions,
        pipeline: AppendPipeline, file: any File, segmentBase: Int64, end: Int64, size: Int64
    ) {
        self.log = log
        self.epoch = epoch
        self.directory = directory
        self.files = files
        self.options = options
        self.pipeline = pipeline
        self.file = file
        self.segmentBase = segmentBase
        self.end = end
        bufferStart = end
        reserved = size
        commit = pipeline.nextPosition
    }

    mutating func addStream() { pipeline.addStream() }

    /// Appends a group. Throws `stopped` when nothing more may be written by this process; every
    /// other failure is a request's own result.
    mutating func append(_ requests: [Request], now: Timestamp) throws(AppendError) -> Outcome {
        var outcome = Outcome()
        for request in requests {
            let result: Result<Appended, AppendError>
            do throws(AppendError) {
                let header = try Self.checked(request.batch)
                let size = FrameHeader.frameSize(body: request.batch.count)
                let decision = pipeline.decide(
                    header, stream: request.stream, now: now.microseconds)
                switch decision {
                case .refuse(let error): throw error
                case .duplicate(let placed): result = .success(placed)
                case .place(let placed):
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
        return outcome
    }

    private var isFirst: Bool { end == Int64(SegmentHeader.size) }

    private static func checked(_ batch: [UInt8]) throws(AppendError) -> RecordBatchHeader {
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
        var body = request.batch
        RecordBatch.setPlacement(
            &body, baseOffset: placed.baseOffset, leaderEpoch: Int32(truncatingIfNeeded: epoch))
        let header = FrameHeader(
            bodyLength: UInt32(body.count), count: UInt32(placed.count),
            basePosition: placed.basePosition.value,
            ingestTime: placed.ingestTime.microseconds, commitPromised: commit,
            stream: request.stream.value, bodyChecksum: CRC32C.checksum(body.raw), epoch: epoch,
            kind: .batch, flags: request.flags.rawValue, baseOffset: placed.baseOffset)
        let offset = end
        write(header, body)
        return FrameEntry(
            fileOffset: offset, basePosition: placed.basePosition.value,
            baseOffset: placed.baseOffset, maxTimestamp: batch.maxTimestamp,
            bodyLength: UInt32(body.count), count: UInt32(placed.count),
            stream: request.stream.value)
    }

    private mutating func write(_ header: FrameHeader, _ body: [UInt8]) {
        let seed = FrameHeader.seed(log: log, segmentBase: segmentBase, fileOffset: end)
        header.write(to: &buffer, seed: seed)
        buffer.raw(body)
        buffer.pad(to: 8)
        end += Int64(header.frameSize)
    }

    /// Writes a tick: the commit position becomes a promise on disk.
    mutating func tick(now: Timestamp) throws(AppendError) {
        do throws(AppendError) {
            try reserve(upTo: end + Int64(FrameHeader.size))
        } catch {
            if case .stopped = error { throw error }
            // A full disk has no room for a promise either; the next append or tick makes it.
            return
        }
        pipeline.observe(ingestTime: now.microseconds)
        let header = FrameHeader(
            bodyLength: 0, count: 0, basePosition: pipeline.nextPosition,
            ingestTime: pipeline.lastIngestTime, commitPromised: commit, stream: 0,
            bodyChecksum: 0, epoch: epoch, kind: .tick, flags: 0, baseOffset: 0)
        write(header, [])
        try flush()
    }

    /// Makes the encoded frames durable: write, sync, and only then the commit position.
    private mutating func flush() throws(AppendError) {
        guard !buffer.bytes.isEmpty else { return }
        do {
            try file.write(buffer.bytes.raw, at: bufferStart)
            try file.sync()
        } catch {
            throw .stopped("\(error)")
        }
        buffer.bytes.removeAll(keepingCapacity: true)
        bufferStart = end
        commit = pipeline.nextPosition
    }

    /// Makes sure that the next frame has its place: in this segment, or in the next one.
    private mutating func makeRoom(
        _ size: Int, now: Timestamp, _ outcome: inout Outcome
    ) throws(AppendError) {
        if !isFirst, end + Int64(size) > options.segmentBytes {
            try flush()
            try roll(now: now, &outcome)
        }
        try reserve(upTo: end + Int64(size))
    }

    private mutating func reserve(upTo size: Int64) throws(AppendError) {
        guard size > reserved else { return }
        let wanted = max(size, reserved + options.reserveBytes)
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

    /// Ends the segment and starts the next one at the next position.
    private mutating func roll(now: Timestamp, _ outcome: inout Outcome) throws(AppendError) {
        let next: any File
        do {
            next = try Self.create(
                SegmentHeader(
                    epoch: epoch, log: log, basePosition: pipeline.nextPosition,
                    creationTime: now.microseconds), in: directory, files)
        } catch {
            throw error.isOutOfSpace ? .outOfSpace("\(error)") : .stopped("\(error)")
        }
        do {
            try file.truncate(to: end)
            try file.sync()
        } catch {
            throw .stopped("\(error)")
        }
        file = next
        segmentBase = pipeline.nextPosition
        end = Int64(SegmentHeader.size)
        bufferStart = end
        reserved = end
        outcome.additions.append(.segment(Segment(base: segmentBase, file: file)))
    }

    /// Creates a segment file that is whole, or not there, after a crash.
    static func create(
        _ header: SegmentHeader, in directory: String, _ files: any FileSystem
    ) throws(SystemError) -> any File {
        let name = SegmentHeader.fileName(header.basePosition)
        try files.replace(name, in: directory, with: header.encoded())
        return try files.open("\(directory)/\(name)", .readWrite)
    }
}
