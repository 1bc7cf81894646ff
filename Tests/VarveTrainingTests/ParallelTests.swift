import Testing
import VarveSystem

@testable import VarveTraining

@Suite struct ParallelTests {
    private struct Stop: Error {}

    @Test(arguments: [1, 2, 5], [0, 1, 3, 40])
    func `pieces are handed over in order, and no more wait than may`(threads: Int, count: Int) {
        for ahead in [0, 1, 4, 100] {
            /// Pieces that were begun, and that were taken.
            let counts = Monitor((begun: 0, taken: 0))
            var taken: [Int] = []
            Parallel.inOrder(count, threads: threads, ahead: ahead, name: "test") { number in
                counts.withLock { counts in
                    counts.begun += 1
                    // And the one that is taken just now.
                    #expect(counts.begun - counts.taken <= max(1, ahead) + 1)
                }
                return number * number
            } take: { piece in
                taken.append(piece)
                counts.withLock { $0.taken += 1 }
            }
            #expect(taken == (0..<count).map { $0 * $0 })
            #expect(counts.withLock { $0.begun } == count)
        }
    }

    @Test(arguments: [1, 3])
    func `a piece that cannot be taken ends the work`(threads: Int) {
        let begun = Monitor(0)
        var taken = 0
        #expect(throws: Stop.self) {
            try Parallel.inOrder(1000, threads: threads, ahead: 4, name: "test") { _ in
                begun.withLock { $0 += 1 }
            } take: { _ in
                taken += 1
                if taken == 3 { throw Stop() }
            }
        }
        #expect(taken == 3)
        #expect(begun.withLock { $0 } <= 3 + 4)
    }
}
