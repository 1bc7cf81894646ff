import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@testable import VarveTraining

/// A training set is the same to the last byte, wherever and however it is made.
@Suite struct ReproductionTests {
    /// A history that is the same for the same seed, whatever the log's segments are.
    private static func history(_ seed: UInt64, _ log: TemporaryLog) throws -> RandomHistory {
        let history = try RandomHistory(seed: seed, log)
        let plan = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(plan.records(time: log.clock.now()), to: Log.catalogName.name)
        try history.append(batches: 120)
        return history
    }

    private static func store(_ log: Log, _ root: String, saveEvery: Int) throws -> OfflineStore {
        let store = try OfflineStore(
            log, CatalogProjection(log), root: root, files: PosixFileSystem())
        var frames = 0
        try log.read(from: store.position) { frame in
            try store.apply(frame, stream: log.stream(frame.streamID)?.name.name ?? "")
            frames += 1
            if frames % saveEvery == 0 { try store.save() }
            return true
        }
        store.advance(to: log.commitPosition)
        try store.save()
        return store
    }

    /// A spine of random rows, as the bytes of a file.
    private static func spine(_ history: RandomHistory, _ plan: ServicePlan) -> [UInt8] {
        var columns = [Column(name: "at", type: .timestamp)]
        for field in plan.keyFields + plan.service.inputs {
            columns.append(Column(name: field.name, type: field.type.columnType))
        }
        for _ in 0..<200 {
            columns[0].append(history.randomTime())
            for (index, field) in plan.keyFields.enumerated() {
                columns[1 + index].append(history.randomKey(field).cell)
            }
            for index in plan.service.inputs.indices {
                columns[1 + plan.keyFields.count + index].append(
                    .float64(Double(history.generator.below(7)) / 4))
            }
        }
        return ParquetFile.encode(Table(columns: columns))
    }

    /// The bytes of a set and its manifest.
    private static func build(
        _ log: Log, _ spine: [UInt8], mode: TrainingMode, threads: Int, offline: OfflineStore?,
        memory: TrainingSet.MemoryLimit? = nil
    ) throws -> [UInt8] {
        let pinned = try PinnedDefinitions(newest: CatalogProjection(log).catalog)
        let service = try #require(pinned.services["all"])
        var request = TrainingSet.Request(
            service: "all", definitions: service.definitions, versions: service.versions,
            mode: mode, basis: log.commitPosition, threads: threads, memory: memory)
        request.split = try TrainingSplit(cutoffs: "2020-01-01T00:00:30Z", gap: "5s")
        let rows = try Spine(file: spine, timeColumn: "at", plan: try request.plan())
        let set = try TrainingSet(
            log, request, rows, source: .artifact(rows.digest), offline: offline)
        return ParquetFile.encode(set.table, .init(compression: .none))
            + Array(set.manifest.json.text.utf8)
    }

    /// What was counted once, for profiles and dictionaries, against the cells themselves.
    @Test(arguments: 1...4 as ClosedRange<UInt64>, ["all", "stored"])
    func `a set's file and its profiles are those of its table`(
        seed: UInt64, service name: String
    ) throws {
        let log = try TemporaryLog()
        let history = try Self.history(seed, log)
        let pinned = try PinnedDefinitions(newest: CatalogProjection(log.log).catalog)
        let service = try #require(pinned.services[name])
        let request = TrainingSet.Request(
            service: name, definitions: service.definitions, versions: service.versions,
            mode: .asKnown, basis: log.log.commitPosition)
        let plan = try request.plan()
        let rows = try Spine(file: Self.spine(history, plan), timeColumn: "at", plan: plan)
        let set = try TrainingSet(log.log, request, rows, source: .artifact(rows.digest))
        var file: [UInt8] = []
        set.parquet(threads: 2) { file += $0 }
        #expect(file == ParquetFile.encode(set.table, .init(compression: .none)))
        var profiles = 0
        for summary in set.manifest.columns {
            let column = try #require(set.table[summary.field.name])
            guard let profile = summary.profile else { continue }
            profiles += 1
            let numbers = (0..<column.count).map { row in
                Profile.number(Value(column.cell(row)))
            }
            #expect(
                profile.json.text == Profile(baseline: numbers).json.text,
                "seed \(seed): \(column.name)")
        }
        #expect(profiles > 0)
    }

    @Test(arguments: [1, 2] as [UInt64], TrainingMode.allCases)
    func `bytes depend on no thread, segment, file, compaction, limit or copy`(
        seed: UInt64, mode: TrainingMode
    ) throws {
        let log = try TemporaryLog()
        let history = try Self.history(seed, log)
        let small = try TemporaryLog(segmentBytes: 8 << 10)
        _ = try Self.history(seed, small)
        let service = try #require(history.definitions.services.first)
        let spine = Self.spine(history, ServicePlan(service, history.definitions))
        let expected = try Self.build(log.log, spine, mode: mode, threads: 1, offline: nil)

        // Many files of a few rows, then what compaction makes of them.
        let scattered = try Self.store(log.log, log.root.path + "/scattered", saveEvery: 2)
        let whole = try Self.store(log.log, log.root.path + "/whole", saveEvery: 10_000)
        let restored = log.root.path + "/restored"
        let backup = Backup()
        _ = try backup.back(up: log.directory, to: log.root.path + "/backup", progress: { _, _ in })
        _ = try backup.restore(log.root.path + "/backup", to: restored, progress: { _, _ in })
        let copy = try Log.open(
            directory: restored, options: TemporaryLog.options(), clock: log.clock)
        defer { try? copy.close() }
        let limit = TrainingSet.MemoryLimit(
            bytes: 200 * 770, files: PosixFileSystem(), directory: log.root.path + "/spill")

        let others: [(String, () throws -> [UInt8])] = [
            ("2 threads", { try Self.build(log.log, spine, mode: mode, threads: 2, offline: nil) }),
            ("5 threads", { try Self.build(log.log, spine, mode: mode, threads: 5, offline: nil) }),
            ("small segments", { try Self.build(small.log, spine, mode: mode, threads: 2, offline: nil) }),
            ("one file a day", { try Self.build(log.log, spine, mode: mode, threads: 2, offline: whole) }),
            ("compacted", { try Self.build(log.log, spine, mode: mode, threads: 2, offline: scattered) }),
            ("restored", { try Self.build(copy, spine, mode: mode, threads: 2, offline: nil) }),
            (
                "limited",
                {
                    try Self.build(
                        log.log, spine, mode: mode, threads: 2, offline: whole, memory: limit)
                }
            ),
        ]
        for (name, build) in others {
            let isSame = try build() == expected
            #expect(isSame, "seed \(seed), \(mode): \(name)")
        }
        let names = try PosixFileSystem().list(small.directory + "/log")
        #expect(names.count { $0.hasSuffix(".varve") } > 3, "\(names)")
    }

    @Test func `a row belongs to one side, and to none within a gap`() throws {
        let split = try TrainingSplit(
            cutoffs: "2020-01-02T00:00:00Z,2020-01-03T00:00:00Z", gap: "2h")
        let found = [
            "2020-01-01T21:59:59Z", "2020-01-01T22:00:00Z", "2020-01-02T00:00:00Z",
            "2020-01-02T22:00:00Z", "2020-01-03T00:00:00Z", "2021-01-03T00:00:00Z",
        ].compactMap { Timestamp(parsing: $0) }.map { split.name(of: $0) }
        #expect(found == ["train", "gap", "validation", "gap", "test", "test"])
        #expect(try TrainingSplit(cutoffs: "2020-01-02T00:00:00Z", gap: nil).names == ["train", "test"])
        for (cutoffs, gap, reason) in [
            ("", nil, "0 cutoffs"), ("yesterday", nil, "\"yesterday\""),
            ("2020-01-02T00:00:00Z,2020-01-01T00:00:00Z", nil, "ascending"),
            ("2020-01-02T00:00:00Z", "soon", "\"soon\""),
        ] as [(String, String?, String)] {
            let error = #expect(throws: TrainingError.self) {
                try TrainingSplit(cutoffs: cutoffs, gap: gap)
            }
            #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        }
    }
}
