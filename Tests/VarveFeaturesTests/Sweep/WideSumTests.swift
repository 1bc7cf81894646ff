import Testing
import VarveBytes
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

/// Sums of doubles that are so far apart in size that no unit serves all of them, in windows short
/// and long, of facts that are known late: against `ExactSum`.
@Suite struct WideSumTests {
    private struct Fact {
        let key: Int
        let event: Int64
        let known: Int64
        let value: Double
        /// What another lane has.
        let cost: Double
        let amount: Int64
    }

    private static let hour: Int64 = 3_600_000_000
    private static let windows = [("3h", 3), ("60h", 60), ("lifetime", nil)] as [(String, Int64?)]

    private static let questions = [
        ("sum", "price"), ("mean", "price"), ("sum", "cost"), ("mean", "amount"), ("sum", "amount"),
    ]

    private static func definitions() throws -> Definitions {
        let features = windows.flatMap { window, _ in
            questions.map { function, field in
                #"{"name": "\#(function)_\#(field)_\#(window)", "\#(function)": "\#(field)","#
                    + #" "window": "\#(window)"}"#
            }
        }
        return try Definitions(
            reading: JSON(
                parsing: """
                    {"streams": [{"name": "orders", "event_time": "time", "key": ["key"],
                      "fields": {"time": "timestamp", "key": "int64", "price": "float64",
                        "cost": "float64", "amount": "int64"}}],
                     "views": [{"name": "sales", "source": "orders", "entity": {"key": "int64"},
                      "features": [\(features.joined(separator: ", "))]}],
                     "services": []}
                    """))
    }

    private static func times(_ name: String, _ times: [Int64]) -> Column {
        Column(
            name: name, type: .timestamp,
            cells: times.map { .timestamp(Timestamp(microseconds: $0)) })
    }

    private static func value(_ random: inout SplitMix64, _ kind: Int) -> Double {
        switch kind {
        // Of three sizes: two doubles hold no sum of them.
        case 0: Double(random.below(1000) - 500) * random.pick([1e-90, 1, 1e90])
        // Nearly all of one size.
        case 1: random.chance(3) ? random.pick([1e-200, -1e150]) : Double(random.below(1000)) / 8
        // Beyond every double and back.
        case 2: random.pick([1, -1, 0.5]) * random.pick([1e308, 1.7e308, .leastNonzeroMagnitude, 1])
        case 3: random.double()
        // All of one size.
        default: Double(random.below(1000)) + 0.1
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `sums have the bits of exact ones, whatever the sizes of their values`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let keyCount = 1 + random.below(4)
        let hours = Int64(40 + random.below(160))
        let (late, asked) = (random.pick([1, 5, 20]), random.pick([8, 20, 40, 150]))
        let facts = (0..<(keyCount * 200)).map { _ in
            // Odd, where rows are even: none is at T.
            let event = Int64(random.below(Int(hours * Self.hour / 2))) * 2 + 1
            let delay = random.chance(late) ? Int64(random.below(Int(30 * Self.hour / 2))) * 2 : 0
            let key = random.below(keyCount)
            // What one key's values are like says nothing of another's.
            return Fact(
                key: key, event: event, known: event + delay,
                value: Self.value(&random, (Int(seed) + key * Int(seed / 5)) % 5),
                cost: Double(random.below(100)) / 4, amount: Int64(random.below(1000)) - 500)
        }
        let rows = (0..<asked).map { _ in
            (key: random.below(keyCount), time: Int64(random.below(Int(hours * Self.hour / 2))) * 2)
        }
        let newest = rows.map(\.time).max() ?? 0
        let stored = Table(columns: [
            Self.times("time", facts.map(\.event)),
            Column(name: "key", type: .int64, cells: facts.map { .int64(Int64($0.key)) }),
            Column(name: "price", type: .float64, cells: facts.map { .float64($0.value) }),
            Column(name: "cost", type: .float64, cells: facts.map { .float64($0.cost) }),
            Column(name: "amount", type: .int64, cells: facts.map { .int64($0.amount) }),
            Self.times("_event_time", facts.map(\.event)),
            Self.times("_known_time", facts.map(\.known)),
            Column(name: "_position", type: .int64, cells: facts.indices.map { .int64(Int64($0)) }),
        ])
        let definitions = try Self.definitions()
        let (view, stream) = (definitions.views[0], definitions.streams[0])
        let keyed = KeyedRows(
            [Column(name: "key", type: .int64, cells: rows.map { .int64(Int64($0.key)) })],
            times: Self.times("at", rows.map(\.time)))
        let reader = FactReader(view, stream, keepsOrder: false)
        let partitions = KeyPartitions(keyed.keys, max: 1)
        let batch = reader.batch(
            [FactReader.Records(stored, basis: nil)], keyed.keys, partitions)
        // Each feature alone, and all of them, in either order.
        let plan = ViewPlan(view, stream: stream)
        let all = Array(plan.features.indices)
        for features in all.map({ [$0] }) + [all, all.reversed()] {
            for isAsKnown in [true, false] {
                let request = PartitionSweep.Request(
                    view: view, stream: stream, features: features, rows: keyed,
                    partitions: partitions, isAsKnown: isAsKnown, newest: newest,
                    keepsOthers: false, lanesWithNulls: nil, numbers: [])
                var sweep = PartitionSweep(request)
                let answers = [sweep.run(0, nil, [batch.slice(0)])]
                for question in request.questions.indices {
                    let name = request.questions[question].feature.field.name
                    let number = all.first { plan.features[$0].field.name == name } ?? 0
                    let placed = PlacedAnswers(question, request, answers, count: rows.count)
                    let cells = try #require(placed.features([question], []).first?.cells)
                    for (row, place) in rows.enumerated() {
                        let expected = Self.answer(
                            facts.filter {
                                $0.key == place.key && (!isAsKnown || $0.known < place.time)
                            }, place.time, Self.windows[number / 5].1, Self.questions[number % 5])
                        #expect(
                            cells[row].isIdentical(to: expected),
                            "seed \(seed), \(name)[\(row)] of \(features), known: \(isAsKnown)")
                    }
                }
            }
        }
    }

    /// The slow and obvious way.
    private static func answer(
        _ facts: [Fact], _ time: Int64, _ hours: Int64?,
        _ question: (function: String, field: String)
    ) -> FeatureValue {
        let isMean = question.function == "mean"
        let values = facts.filter {
            $0.event < time && (hours.map { $0 * hour } ?? .max) >= time - $0.event
        }.map { fact in
            switch question.field {
            case "price": fact.value
            case "cost": fact.cost
            default: Double(fact.amount)
            }
        }
        if values.isEmpty { return FeatureValue(.notFound) }
        var sum = ExactSum()
        for value in values { sum.add(value) }
        var total = sum.value
        if isMean, total.isFinite { total /= Double(values.count) } else if isMean {
            var scaled = ExactSum()
            for value in values { scaled.add(value * 0x1p-64) }
            total = scaled.value / Double(values.count) / 0x1p-64
        }
        if question == ("sum", "amount") { return .present(.int64(Int64(total))) }
        return total.isFinite ? .present(.float64(total)) : FeatureValue(.overflow)
    }
}
