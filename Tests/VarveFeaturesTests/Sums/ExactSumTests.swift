import Testing
import VarveFeatures
import VarveTestSupport

@Suite struct ExactSumTests {
    /// Lists of doubles with their sums by Python's `math.fsum` (tools/fixtures/sums.py).
    private static func cases() throws -> [(sum: Double, values: [Double])] {
        try Fixture.text("sums/fsum.csv").split(separator: "\n").map { line in
            let numbers = line.split(separator: ",").map {
                Double(bitPattern: UInt64($0, radix: 16) ?? 0)
            }
            return (numbers[0], Array(numbers.dropFirst()))
        }
    }

    @Test func `sums equal Python's math.fsum in any order, merged or one by one`() throws {
        var generator = SplitMix64(seed: 7)
        let cases = try Self.cases()
        #expect(cases.count > 200)
        for (index, (expected, values)) in cases.enumerated() {
            for _ in 0..<3 {
                let shuffled = values.shuffled(using: &generator)
                var whole = ExactSum()
                for value in shuffled { whole.add(value) }
                #expect(whole.value.bitPattern == expected.bitPattern, "case \(index)")
                var (left, right) = (ExactSum(), ExactSum())
                for (place, value) in shuffled.enumerated() {
                    if place % 3 == 0 { left.add(value) } else { right.add(value) }
                }
                left.merge(right)
                #expect(left.value.bitPattern == expected.bitPattern, "case \(index), merged")
                #expect(left == whole)
            }
        }
    }

    @Test func `what is added and removed leaves no trace`() throws {
        for (_, values) in try Self.cases() {
            var sum = ExactSum()
            sum.add(0.3)
            for value in values { sum.add(value) }
            for value in values.reversed() { sum.remove(value) }
            #expect(sum.value == 0.3)
        }
    }

    @Test func `the sum of nothing and of zeros is plus zero`() {
        #expect(ExactSum().value.bitPattern == 0)
        var sum = ExactSum()
        sum.add(-0.0)
        #expect(sum.value.bitPattern == 0)
    }

    @Test func `millions of the largest carries are kept`() {
        var sum = ExactSum()
        let value = Double(bitPattern: 0x3FFF_FFFF_FFFF_FFFF)
        for _ in 0..<200_000 { sum.add(value) }
        #expect(sum.value == 200_000 * value)
    }

    @Test func `a value so many times is what it is one by one, also beyond every double`() {
        var generator = SplitMix64(seed: 11)
        let edges: [Double] = [
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .greatestFiniteMagnitude / 2,
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0x1p-1022, 0, -0.0, 0.1,
        ]
        for value in edges + (0..<100).map({ _ in generator.double() }) {
            for times in [0, 1, 2, 3, 7, 8, 100, 1023] {
                var (many, single) = (ExactSum(), ExactSum())
                many.add(0.5)
                single.add(0.5)
                many.add(value, times: times)
                for _ in 0..<times { single.add(value) }
                #expect(many == single, "\(times) times \(value)")
                // What is beyond every double comes back.
                for _ in 0..<times { many.remove(value) }
                #expect(many.value == 0.5, "\(times) times \(value)")
            }
        }
    }

    @Test func `many at once are what they are one by one, infinities and NaN left out`() throws {
        var generator = SplitMix64(seed: 9)
        for (index, (expected, values)) in try Self.cases().enumerated() {
            var mixed = values + [.infinity, -.infinity, .nan, 0, -0.0]
            mixed.shuffle(using: &generator)
            var (whole, single) = (ExactSum(), ExactSum())
            whole.add(0.5)
            single.add(0.5)
            whole.add(finite: mixed.span)
            for value in mixed where value.isFinite { single.add(value) }
            #expect(whole == single, "case \(index)")
            whole.remove(0.5)
            #expect(whole.value.bitPattern == expected.bitPattern, "case \(index)")
        }
    }
}
