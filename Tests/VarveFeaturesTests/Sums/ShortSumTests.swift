import Testing
import VarveTestSupport

@testable import VarveFeatures

@Suite struct ShortSumTests {
    private static func sums(_ values: [Double]) -> (short: Double?, exact: Double) {
        var (short, exact) = (ShortSum(), ExactSum())
        for value in values {
            short.add(value)
            exact.add(value)
        }
        return (short.value, exact.value)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `a sum has the bits of the exact one, or none`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var known = 0
        for _ in 0..<500 {
            // Amounts of money, halves that make ties, values that cancel, and any double.
            let kind = random.below(4)
            var values = (0..<random.below(24)).map { _ -> Double in
                switch kind {
                case 0: Double(random.below(100_000)) / 100
                case 1: Double(random.below(1 << 20)) / 1024 + Double(random.below(2)) * 0x1p53
                case 2: Double(random.below(1000)) / 7 - 70
                default: random.double()
                }
            }
            if kind == 2 { values += values.shuffled(using: &random).dropFirst().map { -$0 } }
            let (short, exact) = Self.sums(values)
            guard let short else { continue }
            #expect(short.bitPattern == exact.bitPattern, "seed \(seed): \(values)")
            known += 1
        }
        // Most sums are found the short way.
        #expect(known > 350, "seed \(seed)")
    }

    @Test func `what two doubles do not hold has no sum`() {
        // The middle one is half a unit, the last one says which way it is rounded.
        let (half, less) = (0x1p-53, 0x1p-120)
        #expect(Self.sums([1, half, less]).short == nil)
        let next = (1.0).nextUp
        #expect(Self.sums([1, half, less]).exact == next)
        let large = Double.greatestFiniteMagnitude
        #expect(Self.sums([large, large, -large]).short == nil)
        // Together a bit more than half a unit: what rounds beyond every double.
        let quarter = large.ulp / 4
        #expect(Self.sums([large, quarter, quarter, quarter]).short == nil)
        #expect(Self.sums([large, quarter]).short == large)
        #expect(Self.sums([-0.0, -0.0]).short?.sign == .plus)
        #expect(Self.sums([1, half]).short == 1)
        #expect(Self.sums([next, half]).short == next.nextUp)
    }
}
