import VarveFormats

/// How a log is kept. Every limit has its reason beside it.
public struct LogOptions: Sendable {
    /// A segment file rolls when the next frame would make it larger.
    public var segmentBytes: Int64 = 256 << 20
    /// Disk space is reserved in steps: a full disk is known before a batch is taken in.
    public var reserveBytes: Int64 = 16 << 20
    /// Batches waiting for the appender, in bytes; producers wait when there are more.
    public var mailboxBytes = 128 << 20
    /// The largest batch, bytes in all; larger ones are refused.
    public var batchBytes = RecordBatchHeader.largestBatch
    /// The most streams: each takes memory, and a row in every footer.
    public var streamLimit = 100_000
    /// Bytes written with one sync.
    public var groupBytes = 32 << 20
    /// A clean stop ends a segment of this size or more: the next start reads its footer, where it
    /// would read every frame.
    public var closeBytes: Int64 = 4 << 20
    /// A tick is written after this long without appends, so that the promise of the last ones
    /// is on disk too.
    public var tickAfter = Duration.milliseconds(100)

    /// How long to wait before work that failed for want of space is tried again.
    public var retryAfter = Duration.seconds(1)
    /// Files of sealed segments kept open.
    public var openFiles = 64
    /// Bytes of sealed segments' footers kept in memory, beyond the one in use.
    public var footerBytes = 64 << 20
    /// An idempotent producer that was silent for longer is forgotten when a segment ends.
    public var producerExpiry = Duration.seconds(7 * 24 * 3600)

    /// A mistake that only the simulator makes, to show that it would be noticed: bodies are taken
    /// for good whatever their checksums say.
    @_spi(Simulation) public var ignoresChecksums = false

    /// The defaults.
    public init() {}
}
