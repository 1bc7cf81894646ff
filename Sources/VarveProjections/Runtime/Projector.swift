import VarveBytes
public import VarveLog
import VarveSystem

/// The thread that feeds committed frames to projections, each from where it stands.
///
///     log --commit--> [ projector: read, then apply to each ] --position--> waiting readers
///
/// A projection that fails on a frame stops there, with the reason; the others go on.
public final class Projector: Sendable {
    /// How a projection is doing.
    public struct Status: Sendable, Equatable {
        public let name: String
        public let position: Position
        /// Why it stands still; nil while it follows the log.
        public let blocked: String?
    }

    private struct State {
        var projections: [any Projection] = []
        var blocked: [String: String] = [:]
        /// The end of what every projection that is not blocked has taken in.
        var position = Position(0)
        var isStopping = false
        /// Work to be done on the projector's thread, between frames.
        var tasks: [@Sendable () -> Void] = []
        var savedAt = Position(0)
    }

    private let log: Log
    private let state = Monitor(State())
    private let thread: Monitor<WorkerThread?>
    /// Records after which projections are saved while the log is being followed.
    private let saveEvery: Int64

    /// Frames handed over before tasks and the stop signal are looked at.
    private static let positionsPerRound: Int64 = 100_000

    /// A projector of a log, not running yet.
    /// - Parameter saveEvery: records between snapshots.
    public init(_ log: Log, saveEvery: Int64 = 1_000_000) {
        self.log = log
        self.saveEvery = saveEvery
        thread = Monitor(nil)
    }

    /// Starts following the log.
    /// - Parameter projections: in the order in which each frame is handed to them.
    public func start(_ projections: [any Projection]) {
        state.withLock { state in
            state.projections = projections
            state.position = projections.map(\.position).min() ?? Position(0)
            state.savedAt = state.position
        }
        let state = state
        log.onCommit { _ in state.wakeAll() }
        let worker = WorkerThread(name: "projector") { [self] in run() }
        thread.withLock { $0 = worker }
    }

    /// Stops after the frame at hand, and saves every projection.
    public func stop() throws {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        let worker = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let worker else { return }
        worker.join()
        for projection in healthy() { try projection.save() }
    }

    /// How each projection is doing.
    public func status() -> [Status] {
        state.withLock { state in
            state.projections.map {
                Status(name: $0.name, position: $0.position, blocked: state.blocked[$0.name])
            }
        }
    }

    /// The end of what every projection that is not blocked has taken in.
    public var position: Position { state.withLock { $0.position } }

    /// Waits until every record below a position is in every projection.
    /// - Returns: whether that came true before the timeout.
    public func wait(for position: Position, timeout: Duration = .seconds(30)) -> Bool {
        state.wait(until: { $0.position >= position || $0.isStopping }, timeout: timeout) {
            $0.position >= position
        }
    }

    /// Runs work on the projector's thread, between frames, and waits for it: nothing is applied
    /// meanwhile.
    public func perform<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws
        -> Result
    {
        let outcome = Monitor<Swift.Result<Result, any Error>?>(nil)
        state.withLock { state in
            state.tasks.append {
                let result = Swift.Result { try body() }
                outcome.withLock { $0 = result }
                outcome.wakeAll()
            }
        }
        state.wakeAll()
        let result = outcome.wait(until: { $0 != nil }) { $0 }
        guard let result else { preconditionFailure("a task without an outcome") }
        return try result.get()
    }

    private func run() {
        while true {
            let (from, tasks, isStopping) = state.wait(
                until: { [log] state in
                    state.isStopping || !state.tasks.isEmpty || log.commitPosition > state.position
                }
            ) { state in
                defer { state.tasks = [] }
                return (state.position, state.tasks, state.isStopping)
            }
            for task in tasks { task() }
            if isStopping { return }
            let commit = log.commitPosition
            if commit > from {
                advance(from: from, to: min(commit, Position(from.value + Self.positionsPerRound)))
            }
        }
    }

    private func healthy() -> [any Projection] {
        state.withLock { state in
            state.projections.filter { state.blocked[$0.name] == nil }
        }
    }

    private func advance(from start: Position, to end: Position) {
        var names: [StreamID: String] = [:]
        var running = healthy()
        do {
            try log.read(from: start, upTo: end) { frame in
                let id = frame.streamID
                let name = names[id] ?? log.stream(id)?.name.name ?? ""
                names[id] = name
                for (index, projection) in running.enumerated().reversed()
                where projection.position <= frame.basePosition {
                    do {
                        try projection.apply(frame, stream: name)
                    } catch {
                        block(projection, "position \(frame.basePosition.value): \(error)")
                        running.remove(at: index)
                    }
                }
                return true
            }
        } catch {
            // The log itself cannot be read: every projection stands where it is.
            for projection in running { block(projection, "\(error)") }
        }
        for projection in running where projection.position < end { projection.advance(to: end) }
        let isDue = state.withLock { state in
            state.position = end
            if end.value - state.savedAt.value < saveEvery { return false }
            state.savedAt = end
            return true
        }
        state.wakeAll()
        if isDue { save() }
    }

    private func save() {
        for projection in healthy() {
            do {
                try projection.save()
            } catch {
                // The state in memory is whole; only a restart would take longer.
                block(projection, "its snapshot cannot be written: \(error)")
            }
        }
    }

    private func block(_ projection: any Projection, _ reason: String) {
        state.withLock { $0.blocked[projection.name] = reason }
    }
}
