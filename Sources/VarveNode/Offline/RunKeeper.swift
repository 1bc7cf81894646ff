import VarveLog
import VarveProjections
import VarveSystem

/// Sorts the offline store by entity, now and then: when half as many rows came as are sorted
/// already, so that each row is sorted a few times in all; when no more come, sooner.
final class RunKeeper: Sendable {
    private let isStopping = Monitor(false)
    private let thread: WorkerThread

    /// Fewer rows are read as fast as they are.
    static let rowsMin = 65_536
    private static let (shareOfBusy, shareOfIdle) = (2, 16)
    /// After a failure it rests longer, twice as long after each, up to so many intervals: whoever
    /// fills the disk again and again takes the room that the log needs.
    private static let intervalsMax = 64

    private struct Stopped: Error {}

    /// - Parameters:
    ///   - interval: between two looks.
    ///   - rowsMin: fewer new rows are left as they are.
    ///   - report: told why it could not be done.
    init(
        _ node: Node, every interval: Duration, rowsMin: Int = rowsMin,
        report: @escaping @Sendable (String) -> Void
    ) {
        let isStopping = isStopping
        thread = WorkerThread(name: "runs") {
            var known: Position?
            var intervals = 1
            while !isStopping.wait(until: { $0 }, timeout: interval * intervals, { $0 }) {
                let position = node.offline.position
                let share = position == known ? Self.shareOfIdle : Self.shareOfBusy
                known = position
                var last = ContinuousClock.now
                do {
                    _ = try node.optimize { state in
                        state.unsorted >= max(rowsMin, state.sorted / share)
                    } progress: { _ in
                        // Half of the time is left to others.
                        let worked = last.duration(to: .now)
                        if isStopping.wait(until: { $0 }, timeout: worked, { $0 }) {
                            throw Stopped()
                        }
                        last = .now
                    }
                    intervals = 1
                } catch is Stopped {
                    return
                } catch {
                    intervals = min(2 * intervals, Self.intervalsMax)
                    report("the offline store could not be sorted by entity: \(error)")
                }
            }
        }
    }

    /// Ends it, and the work at hand, of which nothing counts.
    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.wakeAll()
        thread.join()
    }
}
