import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

/// The difference of two generations against a comparison at every single moment.
@Suite struct GenerationDiffTests {
    private static let keys = ["a", "b", "c"]
    /// Moments of the small world, microseconds; everything that happens lies within.
    private static let moments: Range<Int64> = -40..<130

    private static func document(_ features: [String], _ more: String) -> String {
        """
        {"streams": [{"name": "s", "fields": {"key": "string", "x": "float64?", "t": "int64"},
           "event_time": {"field": "t", "unit": "us"}}],
         "views": [{"name": "v", "entity": {"key": "string"}, "source": "s"\(more),
           "features": [\(features.joined(separator: ", "))]}]}
        """
    }

    private static func feature(_ name: Int, _ generator: inout SplitMix64) -> String {
        let body = generator.pick([
            #""count": "*""#, #""count": "x""#, #""sum": "x""#, #""mean": "x""#, #""last": "x""#,
            #""latest": "x""#, #""min": "x""#,
        ])
        let window = generator.pick([
            #""window": "lifetime""#, #""window": "last 2""#,
            #""window": "\#(1 + generator.below(20))us""#,
            #""window": "9us", "lag": "4us""#, #""window": "12us", "hop": "5us""#,
        ])
        return #"{"name": "f\#(name)", \#(body), \#(window)}"#
    }

    /// What a comparison at every moment says of one key.
    private struct BruteForce: Equatable {
        var intervals = 0
        var first: Int64?
        var last: Int64 = .max
        var largest: Double?

        init?(_ key: EntityKey, _ old: ViewState, _ before: Int, _ new: ViewState, _ after: Int) {
            var differed = false
            // The first moment stands for all before it, the last one for all after.
            for moment in [Int64.min] + Array(GenerationDiffTests.moments) {
                let visibility = Visibility(cutoff: Timestamp(microseconds: moment))
                let left = old.read(before, key, visibility)
                let right = new.read(after, key, visibility)
                let differs = !left.isIdentical(to: right)
                if differs {
                    if !differed { intervals += 1 }
                    if first == nil { first = moment }
                    if let a = Profile.number(left.value), let b = Profile.number(right.value) {
                        largest = max(largest ?? 0, abs(a - b))
                    }
                } else if differed {
                    last = moment
                }
                differed = differs
            }
            if first == nil { return nil }
            if differed { last = .max }
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `keys, stretches and sizes are those of a comparison at every moment`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var features = (0..<6).map { Self.feature($0, &generator) }
        let mores = ["", #", "max_age": "7us""#, #", "at_cutoff": "include""#, #", "where": "x > 0""#]
        let old = try Definitions(
            reading: JSON(parsing: Self.document(features, generator.pick(mores))))
        // Some features change, one goes, one comes.
        for index in 0..<3 { features[index] = Self.feature(index, &generator) }
        features[5] = Self.feature(6, &generator)
        let new = try Definitions(
            reading: JSON(parsing: Self.document(features, generator.pick(mores))))
        let log = try TemporaryLog()
        for _ in 0..<25 {
            let x = generator.pick(["1.5", "2", "-1", "null", "0.25"])
            try log.append(
                [
                    #"{"key": "\#(generator.pick(Self.keys))", "x": \#(x), "t": \#(generator.below(60))}"#
                ], to: "s")
        }
        let end = log.log.commitPosition
        var (before, after) = (FeatureFold(old), FeatureFold(new))
        try before.fold(log.log, upTo: end)
        try after.fold(log.log, upTo: end)
        let diff = GenerationDiff(before, after)
        #expect(diff.removed == ["v.f5"] && diff.added == ["v.f6"])
        let (left, right) = (before.views[0], after.views[0])
        for index in 0..<5 {
            let name = "f\(index)"
            let (place, other) = (index, index)
            let found = diff.features.first { $0.feature == name }?.keys ?? []
            for key in Self.keys.compactMap({ EntityKey([Value.string($0)]) }) {
                let expected = BruteForce(key, left, place, right, other)
                let difference = found.first { $0.key == key }
                #expect((expected == nil) == (difference == nil), "seed \(seed), \(name)")
                guard let expected, let difference else { continue }
                let context: Comment = "seed \(seed), \(name) of \(key.values): \(expected)"
                #expect(difference.intervals == expected.intervals, context)
                #expect(difference.first.microseconds == expected.first, context)
                #expect(difference.last.microseconds == expected.last, context)
                #expect(difference.largest == expected.largest, context)
                let first = Visibility(cutoff: difference.first)
                #expect(difference.before.isIdentical(to: left.read(place, key, first)))
                #expect(difference.after.isIdentical(to: right.read(other, key, first)))
            }
        }
    }

    @Test func `the same definitions over the same records differ nowhere`() throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: 5, log)
        try history.append(batches: 20)
        var fold = FeatureFold(history.definitions)
        try fold.fold(log.log, upTo: log.log.commitPosition)
        let diff = GenerationDiff(fold, fold)
        #expect(diff.isEmpty && diff.comparedKeys == 0)
    }

    @Test func `facts at the ends of time are compared too`() throws {
        let log = try TemporaryLog()
        for time in [Int64.min, Int64.min + 1, -1, Int64.max - 1, Int64.max] {
            try log.append([#"{"key": "a", "x": 1, "t": \#(time)}"#], to: "s")
        }
        func fold(_ window: String) throws -> FeatureFold {
            let features = [#"{"name": "n", "sum": "x", \#(window)}"#]
            let definitions = try Definitions(
                reading: JSON(parsing: Self.document(features, #", "max_age": "36500d""#)))
            var fold = FeatureFold(definitions)
            try fold.fold(log.log, upTo: log.log.commitPosition)
            return fold
        }
        let short = try fold(#""window": "1d", "hop": "7us""#)
        let long = try fold(#""window": "36500d", "lag": "36500d", "hop": "3d""#)
        let diff = GenerationDiff(short, long)
        #expect(diff.features.first?.keys.count == 1)
        #expect("\(diff.json(keyLimit: 5).text)".contains("intervals"))
    }
}
