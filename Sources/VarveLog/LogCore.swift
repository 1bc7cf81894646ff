import VarveFormats
public import VarveSystem

/// What the appender is asked to do. Completions run once, after what was asked is durable or
/// certain not to happen; they must not block.
public enum LogRequest: Sendable {
    /// Append one record batch to a stream.
    case batch([UInt8], StreamID, FrameFlags, @Sendable (Result<Appended, AppendError>) -> Void)
    /// Create those of the streams that do not exist.
    case streams([StreamName], @Sendable (AppendError?) -> Void)
}

/// A log without threads: opening, appending, ticking and closing, one step at a time by whoever
/// owns it. `Log` gives it a thread; the simulator drives it from a seed.
///
/// Owned by one thread at a time. `reader` may be used by any.
public struct LogCore: Sendable {
    /// Reads what is committed; outlives the core.
    public let reader: LogReader
    /// What opening found and did.
    public let recovery: RecoveryReport
    let lock: any FileLock
    let state: LogState
    let keeper: SegmentKeeper
    private var writer: LogWriter
    private let clock: any Clock

    /// Names the log for good.
    public var id: LogID { writer.log }
    /// Counts the openings of this log, from 1.
    public var epoch: UInt32 { writer.epoch }
    /// Every record below it is durable.
    public var commitPosition: Position { Position(writer.commit) }
    /// What was written, and how long it took.
    var statistics: AppendStatistics { writer.statistics }

    /// Opens a data directory, creating it if need be. Recovers what a crash left: a torn tail is
    /// cut and kept aside, damage to acknowledged data is an error and changes nothing.
    /// - Parameter newID: the name of the log, should it be a new one.
    public static func open(
        directory: String, options: LogOptions = LogOptions(),
        fileSystem files: any FileSystem = PosixFileSystem(), clock: any Clock = SystemClock(),
        newID: LogID = .random()
    ) throws(LogError) -> LogCore {
        try open(directory, options, files, clock, newID, isThreaded: false)
    }

    /// Opens a log that is given threads, or not.
    static func open(
        _ directory: String, _ options: LogOptions, _ files: any FileSystem, _ clock: any Clock,
        _ newID: LogID, isThreaded: Bool
    ) throws(LogError) -> LogCore {
        let path = "\(directory)/log"
        let lock = try lock(directory, path, files)
        do throws(LogError) {
            let opened = try LogOpening(
                directory: path, options: options, files: files, now: clock.now(), newID: newID,
                isThreaded: isThreaded
            ).open()
            var core = LogCore(opened, lock: lock, clock: clock)
            // What readers are about to see is promised first: later damage to it is damage to
            // acknowledged data, not a torn tail. The tick also makes the epoch durable.
            do {
                try core.tick()
            } catch {
                throw .system("\(error)")
            }
            return core
        } catch {
            lock.release()
            throw error
        }
    }

    private init(_ opened: LogOpening.Opened, lock: any FileLock, clock: any Clock) {
        writer = opened.writer
        state = opened.state
        keeper = opened.keeper
        reader = LogReader(opened.state)
        recovery = opened.report
        self.lock = lock
        self.clock = clock
    }

    private static func lock(_ directory: String, _ path: String, _ files: any FileSystem)
        throws(LogError) -> any FileLock
    {
        do {
            try files.createDirectory(path)
            // Whoever made the directories may have died before their names were durable.
            try files.syncDirectory(directoryName(of: directory))
            try files.syncDirectory(directory)
            if let lock = try files.lock("\(directory)/lock") { return lock }
            let holder = try files.lockHolder("\(directory)/lock")
            throw LogError.inUse(directory: directory, holder: holder ?? "")
        } catch let error as LogError {
            throw error
        } catch {
            throw .system("\(error)")
        }
    }

    /// The directory that holds a file or directory.
    static func directoryName(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Appends a group: all its batches with one write and one sync, unless streams are created
    /// between them. Every request is answered before it returns or throws.
    /// - Throws: `AppendError.stopped` when nothing more may be appended by this process.
    public mutating func process(_ requests: [LogRequest]) throws(AppendError) {
        if let failure = state.failure {
            for request in requests { request.refuse(failure) }
            throw failure
        }
        var next = 0
        do throws(AppendError) {
            while next < requests.count {
                if case .streams(let names, let completion) = requests[next] {
                    let refusal = try register(names)
                    next += 1
                    completion(refusal)
                } else {
                    let end = requests[next...].firstIndex { $0.isForStreams } ?? requests.count
                    let results = try append(requests[next..<end])
                    let answered = requests[next..<end]
                    next = end
                    for (request, result) in zip(answered, results) { request.answer(result) }
                }
                writer.hashCommitted()
            }
        } catch {
            writer.hashCommitted()
            state.fail(error)
            for request in requests[next...] { request.refuse(error) }
            throw error
        }
    }

    private mutating func append(_ requests: ArraySlice<LogRequest>)
        throws(AppendError) -> [Result<Appended, AppendError>]
    {
        var batches: [LogWriter.Request] = []
        batches.reserveCapacity(requests.count)
        for case .batch(let batch, let stream, let flags, _) in requests {
            batches.append(LogWriter.Request(batch: batch, stream: stream, flags: flags))
        }
        let outcome = try writer.append(batches, now: clock.now())
        state.publish(outcome.additions, commit: writer.commit)
        state.note(outcome.results)
        return outcome.results
    }

    /// Registers streams that are not there yet, in one batch of the catalog. Answers why they
    /// are not, if the log lives on.
    private mutating func register(_ names: [StreamName]) throws(AppendError) -> AppendError? {
        let (missing, next) = state.missingStreams(names)
        if missing.isEmpty { return nil }
        let limit = writer.options.streamLimit
        if next + missing.count > limit {
            return .invalidBatch(
                "\(missing.count) more streams are too many: a log has at most \(limit), this one"
                    + " has \(next)")
        }
        let now = clock.now()
        let records = missing.enumerated().map {
            StreamRegistration.record($1, id: next + $0, time: now)
        }
        let request: LogWriter.Request
        do {
            request = LogWriter.Request(
                batch: try RecordBatch.encode(records), stream: .catalog, flags: [])
        } catch {
            return .invalidBatch("\(error)")
        }
        let outcome = try writer.append([request], now: now)
        if case .failure(let error)? = outcome.results.first {
            // The segment may have rolled before the space ran out.
            state.publish(outcome.additions, commit: writer.commit)
            return error
        }
        for _ in missing { writer.addStream() }
        state.publish(outcome.additions, registering: missing, commit: writer.commit)
        return nil
    }

    /// Writes a tick: the commit position becomes a promise on disk.
    public mutating func tick() throws(AppendError) {
        if let failure = state.failure { throw failure }
        do {
            if let entry = try writer.tick(now: clock.now()) {
                state.publish([.entry(entry)], commit: writer.commit)
                writer.hashCommitted()
            }
        } catch {
            state.fail(error)
            throw error
        }
    }

    /// What comes before a clean stop: a tick, and the end of a segment that would take long to
    /// read at the next start.
    public mutating func finish() throws(AppendError) {
        try tick()
        do {
            let outcome = try writer.finish(now: clock.now())
            state.publish(outcome.additions, commit: writer.commit)
        } catch {
            // Without space the segment is read at the next start.
            if case .outOfSpace = error { return }
            state.fail(error)
            throw error
        }
    }

    /// Does one piece of work beside appending, if there is one: the footer of an ended segment, or
    /// the next segment made ready. A log with threads does this by itself.
    /// - Returns: whether something was done.
    @discardableResult
    public func keep() throws(AppendError) -> Bool {
        do {
            return try keeper.work(state) == .done
        } catch {
            state.fail(error)
            throw error
        }
    }

    /// Removes the records of a retention plan's segments; answers what was removed.
    public func remove(_ plan: RetentionPlan) throws(LogError) -> RetentionPlan {
        try reader.remove(plan, writer.directory, writer.files)
    }

    /// Gives the directory up. What was appended is durable already.
    public func release() { lock.release() }
}

extension LogRequest {
    /// Bytes it takes in a mailbox.
    var size: Int {
        switch self {
        case .batch(let batch, _, _, _): batch.count + FrameHeader.size
        case .streams(let names, _): names.reduce(FrameHeader.size) { $0 + $1.name.utf8.count }
        }
    }

    var isForStreams: Bool {
        if case .streams = self { true } else { false }
    }

    func refuse(_ error: AppendError) { answer(.failure(error)) }

    func answer(_ result: Result<Appended, AppendError>) {
        switch self {
        case .batch(_, _, _, let completion): completion(result)
        case .streams(_, let completion):
            if case .failure(let error) = result { completion(error) } else { completion(nil) }
        }
    }
}
