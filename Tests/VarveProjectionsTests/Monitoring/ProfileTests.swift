import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveProjections
import VarveTestSupport

@Suite struct ProfileTests {
    // The vectors of STATISTICS.md 3.1, made there with scipy 1.17.1.
    private static let reference = (0..<500).map { Double((7919 * $0) % 1000) / 10 }
    private static let current = (0..<400).map { 1.1 * Double((104_729 * $0) % 1000) / 10 + 3 }

    private static func profile(_ values: [Double?], edges: [Double]) -> Profile {
        var profile = Profile(edges: edges)
        for value in values { profile.add(value) }
        return profile
    }

    @Test func `PSI over given edges is the golden one`() throws {
        let edges = (0...10).map { Double($0) * 10 }
        let before = Self.profile(Self.reference, edges: edges)
        let after = Self.profile(Self.current, edges: edges)
        #expect(before.counts == [0, 51, 50, 48, 50, 50, 49, 50, 52, 50, 50, 0])
        #expect(after.counts == [0, 27, 36, 37, 35, 37, 37, 35, 36, 37, 37, 46])
        let drift = try #require(Drift(after, baseline: before))
        #expect(abs(drift.psi - 0.8326207125262285) < 1e-12, "\(drift.psi)")
        // 11 bins hold something, none of them nulls: (B - 1) (1/n + 1/m).
        #expect(drift.noiseFloor == 10 * (1.0 / 500 + 1.0 / 400))
        #expect(abs(try #require(before.mean) - 50.05) < 1e-12)
        #expect(abs(try #require(after.mean) - 57.78) < 1e-12)
    }

    @Test func `PSI equals its formula, and is 0 for a distribution held against itself`() throws {
        var generator = SplitMix64(seed: 9)
        for _ in 0..<50 {
            let edges = (0..<generator.below(6)).map { Double($0) * 2 }
            func values() -> [Double?] {
                (0...generator.below(80)).map { _ in
                    generator.chance(10) ? nil : Double(generator.below(140)) / 10 - 1
                }
            }
            let before = Self.profile(values(), edges: edges)
            let after = Self.profile(values(), edges: edges)
            let drift = try #require(Drift(after, baseline: before))
            let (old, new) = (before.counts + [before.nulls], after.counts + [after.nulls])
            var psi = 0.0
            for (r, c) in zip(old, new) {
                let p = max(Double(r) / Double(old.reduce(0, +)), 1e-4)
                let q = max(Double(c) / Double(new.reduce(0, +)), 1e-4)
                psi += (q - p) * naturalLog(q / p)
            }
            #expect(abs(drift.psi - psi) < 1e-12)
            #expect(Drift(before, baseline: before)?.psi == 0)
        }
        #expect(Drift(Profile(edges: [1]), baseline: Self.profile([1], edges: [1])) == nil)
        #expect(Drift(Self.profile([1], edges: [2]), baseline: Self.profile([1], edges: [1])) == nil)
    }

    @Test func `a value at an edge falls above it`() {
        let profile = Self.profile([-1, 0, 0.5, 1, 2, 3], edges: [0, 1, 2])
        #expect(profile.counts == [1, 2, 1, 2])
    }

    @Test func `a baseline has its bins at the quantiles of its values`() {
        let even = Profile(baseline: (0..<1000).map { Double($0) })
        let inner = (1..<20).map { Double($0) * 50 }
        #expect(even.edges == [0, 0.nextUp] + inner + [999.nextUp])
        // Below all, the least, 1...49, then fifties, and above all.
        #expect(even.counts == [0, 1, 49] + Array(repeating: 50, count: 19) + [0])
        // Few values, one value, no value: no empty bins between equal edges.
        #expect(Profile(baseline: [0, 0, 0, 1]).edges == [0, 0.nextUp, 1, 1.nextUp])
        #expect(Profile(baseline: [3, 3, nil]).edges == [3, 3.nextUp])
        #expect(Profile(baseline: [nil]).counts == [0])
        #expect(Profile(baseline: []).mean == nil)
        #expect(Profile(baseline: []).nullShare == 0)
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `a baseline of counted numbers is that of all of them`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let edges: [Double] = [
            0, -0.0, .nan, .infinity, -.infinity, 1, 1.nextUp, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, .leastNonzeroMagnitude,
        ]
        for size in [0, 1, 2, 3, 19, 20, 21, 60] {
            // As numbers of a column are counted: by their bits, some of them not there.
            var distinct: [Double] = []
            for _ in 0..<size {
                let number =
                    generator.chance(30) ? generator.pick(edges) : generator.double()
                if !distinct.contains(where: { $0.bitPattern == number.bitPattern }) {
                    distinct.append(number)
                }
            }
            let most = generator.pick([2, 3, 50])
            let counts = distinct.map { _ in generator.below(most) }
            let nulls = generator.below(4)
            var all = zip(distinct, counts).flatMap { Array(repeating: $0, count: $1) }
            all.shuffle(using: &generator)
            let expected = Profile(baseline: all, nulls: nulls)
            let found = Profile(baseline: distinct, counts: counts, nulls: nulls)
            #expect(found.json.text == expected.json.text, "seed \(seed), \(size) numbers")
            #expect(found == expected, "seed \(seed), \(size) numbers")
        }
    }

    @Test func `what is no finite number counts as null`() {
        let odd: [Double?] = [.nan, .infinity, -.infinity, nil, 1, 2]
        let profile = Profile(baseline: odd)
        #expect(profile.nulls == 4 && profile.count == 6)
        #expect(profile.minimum == 1 && profile.maximum == 2 && profile.mean == 1.5)
    }

    @Test func `a profile comes back from JSON with its counts and its mean`() throws {
        var generator = SplitMix64(seed: 3)
        for _ in 0..<40 {
            let values = (0..<generator.below(60)).map { _ in
                generator.chance(10) ? nil : generator.double()
            }
            let profile = Profile(baseline: values)
            let text = profile.json.text
            let read = try #require(Profile(try JSON(parsing: text)))
            #expect(read.edges == profile.edges && read.counts == profile.counts)
            #expect(read.nulls == profile.nulls && read.nullShare == profile.nullShare)
            #expect(read.minimum == profile.minimum && read.maximum == profile.maximum)
            #expect(read.mean == profile.mean)
        }
        for text in [
            "{}", #"{"edges": [1], "counts": [1], "nulls": 0}"#, #"{"edges": [], "counts": [1]}"#,
        ] {
            #expect(Profile(try JSON(parsing: text)) == nil)
        }
    }
}
