import VarveSystem

/// A few threads for work that may wait: for the disk, or for others.
public final class WorkerPool: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var head = 0
        var isStopping = false

        /// Jobs taken before those behind them move up.
        private static let shiftedAt = 64

        var count: Int { jobs.count - head }

        mutating func take() -> (@Sendable () -> Void)? {
            guard head < jobs.count else { return nil }
            let job = jobs[head]
            // What a job holds goes with it, however long others wait behind it.
            jobs[head] = {}
            head += 1
            if head == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= Self.shiftedAt, 2 * head >= jobs.count {
                jobs.removeFirst(head)
                head = 0
            }
            return job
        }
    }

    private let queue: Monitor<Queue>
    private let threads: [WorkerThread]
    private let limit: Int

    /// Starts the threads.
    /// - Parameter limit: jobs that wait; further ones are refused.
    public init(name: String, threads count: Int, limit: Int) {
        let queue = Monitor(Queue())
        self.queue = queue
        self.limit = limit
        threads = (0..<count).map { number in
            WorkerThread(name: "\(name)-\(number)") {
                while true {
                    let job = queue.wait(until: { $0.count > 0 || $0.isStopping }) { $0.take() }
                    guard let job else { return }
                    job()
                }
            }
        }
    }

    /// Has a job done by one of the threads.
    /// - Returns: false when too many wait, or the pool has stopped: it will not be done.
    public func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let limit = limit
        let isAccepted = queue.withLock { queue in
            guard queue.count < limit, !queue.isStopping else { return false }
            queue.jobs.append(job)
            return true
        }
        if isAccepted { queue.wakeAll() }
        return isAccepted
    }

    /// Does what was accepted, then ends the threads.
    public func stop() {
        queue.withLock { $0.isStopping = true }
        queue.wakeAll()
        for thread in threads { thread.join() }
    }
}
