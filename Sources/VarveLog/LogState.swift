import Synchronization
import VarveBytes
import VarveSystem

/// What the appender publishes and readers see: the index of committed frames, the commit
/// position, and why appending stopped. Protected by its own locks; shared by all threads.
///
/// Order of effects: write, sync, `publish`, then answers to producers. Whoever has an answer can
/// therefore read what it speaks of.
final class LogState: Sendable {
    let log: LogID
    private let index: Mutex<LogIndex>
    let commit: Monitor<Int64>
    private let stopped = Mutex<AppendError?>(nil)
    private let observers = Mutex<[@Sendable (Position) -> Void]>([])

    let options: LogOptions

    init(log: LogID, options: LogOptions, index: consuming LogIndex, commit: Int64) {
        self.log = log
        self.options = options
        self.index = Mutex(index)
        self.commit = Monitor(commit)
    }

    /// Makes committed frames visible, then moves the commit position.
    func publish(
        _ additions: [LogWriter.Addition], registering: [StreamName] = [], commit: Int64
    ) {
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

    func fail(_ error: AppendError) {
        stopped.withLock { $0 = error }
        commit.wakeAll()
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
