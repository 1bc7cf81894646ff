import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

/// What may change without changing an answer: how work is parted, how the log lies on disk, what
/// comes later, and how records about different things are interleaved.
@Suite struct MetamorphicTests {
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `threads, pieces and shards show in no byte of the state`(seed: UInt64) throws {
        let log = try TemporaryLog(segmentBytes: 8192)
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 60)
        let end = log.log.commitPosition
        let expected = try FeatureFoldTests.fresh(history.definitions, log.log, upTo: end).bytes
        for _ in 0..<8 {
            var options = FoldOptions()
            options.threads = 1 + history.generator.below(4)
            options.pieceRecords = 1 + history.generator.below(6)
            options.heldRecords = 1 + history.generator.below(40)
            options.shortStretch = 0
            let bits = history.generator.below(5)
            var fold = FeatureFold(history.definitions, shardBits: bits)
            // In two stretches, the first of which may end within a frame.
            let middle = Position(Int64(history.generator.below(Int(end.value) + 1)))
            try fold.fold(log.log, upTo: middle, options: options)
            try fold.fold(log.log, from: middle, upTo: end, options: options)
            #expect(
                fold.bytes == expected,
                "seed \(seed), \(options), 2^\(bits) shards, middle \(middle.value)")
            #expect(fold.unreadable.mapValues(\.count) == history.unreadable)
        }
    }

    @Test(arguments: 30..<33 as Range<UInt64>)
    func `the size of segments shows in no byte of the state`(seed: UInt64) throws {
        var found: [[UInt8]] = []
        for size in [4096, 5000, 1 << 16, nil] as [Int64?] {
            let log = try TemporaryLog(segmentBytes: size)
            let history = try RandomHistory(seed: seed, log)
            try history.append(batches: 50)
            let fold = try FeatureFoldTests.fresh(
                history.definitions, log.log, upTo: log.log.commitPosition)
            found.append(fold.bytes)
        }
        #expect(found.allSatisfy { $0 == found[0] }, "seed \(seed)")
    }

    @Test(arguments: 40..<46 as Range<UInt64>)
    func `a fact at or after K changes no answer at K`(seed: UInt64) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 40)
        let known = log.log.commitPosition
        var fold = try FeatureFoldTests.fresh(history.definitions, log.log, upTo: known)
        var questions: [(view: Int, key: EntityKey?, Visibility, [FeatureValue])] = []
        for _ in 0..<200 {
            let view = history.generator.below(history.definitions.views.count)
            let entity = history.definitions.views[view].entity
            let key = EntityKey(entity.map { history.randomKey($0) })
            let visibility = Visibility(
                cutoff: history.randomTime(), position: known.value,
                knownBeforeCutoff: history.generator.chance(50))
            questions.append((view, key, visibility, fold.views[view].read(key, visibility)))
        }
        // Amendments and retractions of what was known are among what follows.
        for round in 0..<3 {
            let from = log.log.commitPosition
            try history.append(batches: 20)
            try fold.fold(log.log, from: from, upTo: log.log.commitPosition)
            for (view, key, visibility, before) in questions {
                let after = fold.views[view].read(key, visibility)
                #expect(
                    zip(before, after).allSatisfy { $0.isIdentical(to: $1) },
                    "seed \(seed), round \(round), view \(view) at \(visibility): \(before), \(after)")
            }
        }
    }

    // MARK: Interleaving

    /// Every aggregation over one stream with ids, by key.
    private static let document = """
        {"streams": [{"name": "s", "fields": {"id": "int64", "key": "string", "t": "int64",
           "x": "float64?", "c": "string?"},
           "event_time": {"field": "t", "unit": "s"}, "id": "id", "key": ["key"]}],
         "views": [{"name": "v", "entity": {"key": "string"}, "source": "s", "max_age": "40s",
           "features": [
           {"name": "a", "count": "*", "window": "20s"}, {"name": "b", "sum": "x", "window": "20s"},
           {"name": "c", "mean": "x", "window": "lifetime"},
           {"name": "d", "min": "x", "window": "last 3"}, {"name": "e", "max": "x", "window": "9s"},
           {"name": "f", "stddev": "x", "window": "30s"},
           {"name": "g", "first": "x", "window": "30s", "lag": "2s"},
           {"name": "h", "last": "c", "window": "20s"},
           {"name": "i", "latest": "x", "window": "lifetime"},
           {"name": "j", "last_k": "c", "k": 3, "window": "20s"},
           {"name": "k", "distinct": "c", "window": "20s"},
           {"name": "l", "top_k": "c", "k": 2, "window": "20s"},
           {"name": "m", "quantile": "x", "q": 0.5, "window": "20s"},
           {"name": "n", "sum": "x", "by": "c", "window": "20s", "where": "x > 0.0"},
           {"name": "o", "time_since_last": "x", "window": "lifetime"},
           {"name": "p", "first_k": "x", "k": 2, "window": "20s", "hop": "7s"}]}]}
        """

    @Test(arguments: 50..<54 as Range<UInt64>)
    func `the order of records about different keys changes no answer`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let definitions = try Definitions(reading: JSON(parsing: Self.document))
        let keys = (0..<5).map { "k\($0)" }
        // Ids belong to one key: a record that amends another key's fact has to come after it.
        var history: [[Record]] = keys.indices.map { key in
            (0..<60).map { _ in
                let id = key * 100 + generator.below(40)
                if generator.chance(10) {
                    return Record(key: Array("\(id)".utf8), value: nil, timestamp: 0)
                }
                let x = generator.pick(["null", "1e16", "-1e16", "1.5", "-0.0", "3", "1e-300"])
                let c = generator.pick(["null", "\"p\"", "\"q\"", "\"a longer category than 15\""])
                let value =
                    #"{"id": \#(id), "key": "\#(keys[key])", "t": \#(generator.below(60)), "#
                    + #""x": \#(x), "c": \#(c)}"#
                return Record(key: nil, value: Array(value.utf8), timestamp: 0)
            }
        }
        func fold(_ generator: inout SplitMix64) throws -> FeatureFold {
            var left = history
            let log = try TemporaryLog()
            while left.contains(where: { !$0.isEmpty }) {
                var batch: [Record] = []
                for _ in 0...generator.below(5) {
                    let open = left.indices.filter { !left[$0].isEmpty }
                    if open.isEmpty { break }
                    batch.append(left[generator.pick(open)].removeFirst())
                }
                try log.append(batch, to: "s")
            }
            return try FeatureFoldTests.fresh(definitions, log.log, upTo: log.log.commitPosition)
        }
        let one = try fold(&generator)
        for _ in 0..<3 {
            let other = try fold(&generator)
            for key in keys {
                for second in -1..<75 {
                    let time = Visibility(
                        cutoff: Timestamp(microseconds: Int64(second) * 1_000_000))
                    let entity = EntityKey([Value.string(key)])
                    let (left, right) = (one.views[0].read(entity, time), other.views[0].read(entity, time))
                    #expect(
                        zip(left, right).allSatisfy { $0.isIdentical(to: $1) },
                        "seed \(seed), \(key) at \(second): \(left), \(right)")
                }
            }
        }
        // It would notice: another order within a key is another history.
        history[0].reverse()
        let other = try fold(&generator)
        let entity = EntityKey([Value.string(keys[0])])
        let differs = (0..<75).contains { second in
            let time = Visibility(cutoff: Timestamp(microseconds: Int64(second) * 1_000_000))
            return zip(one.views[0].read(entity, time), other.views[0].read(entity, time))
                .contains { !$0.isIdentical(to: $1) }
        }
        #expect(differs, "seed \(seed)")
    }
}
