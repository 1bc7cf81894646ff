public import VarveBytes
import VarveFormats
public import VarveSystem

/// The log of one data directory: one total order of records, appended by one thread, read by
/// any.
///
///     DIR/lock                          held while open; its text is the holder's address
///     DIR/log/<20-digit base>.varve     segments
///     DIR/log/torn-*                    tails that were cut off, kept for inspection
public final class Log: Sendable {
    /// Names the log for good.
    public let id: LogID
    /// Counts the openings of this log, from 1.
    public let epoch: UInt32
    /// What opening found and did.
    public let recovery: RecoveryReport
    /// Reads what is committed; goes on to work after `close`.
    public let reader: LogReader
    private let lock: any FileLock
    private let state: LogState
    private let statistics: AppendStatistics
    private let appender: Appender
    private let keeper: SegmentKeeper
    private let removeSegments: @Sendable (RetentionPlan) throws(LogError) -> RetentionPlan
    /// One retention at a time.
    private let retention = Monitor(())
    private let thread: WorkerThread
    private let keeperThread: WorkerThread
    private let hashThread: WorkerThread

    /// The stream that streams and definitions are registered in.
    public static let catalogName = StreamName(name: "varve.catalog", partition: 0)

    private init(_ core: LogCore, options: LogOptions) {
        id = core.id
        epoch = core.epoch
        recovery = core.recovery
        reader = core.reader
        lock = core.lock
        state = core.state
        statistics = core.statistics
        let appender = Appender(options: options)
        self.appender = appender
        let (state, keeper) = (core.state, core.keeper)
        removeSegments = { plan throws(LogError) in try core.remove(plan) }
        self.keeper = keeper
        thread = WorkerThread(name: "appender") { appender.run(core) }
        keeperThread = WorkerThread(name: "keeper") { keeper.run(state) }
        hashThread = WorkerThread(name: "hasher") { state.tree.run() }
    }

    /// Opens a data directory, creating it if need be. Recovers what a crash left: a torn tail is
    /// cut and kept aside, damage to acknowledged data is an error.
    public static func open(
        directory: String, options: LogOptions = LogOptions(),
        fileSystem files: any FileSystem = PosixFileSystem(), clock: any Clock = SystemClock()
    ) throws(LogError) -> Log {
        Log(
            try LogCore.open(directory, options, files, clock, .random(), isThreaded: true),
            options: options)
    }

    /// The address that the process which has a directory open published; nil when none has.
    public static func publishedAddress(
        directory: String, fileSystem files: any FileSystem = PosixFileSystem()
    ) -> String? {
        // A directory that is not there is open nowhere.
        (try? files.lockHolder("\(directory)/lock")) ?? nil
    }

    /// Tells other processes where to reach this one.
    public func publish(address: String) throws(LogError) {
        try Recovery.system { () throws(SystemError) in try lock.setText(address) }
    }

    /// Every record below it is durable; readers see nothing at or above it.
    public var commitPosition: Position { reader.commitPosition }

    /// What was appended since the log was opened, and how long its syncs took.
    public var appended: AppendStatistics.Numbers { statistics.numbers }

    /// Why the log stopped appending; nil while it goes on.
    public var failure: AppendError? { state.failure }

    /// Why the newest appends were refused though the log goes on: the disk is full. Nil once one
    /// has gone through.
    public var shortage: AppendError? { state.shortage.withLock { $0 } }

    /// Appends one record batch. `completion` runs on the appender's thread once the batch is
    /// durable, or not appended at all; it must not block. Waits while the mailbox is full.
    public func append(
        _ batch: [UInt8], to stream: StreamID, flags: FrameFlags = [],
        completion: @escaping @Sendable (Result<Appended, AppendError>) -> Void
    ) {
        appender.submit(.batch(batch, stream, flags, completion))
    }

    /// Appends one record batch and waits until it is durable.
    public func append(_ batch: [UInt8], to stream: StreamID, flags: FrameFlags = [])
        throws(AppendError) -> Appended
    {
        let done = Monitor<Result<Appended, AppendError>?>(nil)
        append(batch, to: stream, flags: flags) { result in
            done.withLock { $0 = result }
            done.wakeAll()
        }
        let result = done.wait(until: { $0 != nil }) { $0 }
        guard let result else { throw .stopped("no answer") }
        return try result.get()
    }

    /// Creates streams; those that exist are left alone. Durable when it returns.
    public func createStreams(_ names: [StreamName]) throws(AppendError) {
        if state.missingStreams(names).missing.isEmpty { return }
        let done = Monitor<AppendError??>(nil)
        appender.submit(
            .streams(names) { error in
                done.withLock { $0 = .some(error) }
                done.wakeAll()
            })
        if let error = done.wait(until: { $0 != nil }, { $0 }) ?? nil { throw error }
    }

    /// Waits until the commit position is past `position`, the log fails, or time is up; answers
    /// the commit position.
    @discardableResult
    public func waitForCommit(past position: Position, timeout: Duration) -> Position {
        let state = state
        return state.commit.wait(
            until: { $0 > position.value || state.failure != nil },
            timeout: timeout
        ) { Position($0) }
    }

    /// Calls `body` on the appender's thread whenever the commit position has moved; it must not
    /// block.
    public func onCommit(_ body: @escaping @Sendable (Position) -> Void) {
        state.observe(body)
    }

    /// All streams, in order of their numbers.
    public func streams() -> [StreamInfo] { reader.streams() }

    /// One stream by name.
    public func stream(_ name: StreamName) -> StreamInfo? { reader.stream(name) }

    /// One stream by number.
    public func stream(_ id: StreamID) -> StreamInfo? { reader.stream(id) }

    /// See `LogReader.read`.
    public func read(
        from start: Position, upTo end: Position? = nil, streams: Set<StreamID>? = nil,
        _ body: (borrowing FrameView) throws -> Bool
    ) throws {
        try reader.read(from: start, upTo: end, streams: streams, body)
    }

    /// See `LogReader.readStream`.
    public func readStream(
        _ stream: StreamID, from offset: Int64, maxBytes: Int, into output: inout [UInt8]
    ) throws(ReadError) {
        try reader.readStream(stream, from: offset, maxBytes: maxBytes, into: &output)
    }

    /// `LogReader.firstOffset`, with nil also for a log that cannot be read just then.
    public func offset(ofTimestamp time: Int64, in stream: StreamID) -> (
        offset: Int64, timestamp: Int64
    )? {
        (try? reader.firstOffset(atOrAfter: time, in: stream)) ?? nil
    }

    /// Removes what the rules let go, whole segments; keeps everything that is needed by a hold.
    /// Answers what was removed and why no more was.
    @discardableResult
    public func retain(
        rules: [StreamName: RetentionRule], holds: [RetentionHold], now: Timestamp
    ) throws -> RetentionPlan {
        try retention.withLock { _ in
            let plan = try reader.planRetention(rules: rules, holds: holds, now: now)
            return try removeSegments(plan)
        }
    }

    /// Appends what waits, writes a tick, seals a large segment, and gives the directory up. Reading
    /// goes on to work.
    public func close() throws(LogError) {
        appender.stop()
        thread.join()
        keeper.stop()
        keeperThread.join()
        state.tree.stop()
        hashThread.join()
        lock.release()
        if let failure { throw .system("\(failure)") }
    }
}
