import Testing
import VarveBytes
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

/// Facts of an entity run against the same facts as files hold them.
@Suite struct SortedFactsTests {
    /// What a test's view looks like.
    struct Case: CustomTestStringConvertible {
        let name: String
        let key: [(name: String, type: ColumnType)]
        let filter: String
        let features: [String]

        init(
            _ name: String, key: [(String, ColumnType)] = [("key", .int64)], filter: String = "",
            _ features: [String]
        ) {
            self.name = name
            self.key = key.map { (name: $0.0, type: $0.1) }
            self.filter = filter
            self.features = features
        }

        var testDescription: String { name }

        func definitions() throws -> Definitions {
            let fields = key.map { "\"\($0.name)\": \"\($0.type.rawValue)" }
            let features = features.enumerated().map { number, body in
                #"{"name": "f\#(number)", \#(body), "window": "lifetime"}"#
            }
            return try Definitions(
                reading: JSON(
                    parsing: """
                        {"streams": [{"name": "orders", "event_time": "time", "key": ["\(key[0].name)"],
                          "fields": {"time": "timestamp", \(fields.map { $0 + "?\"" }.joined(separator: ", ")),
                            "amount": "int64", "price": "float64?", "note": "string?", "flag": "bool?"}}],
                         "views": [{"name": "sales", "source": "orders"\(filter),
                          "entity": {\(fields.map { $0 + "\"" }.joined(separator: ", "))},
                          "features": [\(features.joined(separator: ", "))]}],
                         "services": []}
                        """))
        }
    }

    private static let columns = [
        #""latest": "amount""#, #""latest": "price""#, #""latest": "note""#, #""latest": "flag""#,
        #""count": "*""#,
    ]
    private static let computed = [
        #""sum": "price * 2.0""#, #""max": "note""#, #""count": "*", "where": "price > 3.0""#,
        #""latest": "note", "where": "amount % 3 == 0""#, #""sum": "amount""#,
    ]

    static let cases = [
        Case("columns of a number", columns),
        Case("columns of a text", key: [("key", .string)], columns),
        Case("columns of two fields", key: [("key", .string), ("sub", .int64)], columns),
        Case("columns of a bool", key: [("key", .bool)], columns),
        Case("columns of a time", key: [("key", .timestamp)], columns),
        Case("computed", computed),
        Case("computed of two fields", key: [("sub", .int64), ("key", .string)], computed),
        Case("filter", filter: #", "where": "price is not null and amount % 4 > 0""#, columns),
        Case("filter, computed", filter: #", "where": "flag is null""#, computed),
        Case("constants", [#""sum": "1.5""#, #""count": "*", "where": "true""#]),
        Case("a constant filter", filter: #", "where": "1 < 2""#, columns),
    ]

    /// A row and what it is sorted by.
    private struct Row {
        var cells: [Column.Cell]
        var event: Int64
        var known: Int64
        var position: Int64
        var hash: UInt64?
    }

    private static func table(_ fields: [Field], _ rows: [Row]) -> Table {
        func times(_ name: String, _ time: (Row) -> Int64) -> Column {
            Column(
                name: name, type: .timestamp,
                cells: rows.map { .timestamp(Timestamp(microseconds: time($0))) })
        }
        let own = fields.enumerated().map { index, field in
            Column(
                name: field.name, type: field.type.columnType, cells: rows.map { $0.cells[index] })
        }
        return Table(
            columns: own + [
                times("_event_time") { $0.event }, times("_known_time") { $0.known },
                Column(name: "_position", type: .int64, cells: rows.map { .int64($0.position) }),
            ])
    }

    private static func keyCell(_ random: inout SplitMix64, _ type: ColumnType, _ keys: Int)
        -> Column.Cell
    {
        let number = random.below(keys)
        return switch type {
        case .bool: .bool(number % 2 == 0)
        case .string: .string("key \(number)")
        case .timestamp: .timestamp(Timestamp(microseconds: Int64(number)))
        default: .int64(Int64(number))
        }
    }

    /// Rows in order of position.
    private static func rows(
        _ random: inout SplitMix64, _ view: Case, _ fields: [Field], count: Int, nulls: Bool
    ) -> [Row] {
        var rows = (0..<count).map { position in
            let event = Int64(random.below(9))
            let cells = fields.map { field -> Column.Cell in
                if let key = view.key.first(where: { $0.name == field.name }) {
                    return nulls && random.chance(5) ? .null : keyCell(&random, key.type, 6)
                }
                let isNull = nulls && field.isNullable && random.chance(20)
                switch field.name {
                case _ where isNull: return .null
                case "time": return .timestamp(Timestamp(microseconds: event))
                case "amount": return .int64(Int64(position))
                case "price": return .float64(Double(random.below(9)))
                case "note": return .string("\(position)")
                default: return .bool(random.chance(50))
                }
            }
            return Row(
                cells: cells, event: event, known: event + Int64(random.below(3)),
                position: Int64(position))
        }
        let all = table(fields, rows)
        let hashes = KeyTable.hashes(view.key.compactMap { all[$0.name] }, rows: count)
        for row in rows.indices { rows[row].hash = hashes[row] }
        return rows
    }

    private static func spine(_ random: inout SplitMix64, _ view: Case, asked: Int) -> KeyTable {
        let columns = view.key.map { key in
            Column(
                name: key.name, type: key.type,
                cells: (0..<asked).map { _ in keyCell(&random, key.type, 8) })
        }
        return KeyTable(columns, rows: asked)
    }

    private static func sweeps(_ facts: EntityColumns, lanes: Int) -> [LaneSweep] {
        (0..<lanes).map { lane in
            var sweep = LaneSweep()
            facts.load(&sweep, lane)
            return sweep
        }
    }

    private static func expectSame(_ found: [LaneSweep], _ expected: [LaneSweep], _ context: String)
    {
        for (lane, (one, other)) in zip(found, expected).enumerated() {
            let context = "\(context), lane \(lane)"
            #expect(one.starts == other.starts, "\(context)")
            #expect(
                one.eventTimes == other.eventTimes && one.knownTimes == other.knownTimes,
                "\(context)")
            #expect(one.replacedTimes.isEmpty && other.replacedTimes.isEmpty)
            let areCounts = (one.values.words.isEmpty, other.values.words.isEmpty)
            #expect(areCounts.0 == areCounts.1 || one.count == 0, "\(context)")
            for index in 0..<min(one.count, other.count) {
                #expect(one.isPresent(index) == other.isPresent(index), "\(context)[\(index)]")
                if !one.isPresent(index) { continue }
                #expect(one.word(index) == other.word(index), "\(context)[\(index)]")
                if !one.values.texts.isEmpty || !other.values.texts.isEmpty {
                    #expect(
                        one.values.texts[index] == other.values.texts[index], "\(context)[\(index)]"
                    )
                }
            }
        }
    }

    @Test(arguments: cases)
    func `facts of a run are those of the files`(view: Case) throws {
        let definitions = try view.definitions()
        let stream = definitions.streams[0]
        let reader = FactReader(definitions.views[0], stream, keepsOrder: false)
        for seed in 0..<60 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let rows = Self.rows(
                &random, view, stream.fields, count: random.below(80), nulls: random.chance(70))
            let keys = Self.spine(&random, view, asked: 1 + random.below(20))
            // Everything, or part of it, below the end of the run or not.
            let end = random.chance(40) ? rows.count : random.below(rows.count + 1)
            let basis = random.chance(50) ? nil : Int64(random.below(rows.count + 1))
            // Only keys that are asked for, or all; in order, or with hashes that are all the same.
            let isNarrow = random.chance(40)
            let isMixed = random.chance(30)
            let table = Self.table(stream.fields, rows)
            let numbers = keys.numbers(view.key.compactMap { table[$0.name] }, rows: rows.count)
            let sorted = rows.filter { row in
                row.hash != nil && row.position < end
                    && (!isNarrow || numbers[Int(row.position)] >= 0)
            }.sorted {
                (isMixed ? 0 : $0.hash ?? 0, $0.event, $0.position)
                    < (isMixed ? 0 : $1.hash ?? 0, $1.event, $1.position)
            }
            let hashes = Set(sorted.compactMap(\.hash)).sorted()
            let bounds = isMixed ? [] : hashes.filter { _ in random.chance(30) }
            let partitions = KeyPartitions(keys, from: bounds)
            // The same rows as files have them, in some pieces.
            let cut = random.below(end + 1)
            let pieces = [rows[..<cut], rows[cut..<end], rows[end...]].map {
                FactReader.Records(Self.table(stream.fields, Array($0)), basis: basis)
            }
            let batches = pieces.map { reader.batch([$0], keys, partitions) }
            let lanes = reader.plan.lanes.count
            for partition in 0..<partitions.count {
                let context = "seed \(seed), partition \(partition)"
                let entities = partitions.entities(partition)
                let part = sorted.filter { row in
                    let hash = row.hash ?? 0
                    return (partition == 0 || bounds[partition - 1] <= hash)
                        && (partition == bounds.count || hash < bounds[partition])
                }
                let facts = try #require(
                    reader.sorted(
                        FactReader.Records(Self.table(stream.fields, part), basis: basis), keys,
                        entities), "\(context)")
                var (taken, gathered, both, all) = (
                    EntityColumns(), EntityColumns(), EntityColumns(), EntityColumns()
                )
                taken.take(facts)
                gathered.gather(batches.prefix(2).map { $0.slice(partition) }, entities: entities)
                Self.expectSame(
                    Self.sweeps(taken, lanes: lanes), Self.sweeps(gathered, lanes: lanes), context)
                #expect(facts.count == gathered.eventTimes.count, "\(context)")
                // With what came after the run.
                both.gather(
                    [facts.slice(entities.lowerBound), batches[2].slice(partition)],
                    entities: entities)
                all.gather(batches.map { $0.slice(partition) }, entities: entities)
                Self.expectSame(
                    Self.sweeps(both, lanes: lanes), Self.sweeps(all, lanes: lanes), context)
            }
        }
    }

    @Test func `rows below where a reader starts are no facts`() throws {
        let view = Self.cases[0]
        let definitions = try view.definitions()
        let stream = definitions.streams[0]
        let reader = FactReader(definitions.views[0], stream, keepsOrder: false)
        var random = SplitMix64(seed: 3)
        let rows = Self.rows(&random, view, stream.fields, count: 40, nulls: true)
        let keys = Self.spine(&random, view, asked: 30)
        let partitions = KeyPartitions(keys, max: 3)
        for (start, basis) in [(0, 40), (10, 40), (10, 30), (30, 10), (40, nil)]
            as [(Int64, Int64?)]
        {
            let kept = rows.filter { $0.position >= start && $0.position < basis ?? .max }
            let found = reader.batch(
                [FactReader.Records(Self.table(stream.fields, rows), basis: basis, from: start)],
                keys, partitions)
            let expected = reader.batch(
                [FactReader.Records(Self.table(stream.fields, kept), basis: nil)], keys, partitions)
            #expect(found.starts == expected.starts && found.words == expected.words)
            #expect(found.entries.map(\.eventTime) == expected.entries.map(\.eventTime))
            #expect(found.count > 0 || kept.isEmpty)
        }
    }

    @Test func `a key outside the partition, or other columns, give nothing`() throws {
        let view = Self.cases[0]
        let definitions = try view.definitions()
        let stream = definitions.streams[0]
        let reader = FactReader(definitions.views[0], stream, keepsOrder: false)
        var random = SplitMix64(seed: 4)
        let rows = Self.rows(&random, view, stream.fields, count: 30, nulls: false)
        let all = Self.table(stream.fields, rows)
        let keys = KeyTable([try #require(all["key"])], rows: rows.count)
        let sorted = rows.sorted {
            ($0.hash ?? 0, $0.event, $0.position) < ($1.hash ?? 0, $1.event, $1.position)
        }
        let table = Self.table(stream.fields, sorted)
        func found(_ table: Table, _ entities: Range<Int>) -> Int? {
            reader.sorted(FactReader.Records(table, basis: nil), keys, entities)?.count
        }
        #expect(found(table, 0..<keys.count) == 30)
        #expect(found(table, 1..<keys.count) == nil)
        #expect(found(table, 0..<(keys.count - 1)) == nil)
        #expect(found(table, 0..<0) == nil)
        for name in ["_event_time", "_known_time", "key", "amount", "note"] {
            let without = Table(columns: table.columns.filter { $0.name != name })
            #expect(found(without, 0..<keys.count) == nil, "without \(name)")
            let changed = table.columns.map { column in
                column.name == name
                    ? Column(name: name, type: .bool, cells: sorted.map { _ in .bool(true) })
                    : column
            }
            #expect(
                found(Table(columns: changed), 0..<keys.count) == nil, "\(name) of another type")
        }
        // What nobody looks at may be anything.
        let time = table.columns.filter { $0.name != "time" }
        #expect(found(Table(columns: time), 0..<keys.count) == 30)
    }
}
