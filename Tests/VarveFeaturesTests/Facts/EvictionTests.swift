import Synchronization
import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveTestSupport

/// Facts that leave memory at random moments, against a twin all of whose facts stay: what is where
/// shows in no answer and no byte.
@Suite struct EvictionTests {
    private static func expectSame(
        _ one: ViewState, _ two: ViewState, _ keys: [EntityKey], _ visibility: Visibility,
        _ comment: @autoclosure () -> String
    ) {
        for key in keys {
            let (left, right) = (one.read(key, visibility), two.read(key, visibility))
            #expect(
                isSame(left, right, one.plan), "\(comment()), \(key.values) at \(visibility)")
        }
    }

    private static func isSame(
        _ one: [FeatureValue], _ two: [FeatureValue], _ plan: ViewPlan
    ) -> Bool {
        one.count == plan.featureCount && two.count == plan.featureCount
            && zip(one, two).allSatisfy { $0.isIdentical(to: $1) }
    }

    /// Has each shard free a part of some bytes.
    private static func evict(
        _ wanted: Int, _ state: inout ViewState, _ pages: MemoryPages
    ) throws -> Int {
        var freed = 0
        for shard in state.shards.indices {
            freed += try state.evict(
                wanted / state.shards.count, fromShard: shard, to: pages
            ).bytes
        }
        return freed
    }

    private static func visibilities(
        _ generator: inout SplitMix64, below position: Int, _ times: Range<Int64>
    ) -> [Visibility] {
        let time = Timestamp(
            microseconds: times.lowerBound + Int64(generator.below(times.count)))
        return [
            Visibility(cutoff: time), Visibility(cutoff: time, knownBeforeCutoff: true),
            Visibility(cutoff: time, position: Int64(generator.below(position + 1))),
        ]
    }

    /// Few facts of many entities: open blocks come and go.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `facts that leave memory change no answer and no byte`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed + 700)
        let view = try ViewStateTests.view(&generator, includesCutoff: seed % 2 == 1)
        let plan = ViewPlan(view, stream: ViewStateTests.stream)
        let pages = MemoryPages()
        let keys = (0..<12).compactMap { EntityKey([.string("key \($0)")]) }
        do {
            var (twin, state) = (ViewState(plan), ViewState(plan, shardBits: 1))
            var everPaged = false
            for index in 0..<400 {
                var fact = ViewStateTests.fact(&generator, position: Int64(index))
                fact.slots[0] = .string("key \(generator.below(12))")
                ViewStateTests.apply(fact, to: &twin)
                ViewStateTests.apply(fact, to: &state)
                if generator.chance(10) {
                    let before = state.byteCount
                    let freed = try Self.evict(generator.below(20_000), &state, pages)
                    // A byte for each entity is what it costs to choose.
                    let costs = everPaged ? 0 : 64
                    #expect((0...costs).contains(freed - (before - state.byteCount)))
                    everPaged = true
                    #expect(state.pagedByteCount <= pages.byteCount)
                }
                if generator.chance(5) {
                    for visibility in Self.visibilities(&generator, below: index, -25..<60) {
                        Self.expectSame(twin, state, keys, visibility, "seed \(seed), \(index)")
                    }
                }
            }
            for _ in 0..<2 { _ = try Self.evict(1 << 20, &state, pages) }
            #expect(state.pagedByteCount > 0 && pages.count > 0)
            #expect(state.snapshot == twin.snapshot, "seed \(seed)")
            #expect(state.digest == twin.digest)
            for key in keys {
                #expect(state.positions(of: key) == twin.positions(of: key))
                let narrow = state.narrowed(to: key)
                #expect(narrow.pagedByteCount == 0 && narrow.keyCount == 1)
                for visibility in Self.visibilities(&generator, below: 400, -25..<60) {
                    Self.expectSame(twin, narrow, [key], visibility, "seed \(seed), narrowed")
                }
                #expect(state.hasSameFacts(of: key, as: twin))
                for feature in [0, view.features.count - 1] {
                    #expect(
                        state.changes(ofFeature: feature, key)
                            == twin.changes(ofFeature: feature, key))
                }
            }
        }
        #expect(pages.count == 0, "the last copy of a fact gives its page up")
    }

    /// Many facts of one entity: closed blocks leave, are read at the edges of windows, wanted
    /// back, split by late facts, and changed by amendments and retractions.
    @Test(arguments: 0..<2 as Range<UInt64>)
    func `blocks of a hot key that leave memory change no answer and no byte`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed + 800)
        let view = try ViewStateTests.view(&generator, includesCutoff: seed % 2 == 1)
        let plan = ViewPlan(view, stream: ViewStateTests.stream)
        let pages = MemoryPages()
        let key = try #require(EntityKey([.string("hot")]))
        var (twin, state) = (ViewState(plan), ViewState(plan))
        let features = Array(0..<plan.featureCount)
        for index in 0..<9_000 {
            var fact = ViewStateTests.fact(&generator, position: Int64(index))
            fact.slots[0] = .string("hot")
            fact.eventTime =
                generator.chance(10)
                ? Int64(generator.below(index + 1)) / 190
                : Int64(index) / 190 + Int64(generator.below(2))
            fact.knownTime = fact.eventTime + Int64(generator.below(3)) - 1
            if case .int64(let id)? = fact.id {
                fact.id = generator.chance(5)
                    ? .int64(id * 1000 + Int64(generator.below(1000))) : nil
                if fact.id == nil { fact.isRetraction = false }
            }
            ViewStateTests.apply(fact, to: &twin)
            ViewStateTests.apply(fact, to: &state)
            if generator.below(400) == 0 {
                _ = try Self.evict(generator.below(1 << 20), &state, pages)
            }
            guard index % 1500 == 1499 else { continue }
            // As the live store reads: wanted blocks come back.
            var shard = state.shards[0]
            for visibility in Self.visibilities(&generator, below: index, 0..<70) {
                Self.expectSame(twin, state, [key], visibility, "seed \(seed), \(index)")
                var values: [FeatureValue] = []
                let bytes = key.bytes
                shard.answer(
                    plan, bytes.raw, key.hash, features.span, visibility,
                    state.ids.later(visibility), into: &values)
                #expect(Self.isSame(values, twin.read(key, visibility), plan))
            }
        }
        _ = try Self.evict(1 << 20, &state, pages)
        #expect(state.pagedByteCount > 0)
        #expect(state.snapshot == twin.snapshot, "seed \(seed)")
    }

    private struct Small {
        let plan: ViewPlan
        let pages = MemoryPages()
        let keys: [EntityKey]
        var state: ViewState
        let twin: ViewState

        /// Some facts of some entities, the more of them named by ids.
        init(_ generator: inout SplitMix64) throws {
            let view = try ViewStateTests.view(&generator, includesCutoff: false)
            plan = ViewPlan(view, stream: ViewStateTests.stream)
            keys = (0..<5).compactMap { EntityKey([.string("key \($0)")]) }
            state = ViewState(plan)
            for index in 0..<200 {
                var fact = ViewStateTests.fact(&generator, position: Int64(index))
                fact.slots[0] = .string("key \(index % 5)")
                ViewStateTests.apply(fact, to: &state)
            }
            twin = state
        }
    }

    @Test func `what cannot be written stays, whole`() throws {
        var generator = SplitMix64(seed: 61)
        var small = try Small(&generator)
        small.pages.isFull.store(true, ordering: .relaxed)
        let before = small.state.byteCount
        for _ in 0..<3 {
            #expect(throws: MemoryPages.Full.self) {
                _ = try Self.evict(1 << 20, &small.state, small.pages)
            }
        }
        #expect(small.state.pagedByteCount == 0 && small.pages.isWhole)
        #expect(abs(small.state.byteCount - before) < 100)
        #expect(small.state.snapshot == small.twin.snapshot)
        small.pages.isFull.store(false, ordering: .relaxed)
        #expect(try Self.evict(1 << 20, &small.state, small.pages) > 0)
        #expect(small.state.snapshot == small.twin.snapshot)
    }

    @Test func `facts that are lost are noted, and nothing that is done to them ends the process`()
        throws
    {
        var generator = SplitMix64(seed: 62)
        var small = try Small(&generator)
        _ = try Self.evict(1 << 20, &small.state, small.pages)
        #expect(small.state.pagedByteCount > 0)
        small.pages.isBroken.store(true, ordering: .relaxed)
        let visibility = Visibility(cutoff: Timestamp(microseconds: 30))
        _ = small.state.read(small.keys[0], visibility)
        #expect(!small.pages.isWhole)
        for index in 200..<900 {
            var fact = ViewStateTests.fact(&generator, position: Int64(index))
            fact.slots[0] = .string("key \(index % 5)")
            ViewStateTests.apply(fact, to: &small.state)
        }
        for id in 0..<8 as Range<Int64> {
            small.state.retract(.int64(id), position: 900, knownTime: visibility.cutoff)
        }
        for key in small.keys {
            _ = small.state.read(key, visibility)
            _ = small.state.positions(of: key)
        }
        _ = small.state.snapshot
        _ = try Self.evict(1 << 20, &small.state, small.pages)
        #expect(!small.pages.isWhole)
    }

    @Test func `facts that did not change since leave again without being written`() throws {
        var generator = SplitMix64(seed: 63)
        let small = try Small(&generator)
        var shard = small.state.shards[0]
        func evictAll() throws {
            // Twice: those that were read are left out once.
            for _ in 0..<2 { _ = try shard.evict(1 << 20, to: small.pages) }
        }
        try evictAll()
        let (count, paged) = (small.pages.count, shard.pagedByteCount)
        #expect(count > 0)
        let visibility = Visibility(cutoff: Timestamp(microseconds: 30))
        for _ in 0..<3 {
            for key in small.keys {
                let bytes = key.bytes
                var values: [FeatureValue] = []
                shard.answer(
                    small.plan, bytes.raw, key.hash, [0].span, visibility, nil, into: &values)
            }
            #expect(shard.pagedByteCount == 0)
            small.pages.isFull.store(true, ordering: .relaxed)
            try evictAll()
            #expect(shard.pagedByteCount == paged && small.pages.count == count)
            small.pages.isFull.store(false, ordering: .relaxed)
        }
    }

    @Test func `edges of windows come back when they are read, walks over all facts do not`() throws {
        let definitions = try Definitions(
            reading: JSON(
                parsing: """
                    {"streams": [{"name": "s", "key": ["k"], "event_time": "t",
                       "fields": {"k": "string", "x": "float64", "t": "timestamp"}}],
                     "views": [{"name": "v", "entity": {"k": "string"}, "source": "s", "features": [
                       {"name": "sum", "sum": "x", "window": "5000s"},
                       {"name": "kinds", "distinct": "x", "window": "lifetime"}]}]}
                    """))
        let plan = ViewPlan(definitions.views[0], stream: definitions.streams[0])
        var state = ViewState(plan)
        for index in 0..<20_000 as Range<Int64> {
            let time = Timestamp(microseconds: index * 1_000_000)
            state.apply(
                [.string("k"), .float64(Double(index % 100)), .timestamp(time)], eventTime: time,
                position: index, knownTime: time, id: nil)
        }
        var shard = state.shards[0]
        let pages = MemoryPages()
        func evictAll() throws {
            // Twice: what was brought back is spared once.
            for _ in 0..<2 { _ = try shard.evict(1 << 30, to: pages) }
        }
        try evictAll()
        let all = shard.pagedByteCount
        let key = try #require(EntityKey([.string("k")]))
        let visibility = Visibility(cutoff: Timestamp(microseconds: 15_000_300_000))
        func read(_ feature: Int) -> FeatureValue? {
            var values: [FeatureValue] = []
            let bytes = key.bytes
            shard.answer(
                plan, bytes.raw, key.hash, [feature].span, visibility, nil, into: &values)
            return values.first
        }
        #expect(read(1)?.isIdentical(to: .present(.int64(100))) == true)
        let afterWalk = shard.pagedByteCount
        #expect(all - afterWalk < 40_000, "the newest facts only")
        for _ in 0..<3 {
            #expect(read(0)?.isIdentical(to: state.read(0, key, visibility)) == true)
        }
        let blocks = (afterWalk - shard.pagedByteCount) / (512 * 40)
        #expect(blocks == 2, "both edges of the window")
        _ = try shard.evict(1 << 30, to: pages)
        #expect(shard.pagedByteCount < all, "spared once")
        try evictAll()
        #expect(shard.pagedByteCount == all)
    }
}
