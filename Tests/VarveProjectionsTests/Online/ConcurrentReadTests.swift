import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

/// Reads taken while records arrive out of order, against a replay of the log to each read's
/// position.
@Suite struct ConcurrentReadTests {
    private struct Read: Sendable {
        let view: Int
        let key: EntityKey
        let time: Timestamp
        let position: Position
        let values: [FeatureValue]
    }

    /// What each reading thread has seen, and whether there is more to come.
    private struct Progress {
        var reads: [Read] = []
        var isWriting = true
    }

    private static func read(
        _ online: OnlineStore, _ projector: Projector, keys: [[EntityKey]], seed: UInt64,
        into progress: Monitor<Progress>
    ) {
        var generator = SplitMix64(seed: seed)
        var last = Position(0)
        var readsThere = 0
        while true {
            let reader = online.reader
            readsThere = reader.position == last ? readsThere + 1 : 0
            last = reader.position
            // Some reads of each position, then on to the next one.
            if readsThere >= 6 {
                if !progress.withLock({ $0.isWriting }) { return }
                _ = projector.wait(
                    for: Position(last.value + 1), timeout: .milliseconds(20))
                continue
            }
            var reads: [Read] = []
            for (view, keys) in keys.enumerated() {
                let key = generator.pick(keys)
                let time = Timestamp(
                    microseconds: RandomHistory.origin
                        + Int64(generator.below(RandomHistory.span + 20)) * RandomHistory.second)
                reads.append(
                    Read(
                        view: view, key: key, time: time, position: reader.position,
                        values: reader.read(view: view, key, at: time)))
            }
            progress.withLock { $0.reads += reads }
            progress.wakeAll()
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `reads under ingestion equal a replay, bit for bit, after projections were deleted`(
        seed: UInt64
    ) throws {
        let log = try TemporaryLog(segmentBytes: 1 << 16)
        let history = try RandomHistory(seed: seed, log)
        try log.apply(history.document.text)
        let catalog = try CatalogProjection(log.log)
        let root = "\(log.root.path)/online"
        // Few records at once, so that pieces and shards are many.
        var options = FoldOptions(threads: 3)
        (options.pieceRecords, options.heldRecords) = (3, 9)
        // Facts come and go meanwhile.
        options.memory = FactMemory(
            limit: seed == 0 ? nil : 50_000, directory: "\(log.root.path)/spill",
            PosixFileSystem())
        let online = try OnlineStore(
            log.log, catalog, root: root, files: PosixFileSystem(), options: options)
        let projector = Projector(log.log, schedule: SnapshotSchedule(records: 100, restFactor: 0))
        projector.start([catalog, online])
        #expect(projector.wait(for: log.log.commitPosition))
        let keys = history.definitions.views.map { view in
            (0..<40).compactMap { _ in EntityKey(view.entity.map { history.randomKey($0) }) }
        }
        let progress = Monitor(Progress())
        let threads = (0..<2 as Range<UInt64>).map { number in
            WorkerThread(name: "reader \(number)") {
                Self.read(
                    online, projector, keys: keys, seed: seed * 10 + number, into: progress)
            }
        }
        for _ in 0..<15 {
            try history.append(batches: 10)
            // Somebody reads at the end of each burst, others in its midst.
            let end = log.log.commitPosition
            progress.wait(until: { $0.reads.last.map { $0.position >= end } ?? false }) { _ in }
        }
        progress.withLock { $0.isWriting = false }
        for thread in threads { thread.join() }
        try projector.stop()
        try log.root.remove("online")
        let reads = progress.withLock { $0.reads }
        #expect(Set(reads.map(\.position)).count >= 15, "seed \(seed): reads at too few positions")
        var fold = FeatureFold(history.definitions)
        var folded = Position(0)
        for read in reads.sorted(by: { $0.position < $1.position }) {
            // To the very position: nothing of a later record can help.
            try fold.fold(log.log, from: folded, upTo: read.position)
            folded = max(folded, read.position)
            let name = history.definitions.views[read.view].name
            let view = try #require(fold.index(ofView: name))
            let again = fold.views[view].read(
                read.key, Visibility(cutoff: read.time, position: read.position.value))
            #expect(
                zip(read.values, again).allSatisfy { $0.isIdentical(to: $1) },
                """
                seed \(seed): \(name) at \(read.time), position \(read.position.value): \
                \(read.values), replay \(again)
                """)
        }
    }
}
