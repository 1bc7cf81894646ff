import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveProjections
@testable import VarveTraining

@Suite struct ViewReaderTests {
    @Test func `partitions are those of the run, if there is one`() throws {
        let log = try TemporaryLog()
        let history = try RandomHistory(seed: 3, log)
        let catalog = try CatalogPlan(history.document, CatalogProjection(log.log).catalog)
        try log.append(catalog.records(time: log.clock.now()), to: Log.catalogName.name)
        try history.append(batches: 30)
        let store = try OfflineStore(
            log.log, CatalogProjection(log.log), root: log.root.path + "/offline",
            files: PosixFileSystem())
        try log.log.read(from: Position(0)) { frame in
            let name = log.log.stream(frame.streamID)?.name.name ?? ""
            try store.apply(frame, stream: name)
            return true
        }
        for plan in try store.runPlans {
            _ = try store.sortByEntity(plan, .init(rowsPerGroup: 2, rowsPerFile: 4)) { _ in }
        }
        let view = try #require(history.definitions.view("quote"))
        let stream = history.definitions.stream(of: view)
        let spine = Table(columns: [
            Column(name: "key", type: .string, cells: RandomHistory.keys.map { .string($0) }),
            Column(
                name: "at", type: .timestamp,
                cells: RandomHistory.keys.map { _ in .timestamp(history.randomTime()) }),
        ])
        let run = try store.reading(stream.name) { files in
            try store.open(#require(files.run(for: view, stream)))
        }
        let keyed = KeyedSpine(spine, ["key"], timeColumn: "at", threads: 1)
        for hasRun in [true, false] {
            let reader = ViewReader(
                view, stream, [0], keyed, hasRun ? run : nil, keepsFacts: true, partitionsMax: 2)
            #expect(reader.start == (hasRun ? run.end : Position(0)))
            #expect(reader.partitions.value.count == (hasRun ? run.partCount : 2))
            let counts = try (0..<reader.partitions.value.count).map { partition in
                try reader.sorted(partition, basis: run.end)?.count
            }
            #expect(counts.contains { $0 ?? 0 > 0 } == hasRun)
            #expect(hasRun || counts == [nil, nil])
        }
    }
}
