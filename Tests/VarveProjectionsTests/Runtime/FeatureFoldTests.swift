import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

/// The fold against the set semantics, and against itself: however it came to a position, its bytes
/// are the same.
@Suite struct FeatureFoldTests {
    static func fresh(_ definitions: Definitions, _ log: Log, upTo end: Position) throws
        -> FeatureFold
    {
        var fold = FeatureFold(definitions)
        try fold.fold(log, upTo: end)
        return fold
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `a fold of a prefix of the log answers as the set semantics do`(seed: UInt64) throws {
        let log = try TemporaryLog(segmentBytes: seed % 2 == 0 ? 4096 : nil)
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 60)
        let commit = log.log.commitPosition.value
        // Any prefix, also one that ends within a frame.
        for end in [Position(commit), Position(Int64(history.generator.below(Int(commit))))] {
            let fold = try Self.fresh(history.definitions, log.log, upTo: end)
            let oracles = try history.oracles(for: history.definitions.views, upTo: end)
            for (state, oracle) in zip(fold.views, oracles) {
                for _ in 0..<6 {
                    let key = oracle.view.entity.map { history.randomKey($0) }
                    let visibility = Visibility(cutoff: history.randomTime())
                    let found = state.read(EntityKey(key), visibility)
                    let expected = oracle.values(key: key, visibility)
                    #expect(
                        zip(found, expected).allSatisfy { $0.isIdentical(to: $1) },
                        """
                        seed \(seed), \(oracle.view.name) of \(key) at \(visibility), prefix \
                        \(end.value): \(found), expected \(expected)
                        """)
                }
            }
        }
        #expect(
            try Self.fresh(history.definitions, log.log, upTo: log.log.commitPosition)
                .unreadable.mapValues(\.count) == history.unreadable)
    }

    @Test(arguments: 10..<16 as Range<UInt64>)
    func `snapshot and tail give the bytes of a fresh fold`(seed: UInt64) throws {
        let log = try TemporaryLog(segmentBytes: 4096)
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 60)
        let end = log.log.commitPosition
        let fresh = try Self.fresh(history.definitions, log.log, upTo: end).bytes
        for _ in 0..<4 {
            let middle = Position(Int64(history.generator.below(Int(end.value) + 1)))
            let half = try Self.fresh(history.definitions, log.log, upTo: middle).bytes
            var reader = PieceReader(half)
            var resumed = try FeatureFold(history.definitions, reading: &reader)
            #expect(try reader.isAtEnd())
            try resumed.fold(log.log, from: middle, upTo: end)
            #expect(resumed.bytes == fresh, "seed \(seed), resumed at \(middle.value)")
        }
    }

    @Test func `a snapshot cut anywhere is an error`() throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: 77, log)
        try history.append(batches: 12)
        let whole = try Self.fresh(
            history.definitions, log.log, upTo: log.log.commitPosition
        ).bytes
        for length in 0..<whole.count {
            let cut = Array(whole.prefix(length))
            #expect(throws: ByteError.self) {
                var reader = PieceReader(cut)
                _ = try FeatureFold(history.definitions, reading: &reader)
            }
        }
    }

    @Test(arguments: 20..<23 as Range<UInt64>)
    func `a view defined late has the state of one defined before the first record`(
        seed: UInt64
    ) throws {
        let log = try TemporaryLog(segmentBytes: 4096)
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 30)
        let middle = log.log.commitPosition
        let (streams, views) = (history.definitions.streams, history.definitions.views)
        let early = Definitions(streams: streams, views: [views[0], views[3]])
        let old = try Self.fresh(early, log.log, upTo: middle)
        var grown = try FeatureFold(
            history.definitions, reusing: old, log: log.log, upTo: middle)
        try history.append(batches: 20)
        let end = log.log.commitPosition
        try grown.fold(log.log, from: middle, upTo: end)
        let fresh = try Self.fresh(history.definitions, log.log, upTo: end)
        #expect(grown.bytes == fresh.bytes, "seed \(seed)")
    }

    /// A stream of one text field and a view that counts its records by `key`.
    private static func document(fields: String) throws -> Definitions {
        try Definitions(
            reading: JSON(
                parsing: """
                    {"streams": [{"name": "s", "fields": {"key": "string"\(fields)}}],
                     "views": [{"name": "v", "entity": {"key": "string"}, "source": "s",
                       "features": [{"name": "n", "count": "*", "window": "lifetime"}]}]}
                    """))
    }

    @Test func `records that a stream's new field makes readable are taken in`() throws {
        let log = try TemporaryLog()
        // Appended before anybody declared the stream.
        try log.append([#"{"key": "a"}"#, #"{"key": "a", "x": 1}"#, #"{"key": 3}"#], to: "s")
        let end = log.log.commitPosition
        let before = try Self.fresh(try Self.document(fields: ""), log.log, upTo: end)
        #expect(before.unreadable["s"]?.count == 2)
        #expect(before.unreadable["s"]?.reason.contains("field `x` is not declared") == true)
        let wider = try Self.document(fields: #", "x": "int64?""#)
        let after = try FeatureFold(wider, reusing: before, log: log.log, upTo: end)
        #expect(after.unreadable["s"]?.count == 1)
        #expect(
            try after.bytes == Self.fresh(wider, log.log, upTo: end).bytes)
    }

    @Test func `a retraction is a record without a value under the fact's id`() throws {
        let log = try TemporaryLog()
        let definitions = try Definitions(
            reading: JSON(
                parsing: """
                    {"streams": [{"name": "s", "fields": {"id": "int64", "key": "string"},
                       "id": "id"}],
                     "views": [{"name": "v", "entity": {"key": "string"}, "source": "s",
                       "features": [{"name": "n", "count": "*", "window": "lifetime"}]}]}
                    """))
        func count() throws -> FeatureValue {
            let end = log.log.commitPosition
            let fold = try Self.fresh(definitions, log.log, upTo: end)
            let time = Visibility(cutoff: Timestamp(microseconds: 1))
            return fold.views[0].read(0, EntityKey([Value.string("a")]), time)
        }
        try log.append(
            [#"{"id": 1, "key": "a"}"#, #"{"id": 2, "key": "a"}"#, #"{"id": 3, "key": "a"}"#],
            to: "s")
        #expect(try count() == .present(.int64(3)))
        func retract(_ key: String?) throws {
            try log.append([Record(key: key.map { Array($0.utf8) }, value: nil, timestamp: 0)], to: "s")
        }
        try retract("2")
        #expect(try count() == .present(.int64(2)))
        // Nothing has these ids.
        for key in ["2", "17", "x", nil] { try retract(key) }
        #expect(try count() == .present(.int64(2)))
        // The id comes back.
        try log.append([#"{"id": 2, "key": "a"}"#], to: "s")
        #expect(try count() == .present(.int64(3)))
    }

    @Test func `values written under a newer version of the view keep the features of this one`()
        throws
    {
        let log = try TemporaryLog()
        let definitions = try Definitions(
            reading: JSON(
                parsing: #"{"views": [{"name": "v", "entity": {"k": "string"}, "values": {"a": "int64?"}}]}"#
            ))
        try log.append(
            [#"{"k": "a", "time": "2020-01-01T00:00:00Z", "a": 7, "b": [1, {"c": 2}]}"#],
            to: "varve.features.v")
        let fold = try Self.fresh(definitions, log.log, upTo: log.log.commitPosition)
        #expect(fold.unreadable.isEmpty)
        let row = fold.views[0].read(
            EntityKey([Value.string("a")]), Visibility(cutoff: .distantFuture))
        #expect(row == [.present(.int64(7))])
    }
}
