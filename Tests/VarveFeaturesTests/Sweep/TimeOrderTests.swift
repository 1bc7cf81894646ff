import Testing
import VarveTestSupport

@testable import VarveFeatures

@Suite struct TimeOrderTests {
    @Test(arguments: [0, 1, 2, 3, 50, 2000])
    func `a stretch is sorted by time, ties stay in order, the rest stays where it is`(
        count: Int
    ) {
        var random = SplitMix64(seed: UInt64(count) + 5)
        let shapes: [(String, (Int) -> Int64)] = [
            ("in order", { Int64($0) }), ("backwards", { Int64(-$0) }), ("equal", { _ in 7 }),
            ("nearly in order", { Int64($0 + random.below(4)) }),
            ("random", { _ in Int64(random.below(count / 3 + 1)) }),
        ]
        for (name, time) in shapes {
            let times = [99] + (0..<count).map(time) + [-99]
            var elements = times.enumerated().map { (time: $0.element, place: $0.offset) }
            let expected = (1..<(count + 1)).sorted { (times[$0], $0) < (times[$1], $1) }
            TimeOrder.sort(&elements, 1..<(count + 1)) { $0.time }
            #expect(elements.map(\.place) == [0] + expected + [count + 1], "\(count) \(name)")
            #expect(elements.allSatisfy { $0.time == times[$0.place] }, "\(count) \(name)")
        }
    }
}
