import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveProjections

/// A random history of one stream that views read by keys of all types, with nulls, ties and late
/// records, and an offline store of it.
final class KeyedHistory {
    let log: TemporaryLog
    var random: SplitMix64
    private let catalog: CatalogProjection
    private(set) var store: OfflineStore

    /// - Parameter more: fields of the stream besides those that there are always.
    static func document(_ more: String = "", reading features: String = "") -> String {
        func view(_ name: String, _ entity: String, _ features: String) -> String {
            #"{"name": "\#(name)", "entity": {\#(entity)}, "source": "events", "#
                + #""features": [\#(features)]}"#
        }
        let views = [
            view("by_key", #""key": "string""#, Sample.sum + features),
            view("counted", #""key": "string""#, Sample.count),
            view("by_sub", #""sub": "int64""#, Sample.count),
            view(
                "by_both", #""key": "string", "sub": "int64""#,
                Sample.feature("s", #""latest": "s""#)),
            view("by_flag", #""flag": "bool""#, Sample.feature("f", #""latest": "flag""#)),
            view("by_seen", #""seen": "timestamp""#, Sample.sum),
        ]
        return #"""
            {"streams": [{"name": "events", "fields": {"t": "timestamp", "key": "string?",
              "sub": "int64?", "flag": "bool?", "seen": "timestamp?", "x": "float64?",
              "s": "string?"\#(more)}, "event_time": "t", "key": ["key"]}],
             "views": [\#(views.joined(separator: ", ")),
              {"name": "grade", "entity": {"key": "string"}, "values": {"g": "int64?"}}],
             "services": []}
            """#
    }

    init(seed: UInt64) throws {
        log = try TemporaryLog()
        random = SplitMix64(seed: seed)
        try log.apply(Self.document())
        catalog = try CatalogProjection(log.log)
        store = try Self.store(log, catalog, PosixFileSystem())
    }

    private static func store(
        _ log: TemporaryLog, _ catalog: CatalogProjection, _ files: any FileSystem,
        root: String = "offline"
    ) throws -> OfflineStore {
        try OfflineStore(log.log, catalog, root: "\(log.root.path)/\(root)", files: files)
    }

    /// Appends random records, of which some are of one key mostly.
    func append(batches: Int) throws {
        for _ in 0..<batches {
            let records = (0...random.below(9)).map { _ in record() }
            try log.append(records, to: "events")
            if random.chance(20) {
                let grade = #"{"key": "key 1", "time": "2020-01-01T00:00:00Z", "g": 1}"#
                try log.append([grade], to: "varve.features.grade")
            }
        }
    }

    private func record() -> String {
        let key = random.chance(40) ? 0 : random.below(30)
        let members: [JSON.Member] = [
            .init("key", .string("key \(key)")), .init("sub", .integer(Int64(random.below(3)))),
            .init("flag", .bool(random.chance(50))),
            .init("seen", .string(RandomHistory.text(second: Int64(random.below(4))))),
            .init("x", .number(Double(random.below(1000)) / 4)), .init("s", .string(random.text())),
        ]
        let time = RandomHistory.text(second: Int64(random.below(100_000)))
        let present = members.filter { _ in !random.chance(12) }
        return JSON.object([.init("t", .string(time))] + present).text
    }

    /// Hands the store what the log has beyond it, and saves now and then.
    func follow() throws { try follow(store) }

    func follow(_ store: OfflineStore) throws {
        let start = store.position
        var frames = 0
        try log.log.read(from: start) { frame in
            guard frame.basePosition >= start else { return true }
            let name = log.log.stream(frame.streamID)?.name.name ?? ""
            if catalog.position <= frame.basePosition { try catalog.apply(frame, stream: name) }
            try store.apply(frame, stream: name)
            frames += 1
            if frames % 7 == 0 { try store.save() }
            return true
        }
        try store.save()
    }

    /// Opens the store again.
    @discardableResult
    func reopen(_ files: any FileSystem = PosixFileSystem()) throws -> OfflineStore {
        store = try Self.store(log, catalog, files)
        return store
    }

    /// Another store of the same log.
    func other(_ root: String) throws -> OfflineStore {
        let other = try Self.store(log, catalog, PosixFileSystem(), root: root)
        try follow(other)
        return other
    }

    /// Where a run's files are.
    func directory(_ run: EntityRun, root: String = "offline", generation: Int = 1) -> String {
        "\(log.root.path)/\(root)-by-entity/\(generation)/\(run.stream)/"
            + run.key.joined(separator: "+")
    }
}

/// A row and what it is sorted by.
private struct KeyedRow {
    let hash: UInt64
    let event: Timestamp
    let position: Int64
    let cells: [Column.Cell]
}

extension OfflineStore {
    /// Makes all runs for which there are new rows.
    @discardableResult
    func sortAll(_ sizes: EntityRunWriter.Sizes) throws -> [EntityRun] {
        try runPlans.compactMap { try sortByEntity($0, sizes) { _ in } }
    }

    /// All rows of a run, and those of each row group.
    func rows(of run: EntityRun) throws -> [[[Column.Cell]]] {
        let reader = try reading(run.stream) { _ in try open(run) }
        let columns = Set(run.key + run.columns + KeyedTable.ownColumns)
        return try (0..<reader.groupCount).map { group in
            let table = try reader.table(ofGroup: group, columns: columns)
            #expect(table.columns.map(\.name) == run.key + run.columns + KeyedTable.ownColumns)
            return (0..<table.rowCount).map { table.row($0) }
        }
    }

    /// Expects of a run each row of the files below its end that has a key, once and in order.
    func expectWhole(_ run: EntityRun, _ context: String) throws {
        let names = run.key + run.columns + KeyedTable.ownColumns
        var expected: [KeyedRow] = []
        for path in try reading(run.stream, { $0.paths }) {
            let bytes = try PosixFileSystem().contents(of: path)
            let table = try ParquetFile.decode(bytes.raw)
            let hashes = KeyTable.hashes(run.key.compactMap { table[$0] }, rows: table.rowCount)
            for row in 0..<table.rowCount {
                let position = try #require(table["_position"]?.int64(row))
                let event = try #require(table["_event_time"]?.timestamp(row))
                guard let hash = hashes[row], position < run.end.value else { continue }
                expected.append(
                    KeyedRow(
                        hash: hash, event: event, position: position,
                        cells: names.map { table[$0]?.cell(row) ?? .null }))
            }
        }
        expected.sort { ($0.hash, $0.event, $0.position) < ($1.hash, $1.event, $1.position) }
        let groups = try rows(of: run)
        #expect(groups.flatMap { $0 } == expected.map(\.cells), "\(context), \(run.key)")
        #expect(run.rowCount == expected.count, "\(context), \(run.key)")
        var start = 0
        for (group, rows) in zip(run.files.flatMap(\.groups), groups) {
            #expect(group.rows == rows.count && group.rows > 0)
            #expect(group.hashes.lowerBound == expected[start].hash)
            start += rows.count
            #expect(group.hashes.upperBound == expected[start - 1].hash)
        }
    }
}

extension OfflineStore {
    /// The runs of all streams that views read.
    var runs: [EntityRun] {
        get throws {
            try Set(runPlans.map(\.stream.name)).sorted().flatMap { try runs(of: $0) }
        }
    }
}
