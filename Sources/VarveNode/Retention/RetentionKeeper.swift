import VarveLog
import VarveSystem

/// Lets retention remove what may go, now and then.
final class RetentionKeeper: Sendable {
    private let isStopping = Monitor(false)
    private let thread: WorkerThread

    /// - Parameter report: told what was removed, and why it could not be looked for.
    init(_ node: Node, every interval: Duration, report: @escaping @Sendable (String) -> Void) {
        let isStopping = isStopping
        thread = WorkerThread(name: "retention") {
            while !isStopping.wait(until: { $0 }, timeout: interval, { $0 }) {
                do {
                    let plan = try node.retain().plan
                    if plan.segments.isEmpty { continue }
                    report("retention removed \(plan.segments.count) segments, \(plan.bytes) bytes")
                } catch {
                    report("retention failed: \(error)")
                }
            }
        }
    }

    /// Ends it after the removal at hand.
    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.wakeAll()
        thread.join()
    }
}
