import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveProjections
@testable import VarveTraining

/// The sweep against the evaluator: random histories with ties, late, amended and retracted
/// records, every aggregation and window; every cell, both modes, the leak meter.
@Suite struct TrainingSweepTests {
    @Test(arguments: 1...24, services)
    func `every cell is what the evaluator says`(seed: UInt64, service: String) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: seed, log)
        try history.append(batches: 40)
        let plan = try Self.plan(history, service)
        let end = log.log.commitPosition.value
        let bases = [end, Int64(history.generator.below(Int(end)))]
        // With two rows, most facts are of entities that nobody asks for.
        for (rows, bases) in [(60, bases), (2, [end])] {
            let spine = try Self.spine(history, plan, rows: rows)
            for basis in bases {
                for mode in TrainingMode.allCases {
                    var fold = FeatureFold(history.definitions)
                    try fold.fold(log.log, upTo: Position(basis))
                    let twin = PointInTimeReplay(
                        fold: fold, plan: plan, spine: spine, mode: mode, basis: basis
                    ).run(threads: 1) { _ in }
                    // Each entity alone, all together, some together.
                    for (threads, partitions) in [(1, 512), (0, 1), (3, 2)] {
                        let result = try TrainingSweep(
                            log: log.log, offline: nil, definitions: history.definitions,
                            plan: plan, spine: spine, mode: mode, basis: Position(basis),
                            threads: threads, memory: nil, progress: { _ in },
                            partitionsMax: partitions
                        ).run()
                        Self.expect(
                            result, twin, plan,
                            "seed \(seed), basis \(basis), \(mode), \(partitions) partitions")
                    }
                }
            }
        }
    }

    @Test(arguments: 1...8, services)
    func `cells do not depend on what the offline store holds`(
        seed: UInt64, service: String
    ) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: seed, log)
        let catalog = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(
            catalog.records(time: log.clock.now()), to: Log.catalogName.name)
        try history.append(batches: 30)
        let store = try Self.store(log)
        try history.append(batches: 20)
        let plan = try Self.plan(history, service)
        let spine = try Self.spine(history, plan, rows: 50)
        for basis in [log.log.commitPosition.value, 40] {
            for mode in TrainingMode.allCases {
                let results = try [(nil, 512), (store, 3)].map { offline, partitions in
                    try TrainingSweep(
                        log: log.log, offline: offline, definitions: history.definitions,
                        plan: plan, spine: spine, mode: mode, basis: Position(basis), threads: 2,
                        memory: nil, progress: { _ in }, partitionsMax: partitions
                    ).run()
                }
                Self.expectSame(results, plan, spine, "seed \(seed)")
                if basis > 40 {
                    #expect(results[0].unreadable == history.unreadable, "seed \(seed)")
                }
            }
        }
    }

    @Test(arguments: 1...6, services)
    func `cells do not depend on which rows are sorted by entity`(
        seed: UInt64, service: String
    ) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: seed, log)
        let catalog = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(catalog.records(time: log.clock.now()), to: Log.catalogName.name)
        try history.append(batches: 25)
        let plan = try Self.plan(history, service)
        // Of some facts a group, some groups a file: keys longer than a group, too.
        let sizes = [(3, 7), (16, 40), (1000, 5000)][Int(seed % 3)]
        func sort(_ store: OfflineStore) throws -> Int {
            try store.runPlans.compactMap { plan in
                try store.sortByEntity(
                    plan, .init(rowsPerGroup: sizes.0, rowsPerFile: sizes.1)) { _ in }
            }.count
        }
        let store = try Self.store(log)
        func expectSame(_ context: String) throws {
            let end = log.log.commitPosition.value
            for (rows, basis) in [(40, end), (40, end / 2), (2, end)] {
                let spine = try Self.spine(history, plan, rows: rows)
                for (mode, memory) in zip(TrainingMode.allCases, [nil, 1 << 20]) {
                    let results = try [nil, store].map { offline in
                        try TrainingSweep(
                            log: log.log, offline: offline, definitions: history.definitions,
                            plan: plan, spine: spine, mode: mode, basis: Position(basis),
                            threads: 2,
                            memory: memory.map {
                                TrainingSet.MemoryLimit(
                                    bytes: $0, files: PosixFileSystem(),
                                    directory: log.root.path + "/spill")
                            }, progress: { _ in }
                        ).run()
                    }
                    Self.expectSame(results, plan, spine, "seed \(seed), \(context)")
                }
            }
        }
        for round in 1...3 {
            #expect(try sort(store) > 0, "round \(round)")
            #expect(try sort(store) == 0, "nothing is new")
            try expectSame("round \(round), all in runs")
            try history.append(batches: 10)
            try expectSame("round \(round), some in the log only")
            try Self.follow(store, log)
            try expectSame("round \(round), some in files only")
        }
    }

    @Test(arguments: 1...6, services)
    func `facts beyond the memory limit go to a file, and no cell shows it`(
        seed: UInt64, service: String
    ) throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: seed, log)
        let catalog = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(catalog.records(time: log.clock.now()), to: Log.catalogName.name)
        try history.append(batches: 60)
        let plan = try Self.plan(history, service)
        let spine = try Self.spine(history, plan, rows: 40)
        let place = log.root.path + "/spill"
        func sweep(
            _ offline: OfflineStore?, bytes: Int?, _ watch: @escaping TrainingSet.Watcher = { _ in }
        ) throws -> TrainingSweep.Result {
            try TrainingSweep(
                log: log.log, offline: offline, definitions: history.definitions, plan: plan,
                spine: spine, mode: .asKnown, basis: log.log.commitPosition, threads: 2,
                memory: bytes.map {
                    TrainingSet.MemoryLimit(
                        bytes: $0, files: PosixFileSystem(), directory: place)
                }, progress: watch
            ).run()
        }
        let all = try sweep(nil, bytes: nil)
        let error = #expect(throws: TrainingError.self, "less than the rows take") {
            try sweep(nil, bytes: 1000)
        }
        guard case .overMemory(let needed, limit: 1000)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect((try? PosixFileSystem().list(place)) == nil)
        // Enough for the rows: of the facts, none stays in memory, or some do.
        let store = try Self.store(log)
        for (offline, bytes) in [(nil, needed), (store, needed), (store, needed + 2000)] {
            let part = try sweep(offline, bytes: bytes)
            for (index, column) in plan.columns.enumerated() {
                for row in 0..<spine.rowCount {
                    #expect(
                        all.cells[index].isIdentical(row, to: part.cells[index], row),
                        "seed \(seed), \(bytes) bytes, \(column.name)[\(row)]")
                }
            }
            #expect(all.leaks == part.leaks)
            let left = try PosixFileSystem().list(place)
            #expect(left == [], "a file was used, and went away")
        }
        // Stopped while facts lie in the file: nothing stays either.
        let steps = Monitor(0)
        #expect(throws: TrainingError.cancelled) {
            try sweep(store, bytes: needed) { step in
                guard case .rows = step else { return }
                let count = steps.withLock { steps in
                    steps += 1
                    return steps
                }
                if count == 3 { throw TrainingError.cancelled }
            }
        }
        let left = try PosixFileSystem().list(place)
        #expect(left == [])
    }

    /// Expects the same cells and counts of two sweeps.
    private static func expectSame(
        _ results: [TrainingSweep.Result], _ plan: ServicePlan, _ spine: Spine, _ context: String
    ) {
        for (index, column) in plan.columns.enumerated() {
            for row in 0..<spine.rowCount {
                #expect(
                    results[0].cells[index].isIdentical(row, to: results[1].cells[index], row),
                    "\(context), \(column.name)[\(row)]")
            }
        }
        #expect(results[0].leaks == results[1].leaks, "\(context)")
        #expect(results[0].unreadable == results[1].unreadable, "\(context)")
        #expect(results[0].latestDiffers == results[1].latestDiffers, "\(context)")
    }

    /// An offline store of all that the log holds now, in several files for each day.
    private static func store(_ log: TemporaryLog) throws -> OfflineStore {
        let store = try OfflineStore(
            log.log, CatalogProjection(log.log), root: log.root.path + "/offline",
            files: PosixFileSystem())
        try follow(store, log)
        return store
    }

    /// Hands a store what the log has beyond it.
    private static func follow(_ store: OfflineStore, _ log: TemporaryLog) throws {
        var frames = 0
        let start = store.position
        try log.log.read(from: start) { frame in
            guard frame.basePosition >= start else { return true }
            let name = log.log.stream(frame.streamID)?.name.name ?? ""
            try store.apply(frame, stream: name)
            frames += 1
            if frames % 9 == 0 { try store.save() }
            return true
        }
        try store.save()
    }

    /// `all` has columns that are computed from other columns, which `stored` has not: there, what
    /// is only the newest fact's value is looked up at the end.
    private static let services = ["all", "stored"]

    private static func plan(_ history: RandomHistory, _ service: String) throws -> ServicePlan {
        let service = try #require(history.definitions.services.first { $0.name == service })
        return ServicePlan(service, history.definitions)
    }

    private static func spine(
        _ history: RandomHistory, _ plan: ServicePlan, rows: Int
    ) throws -> Spine {
        var columns = [Column(name: "at", type: .timestamp)]
        for field in plan.keyFields + plan.service.inputs {
            columns.append(Column(name: field.name, type: field.type.columnType))
        }
        for _ in 0..<rows {
            columns[0].append(history.randomTime())
            for (index, field) in plan.keyFields.enumerated() {
                columns[1 + index].append(history.randomKey(field).cell)
            }
            for index in plan.service.inputs.indices {
                let amount = history.generator.below(5)
                columns[1 + plan.keyFields.count + index].append(
                    amount == 0 ? .null : .float64(Double(amount) / 2))
            }
        }
        return try Spine(
            Table(columns: columns), timeColumn: "at", digest: SHA256.digest("spine"), plan: plan)
    }

    private static func expect(
        _ result: TrainingSweep.Result, _ twin: PointInTimeReplay.Stretch, _ plan: ServicePlan,
        _ context: String
    ) {
        for (index, column) in plan.columns.enumerated() {
            for (row, values) in twin.rows.enumerated() {
                let found = result.cells[index][row]
                #expect(
                    found.isIdentical(to: values[index]),
                    "\(context): \(column.name)[\(row)] is \(found), expected \(values[index])")
            }
            #expect(result.leaks[index] == twin.leaks[index], "\(context): \(column.name)")
            #expect(
                result.latestDiffers[index] == twin.latestDiffers[index],
                "\(context): \(column.name)")
        }
    }
}
