import Testing
import VarveTestSupport

@testable import VarveNode

@Suite struct TimerQueueTests {
    @Test func `actions are due in the order of their deadlines, unless cancelled`() {
        let start = ContinuousClock.now
        for seed in UInt64(0)..<100 {
            var random = SplitMix64(seed: seed)
            var queue = TimerQueue()
            var planned: [(deadline: Int, number: Int, id: TimerQueue.ID)] = []
            var ran: [Int] = []
            for number in 0..<100 {
                let deadline = random.below(1000)
                let id = queue.add(at: start + .seconds(deadline)) { ran.append(number) }
                planned.append((deadline, number, id))
            }
            for _ in 0..<20 { queue.cancel(planned.remove(at: random.below(planned.count)).id) }
            for now in stride(from: 0, through: 1000, by: 50) {
                for action in queue.takeDue(at: start + .seconds(now)) { action() }
                #expect(ran.count == planned.filter { $0.deadline <= now }.count, "seed \(seed)")
                if let next = queue.next { #expect(next > start + .seconds(now)) }
            }
            let deadlines = Dictionary(
                uniqueKeysWithValues: planned.map { ($0.number, $0.deadline) })
            #expect(ran.compactMap { deadlines[$0] } == planned.map(\.deadline).sorted())
            #expect(queue.next == nil)
        }
    }
}
