import Testing
import VarveSystem

@testable import VarveNode

@Suite struct WorkerPoolTests {
    /// Something that a job holds.
    private final class Held: Sendable {
        private let count: Monitor<Int>

        init(_ count: Monitor<Int>) {
            self.count = count
            count.withLock { $0 += 1 }
        }

        deinit {
            count.withLock { $0 -= 1 }
            count.wakeAll()
        }
    }

    @Test func `what a job holds goes when it is done, while others wait behind it`() {
        let pool = WorkerPool(name: "test", threads: 1, limit: 1000)
        let (held, done) = (Monitor(0), Monitor(0))
        // The queue is never empty: each job is behind another until the last.
        let gate = Monitor(false)
        #expect(pool.submit { gate.wait(until: { $0 }) { _ in } })
        for _ in 0..<300 {
            let thing = Held(held)
            let isTaken = pool.submit {
                withExtendedLifetime(thing) { done.withLock { $0 += 1 } }
                done.wakeAll()
            }
            #expect(isTaken)
        }
        let last = Monitor(false)
        #expect(pool.submit { last.wait(until: { $0 }) { _ in } })
        #expect(pool.submit {})
        #expect(held.withLock { $0 } == 300)
        gate.withLock { $0 = true }
        gate.wakeAll()
        done.wait(until: { $0 == 300 }, timeout: .seconds(20)) { #expect($0 == 300) }
        held.wait(until: { $0 == 0 }, timeout: .seconds(20)) { #expect($0 == 0) }
        last.withLock { $0 = true }
        last.wakeAll()
        pool.stop()
    }
}
