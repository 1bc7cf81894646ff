import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveProjections

@Suite struct EntityRunTests {
    /// Groups of some rows, files of some groups; the other way round; all in one.
    static let sizes = [(1, 1), (3, 7), (7, 3), (16, 40), (10_000, 50_000)].map {
        EntityRunWriter.Sizes(rowsPerGroup: $0.0, rowsPerFile: $0.1)
    }

    @Test(arguments: 1...4, sizes.indices)
    func `a run has every row with a key once, in order, however it grew`(
        seed: UInt64, size: Int
    ) throws {
        let sizes = Self.sizes[size]
        let history = try KeyedHistory(seed: seed)
        let store = history.store
        try history.follow()
        #expect(
            try store.runPlans.map(\.key) == [
                ["key"], ["sub"], ["key", "sub"], ["flag"], ["seen"], ["key"],
            ])
        #expect(try store.runPlans.map(\.columns) == [["x"], [], ["s"], [], ["x"], ["g"]])
        #expect(try store.sortAll(sizes) == [], "no files")
        for round in 1...4 {
            try history.append(batches: 1 + history.random.below(25))
            try history.follow()
            let made = try store.sortAll(sizes)
            #expect(made.count >= 5, "round \(round)")
            #expect(try store.sortAll(sizes) == [], "round \(round): nothing is new")
            for run in made {
                try store.expectWhole(run, "seed \(seed), round \(round)")
                #expect(run.end == history.log.log.commitPosition)
                #expect(run.number == round || run.stream != "events")
                Self.expectGroups(run, sizes)
                try Self.expectFiles(history, run)
            }
            #expect(
                try store.runStates().allSatisfy { $0.unsorted == 0 && $0.sorted > 0 }
                    || made.count < 6)
        }
        // Made at once, it has the same row groups; files may be cut elsewhere.
        let whole = try history.other("whole")
        for run in try whole.sortAll(sizes) {
            let grown = try #require(
                try store.runs.first { $0.stream == run.stream && $0.key == run.key })
            #expect(run.files.flatMap(\.groups) == grown.files.flatMap(\.groups))
            #expect(try whole.rows(of: run) == store.rows(of: grown))
        }
        // Runs are found again.
        let known = try store.runs
        let again = try history.reopen()
        #expect(try again.runs.count == known.count && again.runs.allSatisfy { known.contains($0) })
        for run in try again.runs { try again.expectWhole(run, "opened again") }
    }

    /// Expects whole keys in each row group, but of those that are longer than one.
    private static func expectGroups(_ run: EntityRun, _ sizes: EntityRunWriter.Sizes) {
        let groups = run.files.flatMap(\.groups)
        #expect(groups.allSatisfy { $0.rows <= sizes.rowsPerGroup })
        for (one, next) in zip(groups, groups.dropFirst()) {
            #expect(one.hashes.upperBound <= next.hashes.lowerBound)
            if one.hashes.upperBound < next.hashes.lowerBound { continue }
            // The key fills the group up, and is alone in it or began in one before.
            #expect(one.rows == sizes.rowsPerGroup)
            #expect(
                one.hashes.lowerBound == one.hashes.upperBound
                    || groups.contains {
                        $0 != one && $0.hashes.upperBound == one.hashes.lowerBound
                    })
        }
        for file in run.files.dropLast() {
            #expect(
                file.groups.reduce(0) { $0 + $1.rows } + sizes.rowsPerGroup >= sizes.rowsPerFile)
        }
        let parts = run.parts
        #expect(parts.reduce(0) { $0 + $1.rows } == run.rowCount)
        #expect(parts.flatMap(\.groups).count == groups.count)
        for (one, next) in zip(parts, parts.dropFirst()) {
            #expect(one.hashes.upperBound < next.hashes.lowerBound, "no key in two parts")
        }
    }

    /// Expects a run's own files in its directory.
    static func expectFiles(
        _ history: KeyedHistory, _ run: EntityRun, generation: Int = 1, _ context: String = ""
    ) throws {
        let names = try PosixFileSystem().list(history.directory(run, generation: generation))
        #expect(names == (["RUN"] + run.files.map(\.name)).sorted(), "\(context)")
    }

    @Test func `parts are put together from row groups that share a key`() throws {
        let history = try KeyedHistory(seed: 5)
        try history.append(batches: 60)
        try history.follow()
        let store = history.store
        let made = try store.sortAll(.init(rowsPerGroup: 4, rowsPerFile: 9))
        for run in made {
            let reader = try store.reading(run.stream) { _ in try store.open(run) }
            #expect(reader.firstHashes.count == reader.partCount - 1)
            var hashes: [UInt64] = []
            for part in 0..<reader.partCount {
                let table = try reader.table(part, columns: Set(run.key))
                let found = KeyTable.hashes(
                    run.key.compactMap { table[$0] }, rows: table.rowCount
                ).compactMap { $0 }
                #expect(found.count == table.rowCount && found == found.sorted())
                #expect(part == 0 || reader.firstHashes[part - 1] == found.first)
                #expect(hashes.last.map { $0 < found[0] } ?? true)
                hashes += found
            }
            #expect(hashes.count == run.rowCount)
        }
        // Two flags, of which each has many rows.
        let flags = try #require(made.first { $0.key == ["flag"] })
        #expect(flags.parts.count <= 2 && flags.files.count > 2)
    }

    @Test func `rows without a key make a run of none`() throws {
        let history = try KeyedHistory(seed: 6)
        let text = #"{"t": "2020-01-01T00:00:00Z", "sub": 1}"#
        try history.log.append([text, text], to: "events")
        try history.follow()
        let store = history.store
        let made = try store.sortAll(Self.sizes[1])
        #expect(made.filter { $0.rowCount > 0 }.map(\.key) == [["sub"]])
        let none = try #require(made.first { $0.key == ["flag"] })
        #expect(none.files.isEmpty)
        #expect(try store.reading("events") { _ in try store.open(none) }.partCount == 0)
        #expect(try store.sortAll(Self.sizes[1]) == [])
        // It grows from there.
        try history.append(batches: 10)
        try history.follow()
        for run in try store.sortAll(Self.sizes[1]) { try store.expectWhole(run, "grown") }
        #expect(try history.reopen().runs.count == 5 + (store.runs.count > 5 ? 1 : 0))
    }

    @Test func `a changed definition leaves the run unused, and the next one has its fields`()
        throws
    {
        let history = try KeyedHistory(seed: 7)
        try history.append(batches: 20)
        try history.follow()
        let store = history.store
        let sizes = Self.sizes[1]
        let before = try store.sortAll(sizes)
        try history.log.apply(
            KeyedHistory.document(
                #", "z": "int64?""#, reading: ", " + Sample.feature("newest_z", #""latest": "z""#)))
        try history.log.append(
            [#"{"t": "2020-01-01T00:00:00Z", "key": "key 1", "z": 9}"#], to: "events")
        try history.follow()
        let plan = try #require(try store.runPlans.first { $0.key == ["key"] })
        #expect(plan.columns == ["x", "z"])
        #expect(try store.runStates().first { $0.plan == plan }?.sorted == 0)
        let old = try #require(before.first { $0.key == ["key"] && $0.stream == "events" })
        #expect(!old.serves(plan.stream, ["key"], ["x"]), "of another definition")
        let run = try #require(try store.sortByEntity(plan, sizes) { _ in })
        #expect(run.number == 2 && run.serves(plan.stream, ["key"], ["x", "z", "key"]))
        #expect(!run.serves(plan.stream, ["key"], ["x", "s"]), "it has no s")
        #expect(
            !run.serves(plan.stream, ["sub"], ["x"])
                && !run.serves(plan.stream, ["sub", "key"], []))
        try store.expectWhole(run, "z is null where there was none")
        try Self.expectFiles(history, run)
        // Files that a definition does not include have no run.
        let other = StreamDefinition(
            name: plan.stream.name, fields: plan.stream.fields.reversed(),
            eventTime: plan.stream.eventTime, knownTime: plan.stream.knownTime,
            key: plan.stream.key, id: nil, expectations: [], policy: plan.stream.policy)
        let foreign = OfflineStore.RunPlan(stream: other, key: ["sub"], columns: [])
        #expect(try store.sortByEntity(foreign, sizes) { _ in } == nil)
    }

    @Test func `a new generation has no runs, and makes its own`() throws {
        let history = try KeyedHistory(seed: 8)
        try history.append(batches: 20)
        try history.follow()
        let store = history.store
        let old = try store.sortAll(Self.sizes[3])
        #expect(old.count >= 5)
        _ = try store.rebuild { generation in
            try history.log.append(
                [generation.record(of: "offline", time: history.log.clock.now())],
                to: Log.catalogName.name)
        }
        try history.follow()
        #expect(try store.runs.isEmpty)
        for run in try store.sortAll(Self.sizes[3]) {
            #expect(run.number == 1)
            try store.expectWhole(run, "rebuilt")
            try Self.expectFiles(history, run, generation: 2)
        }
        #expect(try history.reopen().runs.count == store.runs.count)
        try Self.expectRemoval(history, old)
    }

    /// Expects that runs which nobody reads go, and no other.
    private static func expectRemoval(_ history: KeyedHistory, _ old: [EntityRun]) throws {
        let (disk, store) = (PosixFileSystem(), history.store)
        // No view has that key any more.
        let gone = "\(history.log.root.path)/offline-by-entity/2/events/gone"
        try disk.createDirectory(gone)
        for name in ["RUN", "run-1-0.parquet"] { try disk.replace(name, in: gone, with: [1]) }
        try store.reading("events") { _ in try store.removeRunsOfNobody() }
        #expect(try disk.list(gone).count == 2, "somebody reads")
        let kept = try store.runPlans.map { try store.runs(of: $0.stream.name) }
        try store.removeRunsOfNobody()
        #expect(try disk.list(gone) == [])
        for run in old { #expect(try disk.list(history.directory(run)) == []) }
        let left = try store.runPlans.map { try store.runs(of: $0.stream.name) }
        #expect(left == kept)
        for run in kept.joined() { try expectFiles(history, run, generation: 2) }
        #expect(try store.sortAll(sizes[3]) == [])
    }

    @Test func `a run of a generation that was swapped away meanwhile counts for nothing`() throws {
        let history = try KeyedHistory(seed: 13)
        try history.append(batches: 20)
        try history.follow()
        let store = history.store
        let plan = try #require(try store.runPlans.first)
        var isSwapped = false
        let run = try store.sortByEntity(plan, Self.sizes[1]) { _ in
            if isSwapped { return }
            isSwapped = true
            _ = try store.rebuild { generation in
                try history.log.append(
                    [generation.record(of: "offline", time: history.log.clock.now())],
                    to: Log.catalogName.name)
            }
        }
        #expect(try run == nil && isSwapped && store.runs.isEmpty)
        let old = "\(history.log.root.path)/offline-by-entity/1/events/key"
        #expect(try PosixFileSystem().list(old) == [])
        #expect(try history.reopen().runs.isEmpty)
    }

    @Test func `an old run stays readable while a new one takes its place`() throws {
        let history = try KeyedHistory(seed: 9)
        try history.append(batches: 30)
        try history.follow()
        let store = history.store
        let sizes = Self.sizes[1]
        let old = try #require(try store.sortAll(sizes).first)
        let rows = try store.rows(of: old).flatMap { $0 }
        let columns = Set(old.key + old.columns + KeyedTable.ownColumns)
        func read(_ reader: EntityRunReader) throws -> [[Column.Cell]] {
            try (0..<reader.groupCount).flatMap { group in
                let table = try reader.table(ofGroup: group, columns: columns)
                return (0..<table.rowCount).map { table.row($0) }
            }
        }
        let reader = try store.reading("events") { _ in try store.open(old) }
        try history.append(batches: 10)
        try history.follow()
        // While somebody reads, who has not opened the old run yet, its files stay.
        try store.reading("events") { files in
            #expect(files.runs.contains(old))
            let new = try #require(try store.sortAll(sizes).first)
            #expect(new.number == 2 && new.end > old.end)
            #expect(try read(store.open(old)) == rows)
            try store.expectWhole(new, "beside the old one")
        }
        #expect(try read(reader) == rows)
        // They go with the next sorting, whether there is anything new or not.
        let new = try #require(try store.runs.first { $0.key == old.key && $0.stream == old.stream })
        #expect(try store.sortAll(sizes) == [])
        try Self.expectFiles(history, new)
        #expect(throws: SystemError.self) { try store.open(old) }
        #expect(try read(reader) == rows)
    }
}
