import Testing
import VarveBytes
import VarveFeatures
import VarveTestSupport

/// The engine against the slow twin, on random streams with ties, nulls, late, duplicate, amended
/// and retracted records, null keys, and all three modes.
@Suite struct ViewStateTests {
    static let fields = [
        Field(name: "key", type: .string, isNullable: true),
        Field(name: "x", type: .float64, isNullable: true),
        Field(name: "n", type: .int64, isNullable: true),
        Field(name: "s", type: .string, isNullable: true),
    ]

    static let stream = StreamDefinition(
        name: "events", fields: fields, eventTime: .record, knownTime: .ingest, key: ["key"],
        id: nil, expectations: [], policy: .reject)

    /// A view with every aggregation that applies, over windows of every kind.
    static func view(
        _ generator: inout SplitMix64, includesCutoff: Bool
    ) throws -> ViewDefinition {
        func pick<T>(_ values: [T]) -> T { values[Int(generator.next() % UInt64(values.count))] }
        var features: [AggregateFeature] = []
        for function in Aggregation.allCases {
            for argument in [nil, "x", "n", "s", "x * 2.0 - 1.0"] as [String?] {
                let expression = try argument.map { try Expression(parsing: $0, scope: fields) }
                guard let type = function.resultType(of: expression?.type) else { continue }
                let filter = pick([nil, "n > 2", "s = 'a'", "x is not null"] as [String?])
                let windows: [Window] = [
                    .lifetime, .lastFacts(1 + Int(generator.next() % 4)),
                    .length(1 + Int64(generator.next() % 30), lag: 0, hop: 0),
                    .length(
                        1 + Int64(generator.next() % 30), lag: Int64(generator.next() % 10),
                        hop: pick([0, 3, 7])),
                ]
                let takesCategory = ![
                    .latest, .timeSinceLast, .firstK, .lastK, .topK,
                ].contains(function)
                let parameter =
                    switch function {
                    case .quantile: pick([0, 1, 250_000, 333_333, 500_000, 999_999, 1_000_000])
                    case .firstK, .lastK, .topK: pick([1, 2, 3, 1000])
                    default: 0
                    }
                for category in takesCategory ? [nil, pick(["s", "n % 3", "n > 4"])] : [nil] {
                    features.append(
                        AggregateFeature(
                            name: "f\(features.count)", function: function, argument: expression,
                            filter: try filter.map { try Expression(parsing: $0, scope: fields) },
                            window: pick(windows), parameter: parameter,
                            category: try category.map {
                                try Expression(parsing: $0, scope: fields)
                            }, type: category == nil ? type : .string))
                }
            }
        }
        return ViewDefinition(
            name: "v", entity: [Field(name: "key", type: .string)],
            source: .derived(
                .init(
                    stream: "events",
                    filter: pick([nil, try Expression(parsing: "n is null or n < 9", scope: fields)]),
                    features: features)),
            maxAge: pick([nil, 12]), includesCutoff: includesCutoff)
    }

    static func fact(
        _ generator: inout SplitMix64, position: Int64, isExtreme: Bool = false
    ) -> SetSemantics.Fact {
        func chance(_ percent: UInt64) -> Bool { generator.next() % 100 < percent }
        func value(_ values: [Value]) -> Value {
            chance(15) ? .null : values[Int(generator.next() % UInt64(values.count))]
        }
        if isExtreme { return extremeFact(&generator, position) }
        let time = Int64(generator.next() % 60) - 20
        return SetSemantics.Fact(
            slots: [
                value([.string("a"), .string("b")]),
                value([
                    .float64(0.1), .float64(0.2), .float64(-0.0), .float64(0.0), .float64(1e16),
                    .float64(-1e16), .float64(1e-300),
                ]),
                value((0..<10).map { .int64($0) }), value([.string("a"), .string("b")]),
            ],
            eventTime: time, position: position,
            // Known before its event time, at it, or much later.
            knownTime: time + Int64(generator.next() % 30) - 5,
            id: chance(40) ? .int64(Int64(generator.next() % 8)) : nil,
            isRetraction: chance(8))
    }

    /// Times of thousands of millennia around 1970, the largest and smallest numbers, texts that
    /// Unicode calls equivalent.
    private static func extremeFact(
        _ generator: inout SplitMix64, _ position: Int64
    ) -> SetSemantics.Fact {
        let times = [
            Int.min + 1, -1 << 62, -3_000_000_000_000_000, -1, 0, 1, 3_000_000_000_000_000, 1 << 62,
        ]
        let time = Int64(generator.pick(times)) + Int64(generator.below(3)) - 1
        let composed = generator.pick(["\u{e9}", "e\u{301}", "", "\u{1f600}"])
        return SetSemantics.Fact(
            slots: [
                .string(generator.pick(["\u{e9}", "e\u{301}"])),
                .float64(
                    generator.pick([
                        1e308, -1e308, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e-308,
                        .leastNonzeroMagnitude, -.leastNonzeroMagnitude, -0.0, 0.0, 1e16, 1, -1e16,
                    ])),
                .int64(generator.pick([.min, .max, 0, -1, 1])), .string(composed),
            ],
            eventTime: time, position: position,
            knownTime: generator.pick([time, time &- 1, time &+ 1, 0]),
            id: generator.chance(30) ? .string(composed) : nil,
            isRetraction: generator.chance(8))
    }

    static func apply(_ fact: SetSemantics.Fact, to state: inout ViewState) {
        let known = Timestamp(microseconds: fact.knownTime)
        if fact.isRetraction {
            if let id = fact.id { state.retract(id, position: fact.position, knownTime: known) }
            return
        }
        state.apply(
            fact.slots, eventTime: Timestamp(microseconds: fact.eventTime),
            position: fact.position, knownTime: known, id: fact.id)
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `every answer equals that of the set semantics`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let view = try Self.view(&generator, includesCutoff: seed % 2 == 1)
        guard case .derived(let source) = view.source else { return }
        var oracle = SetSemantics(view: view, stream: Self.stream)
        var state = ViewState(ViewPlan(view, stream: Self.stream))
        for index in 0..<70 {
            let fact = Self.fact(&generator, position: Int64(index))
            oracle.facts.append(fact)
            Self.apply(fact, to: &state)
        }
        for key in [Value.string("a"), .string("b"), .string("never"), .null] {
            for _ in 0..<5 {
                let time = Timestamp(microseconds: Int64(generator.next() % 80) - 25)
                // A prefix of the log is asked of the whole state, except where known times count:
                // there the basis is where the fold ends.
                let visibilities = [
                    Visibility(cutoff: time), Visibility(cutoff: time, knownBeforeCutoff: true),
                    Visibility(cutoff: time, position: Int64(generator.next() % 70)),
                ]
                for visibility in visibilities {
                    let row = state.read(EntityKey([key]), visibility)
                    for (feature, found) in zip(source.features, row) {
                        let expected = oracle.value(of: feature, key: [key], visibility)
                        #expect(
                            found.isIdentical(to: expected),
                            """
                            seed \(seed): \(feature.function) \(feature.window) of \(key) at \
                            \(visibility): \(found), expected \(expected)
                            """)
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `extreme times, numbers and texts are answered as the set semantics answer`(
        seed: UInt64
    ) throws {
        var generator = SplitMix64(seed: seed + 900)
        let view = try Self.view(&generator, includesCutoff: seed % 2 == 1)
        guard case .derived(let source) = view.source else { return }
        var oracle = SetSemantics(view: view, stream: Self.stream)
        var state = ViewState(ViewPlan(view, stream: Self.stream))
        for index in 0..<40 {
            let fact = Self.fact(&generator, position: Int64(index), isExtreme: true)
            oracle.facts.append(fact)
            Self.apply(fact, to: &state)
        }
        for key in [Value.string("\u{e9}"), .string("e\u{301}")] {
            for _ in 0..<4 {
                let times = [Int.min, -1 << 62, -1, 0, 1, 10, 1 << 62]
                let time = Timestamp(
                    microseconds: Int64(generator.pick(times)) + Int64(generator.below(5)))
                for visibility in [
                    Visibility(cutoff: time), Visibility(cutoff: time, knownBeforeCutoff: true),
                ] {
                    let row = state.read(EntityKey([key]), visibility)
                    for (feature, found) in zip(source.features, row) {
                        let expected = oracle.value(of: feature, key: [key], visibility)
                        #expect(
                            found.isIdentical(to: expected),
                            """
                            seed \(seed): \(feature.function) of \(feature.argument?.text ?? "*") \
                            by \(feature.category?.text ?? "-") \(feature.window) at \
                            \(visibility): \(found), expected \(expected)
                            """)
                    }
                }
            }
        }
    }

    @Test func `amending one id many times takes a time that grows with their number`() throws {
        var generator = SplitMix64(seed: 5)
        let view = try Self.view(&generator, includesCutoff: false)
        guard case .derived(let source) = view.source else { return }
        var oracle = SetSemantics(view: view, stream: Self.stream)
        var state = ViewState(ViewPlan(view, stream: Self.stream))
        // All at one time, so that every block holds facts of it.
        let count: Int64 = 30_000
        for position in 0..<count {
            var fact = Self.fact(&generator, position: position)
            fact.slots[0] = .string("a")
            (fact.eventTime, fact.knownTime, fact.id) = (7, 7 + position / 1000, .int64(1))
            fact.isRetraction = false
            if position >= count - 40 { oracle.facts.append(fact) }
            Self.apply(fact, to: &state)
        }
        let visibility = Visibility(cutoff: Timestamp(microseconds: 1000))
        let row = state.read(EntityKey([Value.string("a")]), visibility)
        for (feature, found) in zip(source.features, row) {
            let expected = oracle.value(of: feature, key: [.string("a")], visibility)
            #expect(found.isIdentical(to: expected), "\(feature): \(found), \(expected)")
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `order among keys, and a retracted amendment, leave the same bits`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed + 300)
        let view = try Self.view(&generator, includesCutoff: false)
        let plan = ViewPlan(view, stream: Self.stream)
        var facts: [SetSemantics.Fact] = []
        for index in 0..<60 {
            var fact = Self.fact(&generator, position: Int64(index))
            (fact.id, fact.isRetraction) = (nil, false)
            if fact.slots[0] == .null { fact.slots[0] = .string("b") }
            facts.append(fact)
        }
        var (mixed, apart) = (ViewState(plan), ViewState(plan, shardBits: 3))
        for fact in facts { Self.apply(fact, to: &mixed) }
        for key in [Value.string("b"), .string("a")] {
            for fact in facts where fact.slots[0] == key { Self.apply(fact, to: &apart) }
        }
        // A fact, and later another of the same id that is retracted, together with what it amended:
        // as if neither had been there.
        var amended = mixed
        var extra = Self.fact(&generator, position: 60)
        (extra.id, extra.isRetraction, extra.slots[0]) = (.int64(99), false, .string("a"))
        Self.apply(extra, to: &amended)
        extra.position = 61
        Self.apply(extra, to: &amended)
        amended.retract(.int64(99), position: 62, knownTime: Timestamp(microseconds: .min))
        for time in -25..<80 as Range<Int64> {
            let visibility = Visibility(cutoff: Timestamp(microseconds: time))
            for key in [Value.string("a"), .string("b")] {
                let row = mixed.read(EntityKey([key]), visibility)
                for other in [apart, amended] {
                    let found = other.read(EntityKey([key]), visibility)
                    #expect(
                        zip(row, found).allSatisfy { $0.isIdentical(to: $1) },
                        "seed \(seed) at \(time)")
                }
                // As of a position before the retraction the amendment still stands.
                let then = Visibility(cutoff: visibility.cutoff, position: 60)
                let prior = amended.read(EntityKey([key]), then)
                #expect(zip(row, prior).allSatisfy { $0.isIdentical(to: $1) })
            }
        }
    }

    /// Enough facts of one entity for many tiled blocks, blocks that split, and two groups; late
    /// facts, amendments and retractions hit closed blocks.
    @Test(arguments: 0..<2 as Range<UInt64>)
    func `tiles of a hot key change no answer`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed + 50)
        let view = try Self.view(&generator, includesCutoff: seed % 2 == 1)
        guard case .derived(let source) = view.source else { return }
        var oracle = SetSemantics(view: view, stream: Self.stream)
        var state = ViewState(ViewPlan(view, stream: Self.stream), shardBits: 2)
        let count = 9_500
        for index in 0..<count {
            var fact = Self.fact(&generator, position: Int64(index))
            fact.slots[0] = .string("hot")
            let isLate = generator.next() % 10 == 0
            fact.eventTime =
                isLate
                ? Int64(generator.next() % UInt64(index + 1)) / 190
                : Int64(index) / 190 + Int64(generator.next() % 2)
            fact.knownTime = fact.eventTime + Int64(generator.next() % 3) - 1
            if case .int64(let id)? = fact.id {
                fact.id = generator.next() % 20 == 0
                    ? .int64(id * 1000 + Int64(generator.next() % 1000)) : nil
                if fact.id == nil { fact.isRetraction = false }
            }
            oracle.facts.append(fact)
            Self.apply(fact, to: &state)
        }
        var reader = PieceReader(state.snapshot)
        let resumed = try ViewState(state.plan, reading: &reader)
        let key = Value.string("hot")
        let sample = source.features.indices.filter { _ in generator.next() % 5 == 0 }
        let time = Timestamp(microseconds: 51)
        let visibilities = [
            Visibility(cutoff: time), Visibility(cutoff: time, knownBeforeCutoff: true),
            Visibility(
                cutoff: time, position: Int64(count) - Int64(generator.next() % 4000)),
        ]
        for visibility in visibilities {
            let row = state.read(EntityKey([key]), visibility)
            let again = resumed.read(EntityKey([key]), visibility)
            for index in sample {
                let feature = source.features[index]
                let expected = oracle.value(of: feature, key: [key], visibility)
                #expect(
                    row[index].isIdentical(to: expected)
                        && again[index].isIdentical(to: expected),
                    """
                    seed \(seed): \(feature.function) \(feature.window) at \(visibility): \
                    \(row[index]), resumed \(again[index]), expected \(expected)
                    """)
            }
        }
    }

    @Test func `the number of shards changes no answer and no byte`() throws {
        var generator = SplitMix64(seed: 11)
        let view = try Self.view(&generator, includesCutoff: false)
        let plan = ViewPlan(view, stream: Self.stream)
        var states = [0, 1, 4].map { ViewState(plan, shardBits: $0) }
        for index in 0..<400 {
            var fact = Self.fact(&generator, position: Int64(index))
            fact.slots[0] = .string("key \(generator.next() % 40)")
            for number in states.indices { Self.apply(fact, to: &states[number]) }
        }
        let bytes = states.map(\.snapshot)
        #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
        #expect(states[0].entityKeys == states[2].entityKeys)
        #expect(states[0].factCount == states[2].factCount)
        let visibility = Visibility(cutoff: Timestamp(microseconds: 20))
        for key in states[0].entityKeys {
            let row = states[0].read(key, visibility)
            #expect(zip(row, states[2].read(key, visibility)).allSatisfy { $0.isIdentical(to: $1) })
        }
        var reader = PieceReader(bytes[0])
        let resumed = try ViewState(plan, shardBits: 3, reading: &reader)
        #expect(resumed.snapshot == bytes[0])
    }

    @Test func `a snapshot cut anywhere is refused`() throws {
        var generator = SplitMix64(seed: 12)
        let plan = ViewPlan(
            try Self.view(&generator, includesCutoff: false), stream: Self.stream)
        var state = ViewState(plan)
        for index in 0..<8 {
            Self.apply(Self.fact(&generator, position: Int64(index)), to: &state)
        }
        let bytes = state.snapshot
        for end in bytes.indices {
            var reader = PieceReader(Array(bytes[..<end]))
            let found = try? ViewState(plan, reading: &reader)
            #expect(found == nil, "cut at \(end)")
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `a snapshot reads back to the same state`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let view = try Self.view(&generator, includesCutoff: false)
        let plan = ViewPlan(view, stream: Self.stream)
        var state = ViewState(plan)
        let facts = (0..<60).map { Self.fact(&generator, position: Int64($0)) }
        for fact in facts.prefix(40) { Self.apply(fact, to: &state) }
        var reader = PieceReader(state.snapshot)
        var resumed = try ViewState(plan, reading: &reader)
        #expect(try reader.isAtEnd())
        for fact in facts.dropFirst(40) {
            Self.apply(fact, to: &state)
            Self.apply(fact, to: &resumed)
        }
        #expect(state.snapshot == resumed.snapshot)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `between its moments of change a feature keeps its value`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed + 100)
        let view = try Self.view(&generator, includesCutoff: seed % 2 == 0)
        guard case .derived(let source) = view.source else { return }
        var state = ViewState(ViewPlan(view, stream: Self.stream))
        for index in 0..<30 {
            Self.apply(Self.fact(&generator, position: Int64(index)), to: &state)
        }
        guard let key = EntityKey([Value.string("a")]) else { return }
        for (index, feature) in source.features.enumerated()
        where feature.function != .timeSinceLast {
            let moments = Set(state.changes(ofFeature: index, key))
            var last: FeatureValue?
            for time in -60..<120 as Range<Int64> {
                let value = state.read(
                    index, key, Visibility(cutoff: Timestamp(microseconds: time)))
                if let last, !moments.contains(time) {
                    #expect(value.isIdentical(to: last), "\(feature) at \(time)")
                }
                last = value
            }
        }
    }

    @Test func `a fact at or after T changes no row at T`() throws {
        var generator = SplitMix64(seed: 3)
        let view = try Self.view(&generator, includesCutoff: false)
        var state = ViewState(ViewPlan(view, stream: Self.stream))
        for index in 0..<50 {
            Self.apply(Self.fact(&generator, position: Int64(index)), to: &state)
        }
        let visibility = Visibility(cutoff: Timestamp(microseconds: 10))
        let before = state.read(EntityKey([Value.string("a")]), visibility)
        var late = Self.fact(&generator, position: 50)
        late.id = nil
        late.isRetraction = false
        late.slots[0] = .string("a")
        for time in [10, 11, 1000] as [Int64] {
            late.eventTime = time
            late.position += 1
            Self.apply(late, to: &state)
        }
        let after = state.read(EntityKey([Value.string("a")]), visibility)
        #expect(zip(before, after).allSatisfy { $0.isIdentical(to: $1) })
    }
}
