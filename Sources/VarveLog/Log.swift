import Synchronization
import VarveBytes
import VarveFormats
public import VarveSystem

/// The log of one data directory: one total order of records, appended by one thread, read by
/// any.
///
///     DIR/lock                          held while open; its text is the holder's address
///     DIR/log/<20-digit base>.varve     segments
///     DIR/log/torn-*                    tails that were cut off, kept for inspection
public final class Log: Sendable {
    public let id: LogID
    /// Counts the openings of this log, from 1.
    public let epoch: UInt32
    public let recovery: RecoveryReport
    private let lock: any FileLock
    private let shared: Shared
    private let appender: Appender
    private let thread: WorkerThread

    /// The stream that streams and definitions are registered in.
    public static let catalogName = StreamName(name: "varve.catalog", partition: 0)

    /// The part that the appender's thread and readers share. Protected by its locks.
    final class Shared: LogPublisher {
        let index: Mutex<LogIndex>
        let commit: Monitor<Int64>
        let failure = Mutex<AppendError?>(nil)
        let observers = Mutex<[@Sendable (Position) -> Void]>([])

        init(_ index: consuming LogIndex, commit: Int64) {
            self.index = Mutex(index)
            self.commit = Monitor(commit)
        }

        func publish(_ additions: [LogWriter.Addition], registering: [StreamName], commit: Int64) {
            index.withLock { index in
                for addition in additions {
                    switch addition {
                    case .segment(let segment): index.segments.append(segment)
                    case .entry(let entry): index.add(entry)
                    }
                }
                for name in registering { index.register(name) }
            }
            self.commit.withLock { $0 = commit }
            self.commit.wakeAll()
            for observer in observers.withLock({ $0 }) { observer(Position(commit)) }
        }

        func missingStreams(_ names: [StreamName]) -> (missing: [StreamName], nextID: Int) {
            index.withLock { index in
                var missing: [StreamName] = []
                for name in names where index.ids[name] == nil && !missing.contains(name) {
                    missing.append(name)
                }
                return (missing, index.streams.count)
            }
        }

        func fail(_ error: AppendError) {
            failure.withLock { $0 = error }
            commit.wakeAll()
        }
    }

    private init(
        id: LogID, epoch: UInt32, recovery: RecoveryReport, lock: any FileLock, shared: Shared,
        appender: Appender, thread: WorkerThread
    ) {
        self.id = id
        self.epoch = epoch
        self.recovery = recovery
        self.lock = lock
        self.shared = shared
        self.appender = appender
        self.thread = thread
    }

    /// Opens a data directory, creating it if need be. Recovers what a crash left: a torn tail is
    /// cut and kept aside, damage to acknowledged data is an error.
    public static func open(
        directory: String, options: LogOptions = LogOptions(),
        fileSystem files: any FileSystem = PosixFileSystem(), clock: any Clock = SystemClock()
    ) throws(LogError) -> Log {
        let path = "\(directory)/log"
        let lock = try lock(directory, path, files)
        do throws(LogError) {
            let opened = try opened(path, options, files, clock.now())
            let shared = Shared(opened.index, commit: opened.writer.commit)
            let appender = Appender(options: options)
            let writer = opened.writer
            let thread = WorkerThread(name: "appender") {
                appender.run(writer, publishing: shared, clock: clock)
            }
            return Log(
                id: writer.log, epoch: writer.epoch, recovery: opened.report, lock: lock,
                shared: shared, appender: appender, thread: thread)
        } catch {
            lock.release()
            throw error
        }
    }

    private static func lock(_ directory: String, _ path: String, _ files: any FileSystem)
        throws(LogError) -> any FileLock
    {
        do {
            try files.createDirectory(path)
            if let lock = try files.lock("\(directory)/lock") { return lock }
            let holder = try files.lockHolder("\(directory)/lock")
            throw LogError.inUse(directory: directory, holder: holder ?? "")
        } catch let error as LogError {
            throw error
        } catch {
            throw .system("\(error)")
        }
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
    public var commitPosition: Position { Position(shared.commit.withLock { $0 }) }

    /// Why the log stopped appending; nil while it goes on.
    public var failure: AppendError? { shared.failure.withLock { $0 } }

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
        if shared.missingStreams(names).missing.isEmpty { return }
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
        let shared = shared
        return shared.commit.wait(
            until: { $0 > position.value || shared.failure.withLock { $0 != nil } },
            timeout: timeout
        ) { Position($0) }
    }

    /// Calls `body` on the appender's thread whenever the commit position has moved; it must not
    /// block.
    public func onCommit(_ body: @escaping @Sendable (Position) -> Void) {
        shared.observers.withLock { $0.append(body) }
    }

    /// All streams, in order of their numbers.
    public func streams() -> [StreamInfo] {
        shared.index.withLock { index in
            index.streams.enumerated().map {
                StreamInfo(
                    id: StreamID(UInt32($0)), name: $1.name, highWatermark: $1.highWatermark)
            }
        }
    }

    /// One stream by name.
    public func stream(_ name: StreamName) -> StreamInfo? {
        shared.index.withLock { index in
            index.ids[name].map {
                StreamInfo(
                    id: $0, name: name, highWatermark: index.streams[Int($0.value)].highWatermark)
            }
        }
    }

    /// One stream by number.
    public func stream(_ id: StreamID) -> StreamInfo? {
        shared.index.withLock { index in
            guard index.streams.indices.contains(Int(id.value)) else { return nil }
            let stream = index.streams[Int(id.value)]
            return StreamInfo(id: id, name: stream.name, highWatermark: stream.highWatermark)
        }
    }

    /// Runs `body` on the index; it must not block.
    func withIndex<R: Sendable>(_ body: (borrowing LogIndex) -> R) -> R {
        shared.index.withLock { body($0) }
    }

    /// Appends what waits, writes a tick, and gives the directory up. Reading goes on to work.
    public func close() throws(LogError) {
        appender.stop()
        thread.join()
        lock.release()
        if let failure { throw .system("\(failure)") }
    }
}
