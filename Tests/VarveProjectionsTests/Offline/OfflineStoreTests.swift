import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@testable import VarveSimulation

/// The tables on disk against the records of the log, whatever the disk does in between.
@Suite struct OfflineStoreTests {
    private static let root = "/offline"

    /// A row as a text: position, then the other cells by name.
    private static func rows(
        _ stream: String, _ directory: String, _ files: any FileSystem
    ) throws -> [String] {
        var rows: [String] = []
        let names: [String]
        do {
            names = try files.list("\(directory)/\(stream)")
        } catch {
            if error.isNotFound { return [] }
            throw error
        }
        for name in names {
            #expect(name.hasSuffix(".arrow") && name.count == 26, "\(name)")
            let bytes = try files.contents(of: "\(directory)/\(stream)/\(name)")
            let table = try ArrowFile.decode(bytes.raw)
            let first = Int64(name.prefix(20))
            #expect(Value(table["_position"]?.cell(0) ?? .null) == first.map { .int64($0) })
            for row in 0..<table.rowCount {
                let cells = table.columns.map { "\($0.name)=\(Value($0.cell(row)).text)" }
                rows.append(cells.sorted().joined(separator: " "))
            }
        }
        return rows.sorted()
    }

    /// The same from the log: every record of a stream that its definition can read.
    private static func expected(
        _ definition: StreamDefinition, _ log: Log, upTo end: Position
    ) throws -> [String] {
        let decoder = RecordDecoder(definition)
        var rows: [String] = []
        var scratch: [UInt8] = []
        var slots: [Value] = []
        let ids = Set(log.streams().filter { $0.name.name == definition.name }.map(\.id))
        try log.read(from: Position(0), upTo: end, streams: ids) { frame in
            if frame.isQuarantined || !ids.contains(frame.streamID) { return true }
            let (base, ingest) = (frame.basePosition.value, frame.ingestTime)
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                guard let value = record.value else { return }
                do {
                    try decoder.decode(value, into: &slots)
                    let time = try decoder.eventTime(slots, timestamp: record.timestamp)
                    let known = decoder.knownTime(slots, eventTime: time, ingestTime: ingest)
                    var cells = zip(definition.fields, slots).map { "\($0.name)=\($1.text)" }
                    cells.append("_position=\(base + Int64(record.offsetDelta))")
                    for (name, time) in [
                        ("_event_time", time), ("_ingest_time", ingest), ("_known_time", known),
                    ] { cells.append("\(name)=\(Value.timestamp(time).text)") }
                    rows.append(cells.sorted().joined(separator: " "))
                } catch {}
            }
            return true
        }
        return rows.sorted()
    }

    private static func feed(_ store: OfflineStore, _ log: Log) throws {
        let from = store.position
        try log.read(from: from) { frame in
            guard frame.basePosition >= from else { return true }
            try store.apply(frame, stream: log.stream(frame.streamID)?.name.name ?? "")
            return true
        }
        store.advance(to: log.commitPosition)
    }

    private static func tables(_ definitions: Definitions) -> [StreamDefinition] {
        definitions.streams
            + definitions.views.filter { if case .written = $0.source { true } else { false } }
            .map { StreamDefinition(writing: $0) }
    }

    private static func expectRows(
        _ log: TemporaryLog, _ directory: String, _ files: any FileSystem, _ context: Comment
    ) throws {
        for stream in tables(try log.catalog().definitions()) {
            let found = try rows(stream.name, directory, files)
            let wanted = try expected(stream, log.log, upTo: log.log.commitPosition)
            #expect(found == wanted, context)
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `tables hold the streams' records, also of streams declared late`(seed: UInt64) throws {
        let log = try TemporaryLog(segmentBytes: 8192)
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 15)
        let files = PosixFileSystem()
        let root = "\(log.root.path)/offline"
        func open() throws -> OfflineStore {
            try OfflineStore(log.log, CatalogProjection(log.log), root: root, files: files)
        }
        var store = try open()
        try Self.feed(store, log.log)
        try log.apply(history.document.text)
        // The catalog it was opened with does not follow the log: a projector's would.
        store = try open()
        try Self.feed(store, log.log)
        for step in 0..<4 {
            try history.append(batches: 8)
            try Self.feed(store, log.log)
            if step % 2 == 0 { try store.save() }
            // Without a save what was not written is written again.
            store = try open()
            try Self.feed(store, log.log)
        }
        try store.save()
        try Self.expectRows(log, store.directory, files, "seed \(seed)")
        let generation = try store.rebuild(swap: true)
        #expect(generation.number == 2)
        #expect(store.directory.hasSuffix("/offline/2"))
        try Self.expectRows(log, store.directory, files, "seed \(seed), rebuilt")
        #expect(try open().directory == store.directory)
    }

    /// What happens to one store: definitions come, records come, it saves, it is rebuilt.
    private static func live(
        _ log: TemporaryLog, _ catalog: CatalogProjection, _ files: any FileSystem,
        saves: [Int], rebuildsAt: Int
    ) throws {
        let store = try OfflineStore(log.log, catalog, root: root, files: files)
        let from = store.position
        var frames = 0
        try log.log.read(from: Position(0)) { frame in
            frames += 1
            guard frame.basePosition >= from else { return true }
            try store.apply(frame, stream: log.log.stream(frame.streamID)?.name.name ?? "")
            if saves.contains(frames) { try store.save() }
            if frames == rebuildsAt { _ = try store.rebuild(swap: true) }
            return true
        }
        store.advance(to: log.log.commitPosition)
        try store.save()
    }

    @Test(arguments: [Fault.powerLoss, .kill, .noSpace, .writeError])
    func `after a failure at any operation of the disk, and a restart, every row is there once`(
        fault: Fault
    ) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: 4, log)
        try history.append(batches: 6)
        try log.apply(history.document.text)
        try history.append(batches: 10)
        try log.apply(
            Sample.document(views: [
                #"{"name": "late", "entity": {"key": "string"}, "values": {"z": "int64?"}}"#
            ]))
        try log.append(
            [#"{"key": "a", "time": "2020-01-01T00:00:00Z", "z": 1}"#], to: "varve.features.late")
        try history.append(batches: 6)
        let catalog = try CatalogProjection(log.log)
        let frames = Int(log.log.commitPosition.value)
        let saves = [frames / 4, frames / 3, frames / 2].map { max($0 / 2, 1) }
        // How many operations a life takes.
        let whole = SimulatedFileSystem(seed: 1)
        try Self.live(log, catalog, whole, saves: saves, rebuildsAt: saves[2] + 2)
        #expect(whole.calls > 60)
        var struck = 0
        for call in 0..<whole.calls {
            let files = SimulatedFileSystem(seed: UInt64(call))
            files.arm(fault, in: call)
            do {
                try Self.live(log, catalog, files, saves: saves, rebuildsAt: saves[2] + 2)
            } catch {
                struck += 1
            }
            files.disarm()
            files.restart()
            try Self.live(log, catalog, files, saves: [], rebuildsAt: -1)
            let store = try OfflineStore(log.log, catalog, root: Self.root, files: files)
            #expect(store.position == log.log.commitPosition)
            try Self.expectRows(log, store.directory, files, "\(fault) at call \(call)")
        }
        #expect(struck > 10, "\(struck) of \(whole.calls)")
    }

    @Test func `a checkpoint that makes no sense is reported with its path`() throws {
        let log = try TemporaryLog()
        try log.apply(Sample.document(streams: [Sample.stream()]))
        let files = PosixFileSystem()
        let root = "\(log.root.path)/offline"
        func open() throws -> OfflineStore {
            try OfflineStore(log.log, CatalogProjection(log.log), root: root, files: files)
        }
        let store = try open()
        try Self.feed(store, log.log)
        try store.save()
        for text in ["", "x", "{}", #"{"position": -1}"#] {
            try files.replace("CHECKPOINT", in: store.directory, with: Array(text.utf8))
            let error = #expect(throws: SnapshotError.self) { try open() }
            #expect(describe(error).contains("\(store.directory)/CHECKPOINT"))
        }
    }

    @Test func `a stream whose name begins like the checkpoint is like any other`() throws {
        let log = try TemporaryLog()
        try log.apply(
            Sample.document(streams: [Sample.stream().replacing("\"s\"", with: "\"CHECKPOINTS\"")]))
        let files = PosixFileSystem()
        let root = "\(log.root.path)/offline"
        let position = try log.append([#"{"key": "a"}"#, #"{"key": "b"}"#], to: "CHECKPOINTS")
        let store = try OfflineStore(
            log.log, CatalogProjection(log.log), root: root, files: files)
        // A crash left a file beyond the checkpoint.
        let directory = "\(store.directory)/CHECKPOINTS"
        try files.createDirectory(directory)
        let digits = String(position + 1)
        let name = String(repeating: "0", count: 20 - digits.count) + digits + ".arrow"
        try files.replace(name, in: directory, with: [1, 2, 3])
        let again = try OfflineStore(
            log.log, CatalogProjection(log.log), root: root, files: files)
        try Self.feed(again, log.log)
        try again.save()
        try Self.expectRows(log, again.directory, files, "")
    }
}
