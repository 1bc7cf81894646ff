import Testing
import VarveBytes
import VarveFeatures
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveFormats
@testable import VarveProjections

@Suite struct OfflineStoreTests {
    /// A history whose definitions are in its own catalog.
    private static func history(_ seed: UInt64, _ log: TemporaryLog) throws -> RandomHistory {
        let history = try RandomHistory(seed: seed, log)
        let plan = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(plan.records(time: log.clock.now()), to: Log.catalogName.name)
        return history
    }

    private static func store(
        _ log: TemporaryLog, files: any FileSystem = PosixFileSystem()
    ) throws -> OfflineStore {
        try OfflineStore(
            log.log, CatalogProjection(log.log), root: log.root.path + "/offline", files: files)
    }

    /// Hands all frames from where the store stands over, and saves after every `saveEvery`.
    private static func follow(
        _ store: OfflineStore, _ log: TemporaryLog, saveEvery: Int
    ) throws {
        var frames = 0
        let start = store.position
        try log.log.read(from: start) { frame in
            guard frame.basePosition >= start else { return true }
            let name = log.log.stream(frame.streamID)?.name.name ?? ""
            try store.apply(frame, stream: name)
            frames += 1
            if frames % saveEvery == 0 { try store.save() }
            return true
        }
        store.advance(to: log.log.commitPosition)
        try store.save()
    }

    /// Expects every file together to hold each readable record once, in the day of its event
    /// time, and no other.
    private static func expectWhole(
        _ store: OfflineStore, _ log: TemporaryLog, _ history: RandomHistory, _ context: String
    ) throws {
        for stream in history.definitions.tableStreams {
            let expected = try StreamRows.read(
                log.log, stream, Position(0)..<log.log.commitPosition
            ).table
            var rows: [Int64: [Column.Cell]] = [:]
            try store.reading(stream.name) { files in
                #expect(files.end == log.log.commitPosition)
                for path in files.paths {
                    let bytes = try PosixFileSystem().contents(of: path)
                    let table = try ParquetFile.decode(bytes.raw)
                    #expect(table.columns.map(\.name) == expected.columns.map(\.name))
                    for row in 0..<table.rowCount {
                        let position = try #require(table["_position"]?.int64(row))
                        let time = try #require(table["_event_time"]?.timestamp(row))
                        #expect(path.contains("/day=\(time.description.prefix(10))/"))
                        #expect(
                            rows.updateValue(table.row(row), forKey: position) == nil,
                            "\(context): position \(position) twice")
                    }
                }
            }
            #expect(rows.count == expected.rowCount, "\(context): \(stream.name)")
            #expect(
                store.unreadable[stream.name]?.count ?? 0 == history.unreadable[stream.name] ?? 0,
                "\(context): unreadable records of \(stream.name)")
            for row in 0..<expected.rowCount {
                let position = try #require(expected["_position"]?.int64(row))
                #expect(rows[position] == expected.row(row), "\(context): position \(position)")
            }
        }
    }

    @Test(arguments: 1...3)
    func `files hold every readable record once, by day`(seed: UInt64) throws {
        let log = try TemporaryLog()
        let history = try Self.history(seed, log)
        try history.append(batches: 60)
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 1_000)
        try Self.expectWhole(store, log, history, "seed \(seed)")
    }

    @Test func `positions and times are stored as differences`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(1, log)
        try history.append(batches: 60)
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 1_000)
        try store.reading("trades") { files in
            let bytes = try PosixFileSystem().contents(of: #require(files.paths.first))
            let chunks = try ParquetFile.metadata(bytes.raw).rowGroups[0].columns
            for name in ["_position", "_event_time"] {
                let chunk = try #require(chunks.first { $0.path == [name] })
                var reader = ThriftReader(
                    bytes.raw.extracting(Int(chunk.dataOffset)..<bytes.count))
                let page = try ParquetPageHeader(reading: &reader)
                #expect(page.encoding == ParquetFormat.Encoding.deltaBinaryPacked.rawValue)
                #expect(chunk.codec == ParquetFormat.Codec.none.rawValue)
            }
        }
    }

    @Test func `many small files of a day become one`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(4, log)
        try history.append(batches: 80)
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 1)
        try Self.expectWhole(store, log, history, "saved after every frame")
        try store.reading("trades") { files in
            #expect(files.paths.count < TableDirectory.smallFilesMax)
        }
    }

    @Test func `a file that a merge left behind goes when the store is opened`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(5, log)
        try history.append(batches: 60)
        let store = try Self.store(log)
        let disk = PosixFileSystem()
        var first: (path: String, bytes: [UInt8])?
        var frames = 0
        try log.log.read(from: Position(0)) { frame in
            try store.apply(frame, stream: log.log.stream(frame.streamID)?.name.name ?? "")
            frames += 1
            try store.save()
            if first == nil {
                try store.reading("trades") { files in
                    if let path = files.paths.first {
                        first = (path, try disk.contents(of: path))
                    }
                }
            }
            return true
        }
        let old = try #require(first)
        #expect(throws: SystemError.self) { try disk.contents(of: old.path) }
        let slash = try #require(old.path.lastIndex(of: "/"))
        try disk.replace(
            String(old.path[old.path.index(after: slash)...]), in: String(old.path[..<slash]),
            with: old.bytes)
        let again = try Self.store(log)
        try Self.follow(again, log, saveEvery: 1_000)
        try Self.expectWhole(again, log, history, "an old file came back")
    }

    @Test(arguments: [6, 7])
    func `a crash at any step loses nothing and doubles nothing`(seed: UInt64) throws {
        let log = try TemporaryLog()
        let history = try Self.history(seed, log)
        try history.append(batches: 30)
        var steps = 1
        while true {
            let disk = CrashingFileSystem(after: steps)
            do {
                // It crashes again and again, each time a little later.
                let store = try Self.store(log, files: disk)
                try Self.follow(store, log, saveEvery: 2)
                break
            } catch is SystemError {
                steps += 3
            }
        }
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 2)
        try Self.expectWhole(store, log, history, "seed \(seed), \(steps) steps")
        // Without any file but the log, the same comes out.
        #expect(steps > 30)
    }

    @Test func `files of an older definition serve a newer one that adds fields`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(9, log)
        try history.append(batches: 20)
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 5)
        let old = try #require(history.definitions.stream("quotes"))
        let newer = StreamDefinition(
            name: old.name, fields: old.fields + [Field(name: "y", type: .int64, isNullable: true)],
            eventTime: old.eventTime, knownTime: old.knownTime, key: old.key, id: old.id,
            expectations: old.expectations, policy: old.policy)
        let other = StreamDefinition(
            name: old.name, fields: old.fields.reversed(), eventTime: old.eventTime,
            knownTime: old.knownTime, key: old.key, id: old.id, expectations: old.expectations,
            policy: old.policy)
        let paths = try store.reading("quotes") { $0.paths }
        for path in paths {
            let held = try [old, newer, other].map { try store.rows(of: path, for: $0) != nil }
            #expect(held == [true, true, false], "\(path)")
        }
    }

    @Test func `what waits is written when time passes, without a reader or many records`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(10, log)
        let catalog = try CatalogProjection(log.log)
        let store = try OfflineStore(
            log.log, catalog, root: log.root.path + "/offline", files: PosixFileSystem())
        let projector = Projector(log.log, refreshEvery: .zero)
        projector.start([catalog, store])
        try history.append(batches: 30)
        #expect(projector.wait(for: log.log.commitPosition))
        // A task runs after the refresh of the round before it.
        let checkpoint = store.directory + "/CHECKPOINT"
        var reached: Int64 = -1
        while reached < log.log.commitPosition.value {
            try projector.perform {}
            let bytes = (try? PosixFileSystem().contents(of: checkpoint)) ?? []
            reached = (try? JSON(parsing: bytes.raw))?["position"]?.integerValue ?? -1
        }
        try projector.stop()
        try Self.expectWhole(store, log, history, "refreshed")
    }

    @Test func `a new generation holds the same, and the old one stays`() throws {
        let log = try TemporaryLog()
        let history = try Self.history(8, log)
        try history.append(batches: 40)
        let store = try Self.store(log)
        try Self.follow(store, log, saveEvery: 10)
        let old = store.directory
        let generation = try store.rebuild { generation in
            let record = generation.record(of: "offline", time: log.clock.now())
            try log.append([record], to: Log.catalogName.name)
        }
        #expect(generation.number == 2)
        #expect(store.directory != old)
        // The swap itself is a record.
        try Self.follow(store, log, saveEvery: 10)
        try Self.expectWhole(store, log, history, "rebuilt")
    }
}

/// The real file system until so many changes were made; then every one fails.
final class CrashingFileSystem: FileSystem {
    private let disk = PosixFileSystem()
    private let left: Monitor<Int>

    init(after steps: Int) { left = Monitor(steps) }

    private func step(_ path: String) throws(SystemError) {
        let isOver = left.withLock { left in
            left -= 1
            return left < 0
        }
        if isOver { throw SystemError(operation: "crash", subject: path, code: 5) }
    }

    func createDirectory(_ path: String) throws(SystemError) {
        try step(path)
        try disk.createDirectory(path)
    }

    func list(_ directory: String) throws(SystemError) -> [String] { try disk.list(directory) }

    func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File {
        if mode != .read { try step(path) }
        return try disk.open(path, mode)
    }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try step(path)
        try disk.rename(path, to: newPath)
    }

    func remove(_ path: String) throws(SystemError) {
        try step(path)
        try disk.remove(path)
    }

    func syncDirectory(_ path: String) throws(SystemError) { try step(path) }

    func lock(_ path: String) throws(SystemError) -> (any FileLock)? { try disk.lock(path) }

    func lockHolder(_ path: String) throws(SystemError) -> String? {
        try disk.lockHolder(path)
    }
}
