/// Threads that do numbered pieces of one work together with whoever asks for it, and sleep in
/// between.
public final class WorkerTeam: Sendable {
    private struct State {
        var work: (@Sendable (Int) -> Void)?
        /// Pieces of the work at hand, and the next one that nobody has taken.
        var (count, next) = (0, 0)
        /// Pieces that are being done.
        var running = 0
        var isStopping = false

        /// Takes a piece; nil when there is none left.
        mutating func take() -> (work: @Sendable (Int) -> Void, number: Int)? {
            guard let work, next < count else { return nil }
            defer { next += 1 }
            running += 1
            return (work, next)
        }
    }

    private let state = Monitor(State())
    private let name: String
    private let helperCount: Int
    /// Started when there is work for them for the first time.
    private let helpers = Monitor<[WorkerThread]>([])

    /// - Parameters:
    ///   - name: of its threads.
    ///   - threads: those that work at once, the caller included.
    public init(name: String, threads: Int) {
        self.name = name
        helperCount = max(0, threads - 1)
    }

    deinit {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        for helper in helpers.withLock({ $0 }) { helper.join() }
    }

    private func start() {
        let state = state
        helpers.withLock { helpers in
            while helpers.count < helperCount {
                helpers.append(
                    WorkerThread(name: name) {
                        while true {
                            let isStopping = state.wait(
                                until: { $0.isStopping || $0.work != nil && $0.next < $0.count }
                            ) { $0.isStopping }
                            if isStopping { return }
                            Self.takePieces(state)
                        }
                    })
            }
        }
    }

    /// Calls `work` once with each number below `count`, on any of the threads, and returns when
    /// all calls have. One work at a time.
    public func run(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) {
        if helperCount == 0 || count < 2 {
            for number in 0..<count { work(number) }
            return
        }
        start()
        state.withLock { state in
            precondition(state.work == nil, "a team does one work at a time")
            (state.work, state.count, state.next) = (work, count, 0)
        }
        state.wakeAll()
        Self.takePieces(state)
        state.wait(until: { $0.running == 0 && $0.next >= $0.count }) { $0.work = nil }
    }

    private static func takePieces(_ state: Monitor<State>) {
        while let (work, number) = state.withLock({ $0.take() }) {
            work(number)
            let isLast = state.withLock { state in
                state.running -= 1
                return state.running == 0 && state.next >= state.count
            }
            if isLast { state.wakeAll() }
        }
    }
}
