import VarveBytes
import VarveSystem

/// What the appender publishes and readers see: the index of committed frames, the commit
/// position, and why appending stopped. Protected by its own locks; shared by all threads.
///
/// Order of effects: write, sync, `publish`, then answers to producers. Whoever has an answer can
/// therefore read what it speaks of.
final class LogState: Sendable {
    let log: LogID
    private let index: Monitor<LogIndex>
    let commit: Monitor<Int64>
    private let stopped = Monitor<AppendError?>(nil)
    /// Why the last group could not be appended as a whole; nil when there was room for it.
    let shortage = Monitor<AppendError?>(nil)
    private let observers = Monitor<[@Sendable (Position) -> Void]>([])

    let options: LogOptions
    let tree: LogTree
    let cache: SegmentCache

    init(
        log: LogID, options: LogOptions, index: consuming LogIndex, commit: Int64, tree: LogTree,
        cache: SegmentCache
    ) {
        self.log = log
        self.options = options
        self.tree = tree
        self.cache = cache
        self.index = Monitor(index)
        self.commit = Monitor(commit)
    }

    /// The segments up to the commit position, and the leaves of the open one.
    func summaries() -> (segments: [SegmentSummary], openLeaves: [UInt8]) {
        tree.current(upTo: commit.withLock { $0 })
    }

    /// Makes committed frames visible, then moves the commit position.
    func publish(
        _ additions: [LogWriter.Addition], registering: [StreamName] = [], commit: Int64
    ) {
        index.withLock { index in
            for addition in additions {
                switch addition {
                case .segment(let segment): index.append(segment)
                case .entry(let entry): index.add(entry)
                }
            }
            for name in registering { index.register(name) }
        }
        self.commit.withLock { $0 = commit }
        self.commit.wakeAll()
        for observer in observers.withLock({ $0 }) { observer(Position(commit)) }
    }

    /// Those of the names that no stream has, each once, and the number of the next stream.
    func missingStreams(_ names: [StreamName]) -> (missing: [StreamName], nextID: Int) {
        withIndex { index in
            var missing: [StreamName] = []
            for name in names where index.ids[name] == nil && !missing.contains(name) {
                missing.append(name)
            }
            return (missing, index.streams.count)
        }
    }

    /// The frames of a segment that is not sealed.
    func entries(of number: Int) -> [FrameEntry] {
        withIndex { index in index.index(of: number).map { index.segments[$0].entries } ?? [] }
    }

    /// The names of the first streams.
    func names(_ count: Int) -> [StreamName] { withIndex { $0.streams.prefix(count).map(\.name) } }

    /// Has readers use the footer of a segment, which is durable; reads it back first.
    func sealed(_ ended: SegmentKeeper.Ended) throws(SystemError) {
        guard let footer = try SealedFooter(ended.file, log: log, base: ended.base),
            let rows = try footer.section(.streams, of: ended.file)
        else {
            throw SystemError(
                operation: "read back the footer of", subject: ended.path,
                code: SystemError.inputOutputCode)
        }
        index.withLock { $0.seal(ended.number, footer.trailer, rows: SealedFooter.rows(rows)) }
        cache.drop(ended.number)
        tree.sealed(base: ended.base)
    }

    /// Has readers let go of the records of a sealed segment.
    func retire(_ number: Int, rows: [SealedFooter.StreamRow]) {
        index.withLock { $0.retire(number, rows: rows) }
        cache.drop(number)
    }

    func fail(_ error: AppendError) {
        stopped.withLock { $0 = error }
        commit.wakeAll()
    }

    /// Notes how a group went: whether the disk has room just now.
    func note(_ results: [Result<Appended, AppendError>]) {
        var found: AppendError?
        for case .failure(let error) in results { if case .outOfSpace = error { found = error } }
        shortage.withLock { $0 = found }
    }

    /// Why appending stopped for good; nil while it goes on.
    var failure: AppendError? { stopped.withLock { $0 } }

    func observe(_ body: @escaping @Sendable (Position) -> Void) {
        observers.withLock { $0.append(body) }
    }

    /// Runs `body` on the index; it must not block.
    func withIndex<R: Sendable>(_ body: (borrowing LogIndex) -> R) -> R {
        index.withLock { body($0) }
    }
}
