import VarveBytes
public import VarveLog
public import VarveSystem

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
        /// Why its last snapshot could not be written: it follows the log all the same, but would
        /// resume from an older one. Nil when it was written.
        public let unsaved: String?
    }

    private enum Phase { case idle, running, stopping }

    private struct State {
        var phase = Phase.idle
        var projections: [any Projection] = []
        var blocked: [String: String] = [:]
        var unsaved: [String: String] = [:]
        /// The end of what every projection that is not blocked has taken in.
        var position = Position(0)
        /// Those who want to be told when projections reach a position.
        var waiting: [Waiting] = []
        /// Work to be done on the projector's thread, between frames.
        var tasks: [@Sendable () -> Void] = []
        var savedAt = Position(0)
        /// Since when projections have taken in records that they were not asked to show; nil when
        /// they have been.
        var staleSince: ContinuousClock.Instant?
        /// When they were saved last, and how long that took.
        var lastSave: (end: ContinuousClock.Instant, cost: Duration)?
        /// Since when they have taken in records that are in no snapshot; nil when there are none.
        var unsavedSince: ContinuousClock.Instant?
        /// When the log accepted the first record that projections have not taken in, or earlier;
        /// nil when they have taken in all.
        var behindSince: Timestamp?

        /// Whether one of some projections will not get to a position.
        func isStuck(_ names: [String], below position: Position) -> Bool {
            projections.contains {
                names.contains($0.name) && blocked[$0.name] != nil && $0.position < position
            }
        }
    }

    private struct Waiting {
        let position: Position
        let names: [String]
        let deadline: ContinuousClock.Instant
        let body: @Sendable (Bool) -> Void
    }

    private let log: Log
    private let state = Monitor(State())
    private let thread: Monitor<WorkerThread?>
    private let schedule: SnapshotSchedule
    private let clock: any Clock
    /// How long what projections show of themselves on disk may lag behind.
    private let refreshEvery: Duration

    /// Frames handed over before tasks and the stop signal are looked at.
    private static let positionsPerRound: Int64 = 100_000

    /// A projector of a log, not running yet.
    /// - Parameters:
    ///   - schedule: when projections are saved while records come.
    ///   - refreshEvery: time between refreshes while records come.
    ///   - clock: the log's, to tell how far behind projections are.
    public init(
        _ log: Log, schedule: SnapshotSchedule = SnapshotSchedule(),
        refreshEvery: Duration = .seconds(60), clock: any Clock = SystemClock()
    ) {
        self.log = log
        self.schedule = schedule
        self.refreshEvery = refreshEvery
        self.clock = clock
        thread = Monitor(nil)
    }

    /// Starts following the log.
    /// - Parameter projections: in the order in which each frame is handed to them.
    public func start(_ projections: [any Projection]) {
        state.withLock { state in
            state.phase = .running
            state.projections = projections
            state.position = projections.map(\.position).min() ?? Position(0)
            state.savedAt = state.position
        }
        let (state, clock) = (state, clock)
        if log.commitPosition > position { state.withLock { $0.behindSince = clock.now() } }
        log.onCommit { _ in
            let now = clock.now()
            // Under the lock: between the thread's look at the commit position and its wait, a
            // signal would be lost.
            state.withLock { $0.behindSince = $0.behindSince ?? now }
            state.wakeAll()
        }
        let worker = WorkerThread(name: "projector") { [self] in run() }
        thread.withLock { $0 = worker }
    }

    /// Stops after the frame at hand, and saves every projection.
    /// - Throws: what kept the first of them from being saved; all are tried.
    public func stop() throws {
        state.withLock { $0.phase = .stopping }
        state.wakeAll()
        let worker = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let worker else { return }
        worker.join()
        var failure: (any Error)?
        for projection in healthy() {
            do {
                try projection.save()
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// How each projection is doing.
    public func status() -> [Status] {
        state.withLock { state in
            state.projections.map {
                Status(
                    name: $0.name, position: $0.position, blocked: state.blocked[$0.name],
                    unsaved: state.unsaved[$0.name])
            }
        }
    }

    /// The end of what every projection that is not blocked has taken in.
    public var position: Position { state.withLock { $0.position } }

    /// Where projections resume after a crash: they need the log from here on. The start, when one
    /// stands still or could not be saved; `name` says which.
    public var resumePosition: (position: Position, name: String) {
        state.withLock { state in
            let troubled = state.blocked.keys.sorted().first ?? state.unsaved.keys.sorted().first
            if let troubled { return (Position(0), "projection \(troubled), which is in trouble,") }
            return (state.savedAt, "a restart")
        }
    }

    /// How long the oldest record has been in the log that some projection has not taken in, or
    /// a little longer; after a start, how long it has been read for. Zero when there is none.
    public var lag: Duration {
        guard let since = state.withLock({ $0.behindSince }) else { return .zero }
        return .microseconds(max(0, clock.now().microseconds &- since.microseconds))
    }

    /// Waits until every record below a position is in some projections.
    /// - Parameter names: those that matter; nil: all.
    /// - Returns: whether that came true before the timeout; false at once when one of them stands
    ///   still below the position.
    public func wait(
        for position: Position, in names: [String]? = nil, timeout: Duration = .seconds(30)
    ) -> Bool {
        let names = names ?? state.withLock { $0.projections.map(\.name) }
        return state.wait(
            until: {
                $0.position >= position || $0.phase == .stopping
                    || $0.isStuck(names, below: position)
            }, timeout: timeout
        ) {
            $0.position >= position && !$0.isStuck(names, below: position)
        }
    }

    /// Calls `body` once every record below a position is in some projections, with true, or with
    /// false when one of them stands still before, the projector stops, or time is up. At once when
    /// that is known already; otherwise on the projector's thread.
    public func notify(
        at position: Position, in names: [String], timeout: Duration,
        _ body: @escaping @Sendable (Bool) -> Void
    ) {
        let waiting = Waiting(
            position: position, names: names, deadline: .now + timeout, body: body)
        let verdict = state.withLock { state -> Bool? in
            if let verdict = Self.verdict(waiting, state, .now) { return verdict }
            state.waiting.append(waiting)
            return nil
        }
        // The thread has a new deadline to look at.
        if let verdict { body(verdict) } else { state.wakeAll() }
    }

    /// What someone who waits is told; nil: not yet.
    private static func verdict(
        _ waiting: Waiting, _ state: borrowing State, _ now: ContinuousClock.Instant
    ) -> Bool? {
        if state.isStuck(waiting.names, below: waiting.position) { return false }
        if state.position >= waiting.position { return true }
        return state.phase != .running || now >= waiting.deadline ? false : nil
    }

    private func tellWaiting() {
        let told = state.withLock { state in
            if state.waiting.isEmpty { return [(Waiting, Bool)]() }
            let now = ContinuousClock.now
            var told: [(Waiting, Bool)] = []
            var left: [Waiting] = []
            for waiting in state.waiting {
                if let verdict = Self.verdict(waiting, state, now) {
                    told.append((waiting, verdict))
                } else {
                    left.append(waiting)
                }
            }
            state.waiting = left
            return told
        }
        for (waiting, verdict) in told { waiting.body(verdict) }
    }

    /// Runs work on the projector's thread, between frames, and waits for it: nothing is applied
    /// meanwhile.
    /// - Throws: what `body` throws; `ProjectorError.notRunning` before `start` and after `stop`.
    public func perform<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws
        -> Result
    {
        let outcome = Monitor<Swift.Result<Result, any Error>?>(nil)
        let isAccepted = state.withLock { state in
            guard state.phase == .running else { return false }
            state.tasks.append {
                let result = Swift.Result { try body() }
                outcome.withLock { $0 = result }
                outcome.wakeAll()
            }
            return true
        }
        guard isAccepted else { throw ProjectorError.notRunning }
        state.wakeAll()
        let result = outcome.wait(until: { $0 != nil }) { $0 }
        guard let result else { preconditionFailure("a task without an outcome") }
        return try result.get()
    }

    private func run() {
        while true {
            let (stale, save, deadline, waitingCount) = state.withLock {
                ($0.staleSince, nextSave($0), $0.waiting.map(\.deadline).min(), $0.waiting.count)
            }
            let due = [stale.map { $0 + refreshEvery }, save, deadline].compactMap(\.self).min()
            let (from, tasks, isStopping) = state.wait(
                until: { [log] state in
                    state.phase == .stopping || !state.tasks.isEmpty
                        || log.commitPosition > state.position
                        || state.waiting.count > waitingCount
                }, timeout: due.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
            ) { state in
                defer { state.tasks = [] }
                return (state.position, state.tasks, state.phase == .stopping)
            }
            for task in tasks { task() }
            tellWaiting()
            if isStopping { return }
            let commit = log.commitPosition
            if commit > from {
                advance(from: from, to: min(commit, Position(from.value + Self.positionsPerRound)))
                state.withLock {
                    $0.staleSince = $0.staleSince ?? .now
                    $0.unsavedSince = $0.unsavedSince ?? .now
                }
                tellWaiting()
            }
            saveIfDue()
            if let stale, stale.duration(to: .now) >= refreshEvery {
                state.withLock { $0.staleSince = nil }
                writeEach { try $0.refresh() }
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
        // Whatever is not among these records was accepted later.
        var newest: Timestamp?
        do {
            try log.read(from: start, upTo: end) { frame in
                newest = frame.ingestTime
                let id = frame.streamID
                let name = names[id] ?? log.stream(id)?.name.name ?? ""
                names[id] = name
                var failed: [any Projection] = []
                for projection in running where projection.position <= frame.basePosition {
                    do {
                        try projection.apply(frame, stream: name)
                    } catch {
                        block(projection, "position \(frame.basePosition.value): \(error)")
                        failed.append(projection)
                    }
                }
                if !failed.isEmpty {
                    running.removeAll { one in failed.contains { $0 === one } }
                }
                return true
            }
        } catch {
            // The log itself cannot be read: every projection stands where it is.
            for projection in running { block(projection, "\(error)") }
            running = []
        }
        for projection in running where projection.position < end { projection.advance(to: end) }
        state.withLock { state in
            state.position = end
            // Under the lock, so that a commit after this look finds nothing and sets its own time.
            state.behindSince = log.commitPosition > end ? newest ?? state.behindSince : nil
        }
        state.wakeAll()
    }

    /// When projections are to be saved; nil while there is nothing to save.
    private func nextSave(_ state: borrowing State) -> ContinuousClock.Instant? {
        guard let since = state.unsavedSince else { return nil }
        let byTime = since + schedule.interval
        guard state.position.value - state.savedAt.value >= schedule.records else { return byTime }
        guard let last = state.lastSave else { return since }
        return min(byTime, last.end + last.cost * schedule.restFactor)
    }

    /// Saves projections when enough has happened, or enough time has passed since something did.
    private func saveIfDue() {
        let start = ContinuousClock.now
        let due: Position? = state.withLock { state in
            guard let time = nextSave(state), time <= start else { return nil }
            return state.position
        }
        guard let due else { return }
        writeEach { try $0.save() }
        let end = ContinuousClock.now
        // Only now: retention removes what is below it.
        state.withLock { state in
            state.savedAt = due
            state.unsavedSince = nil
            state.lastSave = (end, start.duration(to: end))
        }
    }

    private func writeEach(_ write: (any Projection) throws -> Void) {
        for projection in healthy() {
            let problem: String?
            do {
                try write(projection)
                problem = nil
            } catch {
                // The state in memory is whole; only a restart would take longer.
                problem = "\(error)"
            }
            state.withLock { $0.unsaved[projection.name] = problem }
        }
    }

    private func block(_ projection: any Projection, _ reason: String) {
        state.withLock { $0.blocked[projection.name] = reason }
    }
}

/// Why work cannot be done between frames.
public enum ProjectorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The projector was not started, or was stopped.
    case notRunning

    public var description: String { "the node is stopping: projections follow the log no longer" }
}
