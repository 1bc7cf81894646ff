import Testing
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

@Suite struct FactReaderTests {
    /// `region` came after records were written; it is null in those.
    private static let document = """
        { "streams": [ { "name": "orders",
            "fields": { "time": "timestamp", "amount": "int64", "region": "string?" },
            "event_time": "time", "key": ["region"] } ],
          "views": [ { "name": "sales", "entity": { "region": "string" }, "source": "orders",
            "features": [ { "name": "sum", "sum": "amount", "window": "lifetime" } ] } ],
          "services": [] }
        """

    private static func words(_ name: String, _ type: ColumnType, _ words: [UInt64]) -> Column {
        Column(
            name: name, type: type, words: words, marks: words.map { _ in 0 }, valid: 0)
    }

    private static func texts(_ name: String, _ texts: [String]) -> Column {
        var column = Column(name: name, type: .string, capacity: texts.count)
        for text in texts { column.append(text) }
        return column
    }

    @Test func `records from before a field of the key are facts of nobody`() throws {
        let definitions = try Definitions(reading: JSON(parsing: Self.document))
        let keys = KeyTable([Self.texts("region", ["north", "south"])], rows: 2)
        let reader = FactReader(
            definitions.views[0], definitions.streams[0], keepsOrder: false)
        let times: [UInt64] = [10, 20, 30]
        let old = Table(columns: [
            Self.words("_event_time", .timestamp, times),
            Self.words("_known_time", .timestamp, times),
            Self.words("amount", .int64, [1, 2, 3]),
        ])
        var new = old
        new = Table(columns: new.columns + [Self.texts("region", ["south", "west", "north"])])
        let partitions = KeyPartitions(keys, max: 2)
        let none = reader.batch([FactReader.Records(old, basis: nil)], keys, partitions)
        #expect(none.count == 0)
        let batch = reader.batch(
            [FactReader.Records(old, basis: nil), FactReader.Records(new, basis: nil)], keys,
            partitions)
        #expect(batch.entries.map(\.entity) == [0, 1])
        // South's hash is less than north's.
        #expect(batch.entries.map(\.eventTime) == [10, 30])
        #expect(batch.entries.map { batch.words[Int($0.row)] } == [1, 3])
        #expect(batch.starts == [0, 1, 2])
    }

    /// One lane of a word, several, and texts; `note` came after records were written.
    private static func tables(
        _ random: inout SplitMix64, keys: Int, _ count: Int
    ) -> [FactReader.Records] {
        (0..<count).map { number in
            let rows = random.below(40)
            let times = (0..<rows).map { _ in UInt64(random.below(9)) }
            var amount = Column(name: "amount", type: .int64)
            var price = Column(name: "price", type: .float64)
            var note = Column(name: "note", type: .string)
            for row in 0..<rows {
                amount.append(.int64(Int64(100 * number + row)))
                price.append(random.chance(20) ? .null : .float64(Double(random.below(50))))
                note.append(random.chance(20) ? .null : .string("\(number) \(row)"))
            }
            let table = Table(columns: [
                words("_event_time", .timestamp, times), words("_known_time", .timestamp, times),
                words("key", .int64, (0..<rows).map { _ in UInt64(random.below(keys)) }), amount,
                price,
            ] + (number == 0 ? [] : [note]))
            return FactReader.Records(
                table, basis: nil,
                replaced: number % 2 == 0 ? [] : times.map { $0 % 4 == 0 ? Int64($0) : .max })
        }
    }

    @Test(arguments: [
        #"{"name": "a", "latest": "amount", "window": "lifetime"}"#,
        #"{"name": "a", "latest": "amount", "window": "lifetime"},"#
            + #" {"name": "n", "latest": "note", "window": "lifetime"},"#
            + #" {"name": "p", "last": "price", "window": "lifetime"}"#,
    ])
    func `facts are the same in the order they were read and by partition`(
        features: String
    ) throws {
        let document = """
            { "streams": [ { "name": "orders", "fields": { "time": "timestamp", "key": "int64",
                "amount": "int64", "price": "float64?", "note": "string?" },
                "event_time": "time", "key": ["key"] } ],
              "views": [ { "name": "newest", "entity": { "key": "int64" }, "source": "orders",
                "features": [ \(features) ] } ],
              "services": [] }
            """
        let definitions = try Definitions(reading: JSON(parsing: document))
        let lanes = definitions.views[0].features.count
        for seed in 0..<60 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            // Of three keys that records have, few are asked for, or all.
            let asked = 1 + random.below(5)
            let keys = KeyTable(
                [Self.words("key", .int64, (0..<asked).map { UInt64($0) })], rows: asked)
            let partitions = KeyPartitions(keys, max: (asked + 1) / 2)
            let sources = Self.tables(&random, keys: 6, 1 + random.below(3))
            // In one batch, or each in its own.
            let pieces = random.chance(50) ? [sources] : sources.map { [$0] }
            var found: [[LaneSweep]] = []
            for keepsOrder in [false, true] {
                let reader = FactReader(
                    definitions.views[0], definitions.streams[0], keepsOrder: keepsOrder)
                let batches = pieces.map { reader.batch($0, keys, partitions) }
                for partition in 0..<partitions.count {
                    var facts = EntityColumns()
                    facts.gather(
                        batches.map { $0.slice(partition) },
                        entities: partitions.entities(partition))
                    found.append((0..<lanes).map { lane in
                        var sweep = LaneSweep()
                        facts.load(&sweep, lane)
                        return sweep
                    })
                }
            }
            let half = found.count / 2
            for (one, other) in zip(found[..<half], found[half...]) {
                for (one, other) in zip(one, other) {
                    #expect(one.starts == other.starts && one.eventTimes == other.eventTimes)
                    #expect(one.replacedTimes == other.replacedTimes, "seed \(seed)")
                    #expect(one.values.texts == other.values.texts, "seed \(seed)")
                    for index in 0..<one.eventTimes.count {
                        #expect(one.isPresent(index) == other.isPresent(index), "seed \(seed)")
                        #expect(
                            one.word(index) == other.word(index) || !one.isPresent(index),
                            "seed \(seed)")
                    }
                }
                // An amount says which table it is from, of which every other replaces some facts.
                let amounts = one[0]
                for index in 0..<amounts.eventTimes.count {
                    let time = amounts.eventTimes[index]
                    let isReplaced = amounts.word(index) / 100 % 2 == 1 && time % 4 == 0
                    let since = amounts.replacedTimes.isEmpty ? .max : amounts.replacedTimes[index]
                    #expect(since == (isReplaced ? time : .max), "seed \(seed)")
                }
            }
        }
    }
}
