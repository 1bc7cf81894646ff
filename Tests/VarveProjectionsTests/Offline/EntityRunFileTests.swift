import Synchronization
import Testing
import VarveBytes
import VarveFeatures
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveFormats
@testable import VarveProjections

/// What entity runs are on disk, and what happens to whoever meets others.
@Suite struct EntityRunFileTests {
    private static let sizes = EntityRunWriter.Sizes(rowsPerGroup: 4, rowsPerFile: 10)
    private let disk = PosixFileSystem()

    private static func document(_ run: EntityRun) -> String {
        String(decoding: Array(run.json.pretty.utf8), as: UTF8.self)
    }

    /// A run by `key` of some rows.
    private static func history(_ seed: UInt64, batches: Int = 12) throws -> (
        KeyedHistory, EntityRun
    ) {
        let history = try KeyedHistory(seed: seed)
        try history.append(batches: batches)
        try history.follow()
        let made = try history.store.sortAll(sizes)
        return (history, try #require(made.first { $0.key == ["key"] && $0.stream == "events" }))
    }

    @Test func `a run and its file are as they were`() throws {
        let history = try KeyedHistory(seed: 1)
        let rows = [
            #"{"t": "2020-01-02T00:00:00Z", "key": "a", "x": 1.5}"#,
            #"{"t": "2020-01-01T00:00:00Z", "key": "b"}"#,
            #"{"t": "2020-01-01T00:00:00Z", "key": "a", "x": -0.25}"#,
            #"{"t": "2020-01-01T00:00:00Z", "x": 9}"#,
            #"{"t": "2020-01-01T00:00:00Z", "key": "a", "x": 3}"#,
            #"{"t": "2019-12-31T00:00:00Z", "key": "c", "x": 4}"#,
        ]
        history.log.setTime(RandomHistory.origin)
        try history.log.append(rows, to: "events")
        try history.follow()
        let run = try #require(
            try history.store.sortAll(.init(rowsPerGroup: 3, rowsPerFile: 100)).first)
        let directory = history.directory(run)
        try Fixture.expectGolden(
            try disk.contents(of: "\(directory)/RUN"), "golden/run/RUN")
        let bytes = try disk.contents(of: "\(directory)/run-1-0.parquet")
        try Fixture.expectGolden(bytes, "golden/run/run-1-0.parquet")
        let table = try ParquetFile.decode(bytes.raw)
        let text = table.columns.map { column in
            "\(column.name) \(column.type): "
                + (0..<column.count).map { "\(column.cell($0))" }.joined(separator: ", ") + "\n"
        }
        try Fixture.expectGolden(Array(text.joined().utf8), "golden/run/run-1-0.txt")
        // Whatever version of liblz4 there is.
        let groups = try ParquetFile.metadata(bytes.raw).rowGroups
        let codecs = groups.flatMap(\.columns).map(\.codec)
        #expect(codecs.allSatisfy { $0 == ParquetFormat.Codec.none.rawValue })
    }

    @Test func `a run comes back from its document`() throws {
        for seed in 2...4 as ClosedRange<UInt64> {
            for run in try Self.history(seed).0.store.runs {
                let read = try EntityRun.read(
                    JSON(parsing: Self.document(run)), in: "\(run.directory)/RUN")
                #expect(read == run)
            }
        }
    }

    @Test func `a document of another format is none, and any other one is refused by its path`()
        throws
    {
        let (history, run) = try Self.history(5)
        let text = Self.document(run)
        func read(_ text: String) throws -> EntityRun? {
            try EntityRun.read(JSON(parsing: text), in: "DIR/RUN")
        }
        #expect(try read(text.replacing(#""format": 1"#, with: #""format": 2"#)) == nil)
        let groups = run.files.flatMap(\.groups)
        let first = EntityRunFileTests.hex(groups[0].hashes.lowerBound)
        let last = EntityRunFileTests.hex(groups[groups.count - 1].hashes.upperBound)
        let changes: [(String, String)] = [
            (#""format": 1"#, #""format": "1""#), (#""format": 1"#, #""from": 1"#),
            (#""number": 1"#, #""number": 0"#), (#""number": 1"#, #""number": 2"#),
            (#""number": 1"#, #""number": 9223372036854775807"#),
            (#""number": 1"#, #""number": "1""#), (#""stream": "events""#, #""stream": 3"#),
            (#""rows": \#(run.rowCount)"#, #""rows": \#(run.rowCount + 1)"#),
            (#""\#(groups[0].rows) "#, #""0 "#), (#""\#(groups[0].rows) "#, #""9223372036854775807 "#),
            (#""\#(groups[0].rows) "#, #"""#),
            (#""end": \#(run.end.value)"#, #""end": -1"#),
            (#""end": \#(run.end.value)"#, #""end": null"#),
            ("run-1-0.parquet", "run-1-1.parquet"), ("run-1-0.parquet", "../../run-1-0.parquet"),
            (first, "ffffffffffffffff"), (first, "x" + first.dropFirst()), (first, ""),
            (last, "0000000000000000"), (#""groups""#, #""group""#), (#""files""#, #""file""#),
            (#""definition""#, #""d""#), (#""columns""#, #""c""#), (#""key": ["#, #""key": [1, "#),
        ]
        for (old, new) in changes {
            let changed = text.replacing(old, with: new, maxReplacements: 1)
            try #require(changed != text, "\(old) is in it")
            let error = #expect(throws: SnapshotError.self, "\(old) -> \(new)") {
                try read(changed)
            }
            #expect(describe(error).hasPrefix("DIR/RUN: it describes no run"))
        }
        // The store says so, too; when the document goes, the run is made again.
        let path = history.directory(run)
        for bytes in [Array("{".utf8), Array(text.replacing(first, with: "f").utf8), []] {
            try disk.replace("RUN", in: path, with: bytes)
            let error = #expect(throws: SnapshotError.self) { try history.reopen().runs }
            #expect(describe(error).hasPrefix("\(path)/RUN: "))
        }
        try disk.remove("\(path)/RUN")
        try Self.expectRecovery(history, run, "without its document")
    }

    private static func hex(_ word: UInt64) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    /// Expects that sorting makes a run that the opened store has not, and leaves nothing else.
    private static func expectRecovery(
        _ history: KeyedHistory, _ run: EntityRun, _ context: String
    ) throws {
        let store = try history.reopen()
        #expect(try !store.runs.contains { $0.key == run.key && $0.stream == run.stream }, "\(context)")
        let made = try store.sortAll(sizes)
        #expect(made.map(\.key) == [run.key], "\(context)")
        #expect(made[0].files.flatMap(\.groups) == run.files.flatMap(\.groups), "\(context)")
        try store.expectWhole(made[0], context)
        try EntityRunTests.expectFiles(history, made[0], context)
    }

    @Test func `a run that lost a file is made again`() throws {
        let (history, run) = try Self.history(6)
        try #require(run.files.count > 2)
        for file in [0, 1, run.files.count - 1] {
            try disk.remove("\(history.directory(run))/\(run.files[file].name)")
            try Self.expectRecovery(history, run, "without file \(file)")
        }
    }

    @Test func `a damaged file is reported by its path, never a stop`() throws {
        let (history, run) = try Self.history(7)
        let store = history.store
        let directory = history.directory(run)
        let columns = Set(run.key + run.columns + KeyedTable.ownColumns)
        var random = SplitMix64(seed: 7)
        var found = (errors: 0, same: 0)
        let name = run.files[1].name
        let path = "\(directory)/\(name)"
        let whole = try disk.contents(of: path)
        let size = ParquetFile.footerBytes(whole.raw) ?? 0
        let rows = try store.rows(of: run)
        for round in 0..<1500 {
            var bytes = whole
            switch round % 3 {
            case 0: bytes = Array(bytes.prefix(random.below(bytes.count)))
            // In the footer most of the time.
            case 1: bytes[bytes.count - 1 - random.below(size)] ^= 1 << UInt8(random.below(8))
            default: bytes = random.mutated(bytes)
            }
            try disk.replace(name, in: directory, with: bytes)
            do {
                let reader = try store.reading("events") { _ in try store.open(run) }
                var read: [[[Column.Cell]]] = []
                for group in 0..<reader.groupCount {
                    let table = try reader.table(ofGroup: group, columns: columns)
                    read.append((0..<table.rowCount).map { table.row($0) })
                }
                if read == rows { found.same += 1 }
                // No checksum guards what is neither a key nor a length.
                #expect(read.map(\.count) == rows.map(\.count))
            } catch let error as SnapshotError {
                found.errors += 1
                #expect(error.path == path)
            } catch let error as SystemError {
                #expect(error.description.contains(path))
                found.errors += 1
            }
        }
        #expect(found.errors > 1000 && found.same > 0, "\(found)")
    }

    @Test func `a file of another run, or of other columns, is refused`() throws {
        let (history, run) = try Self.history(8)
        let directory = history.directory(run)
        let name = run.files[0].name
        let path = "\(directory)/\(name)"
        let whole = try disk.contents(of: path)
        let table = try ParquetFile.decode(whole.raw)
        let ends = run.files[0].groups.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.rows) }
        func encoded(_ columns: [Column], _ ends: [Int]) -> [UInt8] {
            ParquetFile.encode(Table(columns: columns), groupEnds: ends)
        }
        let backwards = (0..<Int32(table.rowCount)).reversed().map { $0 }
        let others: [(String, [UInt8])] = [
            ("another file", try disk.contents(of: "\(directory)/\(run.files[1].name)")),
            ("a column less", encoded(Array(table.columns.dropLast()), ends)),
            ("columns in another order", encoded(table.columns.reversed(), ends)),
            (
                "times as numbers",
                encoded(
                    table.columns.map { column in
                        column.name != "_event_time"
                            ? column
                            : Column(
                                name: column.name, type: .int64,
                                cells: column.words.map { .int64(Int64(bitPattern: $0)) })
                    }, ends)
            ),
            ("other row groups", encoded(table.columns, [1] + ends.filter { $0 > 1 })),
            ("rows in another order", encoded(table.columns.map { $0.taking(backwards) }, ends)),
        ]
        let store = history.store
        for (what, bytes) in others {
            try disk.replace(name, in: directory, with: bytes)
            let error = #expect(throws: SnapshotError.self, "\(what)") { try store.rows(of: run) }
            #expect(error?.path == path, "\(what)")
        }
        // The same rows in a file of other bytes are as good.
        try disk.replace(name, in: directory, with: encoded(table.columns, ends))
        try store.expectWhole(run, "encoded again")
    }

    @Test func `work that a full disk ends leaves the old run and nothing else`() throws {
        let (history, run) = try Self.history(9)
        let faulty = FaultyDisk()
        try history.append(batches: 12)
        try history.follow()
        let store = try history.reopen(faulty)
        let plan = try #require(try store.runPlans.first { $0.key == ["key"] })
        for fault in [FaultyDisk.Fault.full, .sync] {
            #expect(throws: SystemError.self) {
                try store.sortByEntity(plan, Self.sizes) { _ in
                    // The position is noted before.
                    faulty.fault.withLock { $0 = fault }
                }
            }
            faulty.fault.withLock { $0 = .none }
            try EntityRunTests.expectFiles(history, run, "\(fault)")
            try store.expectWhole(run, "\(fault)")
        }
        let new = try #require(try store.sortByEntity(plan, Self.sizes) { _ in })
        try store.expectWhole(new, "with room again")
        try EntityRunTests.expectFiles(history, new)
    }

    @Test func `work that is ended leaves the old run and nothing else`() throws {
        struct Ended: Error {}
        let (history, run) = try Self.history(10)
        try history.append(batches: 12)
        try history.follow()
        let store = history.store
        let plan = try #require(try store.runPlans.first { $0.key == ["key"] })
        var steps = 0
        while true {
            var left = steps
            do {
                let new = try #require(
                    try store.sortByEntity(plan, Self.sizes) { _ in
                        if left == 0 { throw Ended() }
                        left -= 1
                    })
                try store.expectWhole(new, "after \(steps) steps")
                break
            } catch is Ended {
                try EntityRunTests.expectFiles(history, run, "\(steps) steps")
                #expect(try store.runs.contains(run))
            }
            steps += 1
        }
        #expect(steps > 10)
    }

    @Test func `after a crash at any step there is a whole run, and then no other file`() throws {
        var steps = 0
        while true {
            let (history, old) = try Self.history(11, batches: 4)
            try history.append(batches: 3)
            try history.follow()
            let plan = try #require(try history.store.runPlans.first { $0.key == ["key"] })
            let store = try history.reopen(CrashingFileSystem(after: steps))
            let done = Result { try store.sortByEntity(plan, Self.sizes) { _ in } }
            if case .failure(let error) = done { #expect(error is SystemError) }
            let again = try history.reopen()
            let context = "\(steps) steps"
            let run = try #require(
                try again.runs.first { $0.key == ["key"] && $0.stream == "events" }, "\(context)")
            try again.expectWhole(run, context)
            let new = try again.sortByEntity(plan, Self.sizes) { _ in }
            #expect(run == old ? new?.number == 2 : new == nil && run.number == 2, "\(context)")
            try again.expectWhole(new ?? run, context)
            try EntityRunTests.expectFiles(history, new ?? run, context)
            if case .success = done { break }
            steps += 1
        }
        #expect((20..<200).contains(steps), "\(steps)")
    }

    @Test func `a store that reads its log again keeps the run that goes further`() throws {
        let (history, run) = try Self.history(12)
        try history.log.root.remove("offline")
        let store = try history.reopen()
        #expect(try store.runs.contains(run))
        let plan = try #require(try store.runPlans.first { $0.key == ["key"] })
        // At the start, and on the way.
        #expect(try store.sortByEntity(plan, Self.sizes) { _ in } == nil)
        var frames = 0
        try history.log.log.read(from: Position(0)) { frame in
            try store.apply(
                frame, stream: history.log.log.stream(frame.streamID)?.name.name ?? "")
            frames += 1
            if frames == 6 {
                #expect(try store.sortByEntity(plan, Self.sizes) { _ in } == nil)
                #expect(try store.reading("events") { $0.runs } == [], "nobody may use it yet")
            }
            return true
        }
        try EntityRunTests.expectFiles(history, run)
        #expect(try store.reading("events") { $0.runs.contains(run) })
        try store.expectWhole(run, "read again")
        try history.append(batches: 5)
        try history.follow()
        let next = try #require(try store.sortByEntity(plan, Self.sizes) { _ in })
        #expect(next.number == 2)
        try store.expectWhole(next, "and on")
    }
}
