import VarveBytes
import VarveBytes
public import VarveFormats
public import VarveLog
public import VarveSystem

/// A real log in a directory that goes away with the test, under a clock that the test moves.
public final class TemporaryLog {
    /// The log's directory is its subdirectory `data`.
    public let root: TemporaryDirectory
    public let clock = ManualClock(Timestamp(microseconds: 0))
    public private(set) var log: Log
    private let options: LogOptions

    /// - Parameter segmentBytes: nil: as large as usual.
    public init(segmentBytes: Int64? = nil) throws {
        root = try TemporaryDirectory()
        options = Self.options(segmentBytes: segmentBytes)
        log = try Log.open(directory: root.path + "/data", options: options, clock: clock)
    }

    deinit { try? log.close() }

    /// Options of a log that takes little room.
    public static func options(segmentBytes: Int64? = nil) -> LogOptions {
        var options = LogOptions()
        if let segmentBytes { options.segmentBytes = segmentBytes }
        options.reserveBytes = min(options.segmentBytes, 64 << 10)
        return options
    }

    public var directory: String { root.path + "/data" }

    /// Closes the log and opens it again.
    public func reopen() throws {
        try log.close()
        log = try Log.open(directory: directory, options: options, clock: clock)
    }

    /// Moves the clock to a time, microseconds; ingest times never decrease, whatever it shows.
    public func setTime(_ microseconds: Int64) {
        clock.advance(byMicroseconds: microseconds - clock.now().microseconds)
    }

    /// Appends records as one batch.
    /// - Returns: the position of the first.
    @discardableResult
    public func append(
        _ records: [Record], to name: String, partition: Int32 = 0, flags: FrameFlags = [],
        compression: Compression = .none
    ) throws -> Int64 {
        let stream = StreamName(name: name, partition: partition)
        try log.createStreams([stream])
        guard let id = log.stream(stream)?.id else { throw AppendError.stopped("no \(name)") }
        let batch = try RecordBatch.encode(records, compression: compression)
        return try log.append(batch, to: id, flags: flags).basePosition.value
    }

    /// Appends texts as the values of records, one batch.
    @discardableResult
    public func append(
        _ texts: [String], to name: String, flags: FrameFlags = []
    ) throws -> Int64 {
        try append(
            texts.map { Record(key: nil, value: Array($0.utf8), timestamp: 0) }, to: name,
            flags: flags)
    }

    /// Appends one batch of a codec that is not read here.
    public func appendUndecodable(count: Int, to name: String) throws {
        let stream = StreamName(name: name, partition: 0)
        try log.createStreams([stream])
        guard let id = log.stream(stream)?.id else { throw AppendError.stopped("no \(name)") }
        var batch = try RecordBatch.encode(
            (0..<count).map { _ in Record(key: nil, value: [1, 2, 3], timestamp: 0) })
        batch.patchBigEndian(Int16(Compression.zstd.rawValue), at: 21)
        batch.patchBigEndian(CRC32C.checksum(batch.raw.extracting(21..<batch.count)), at: 17)
        _ = try log.append(batch, to: id)
    }
}
