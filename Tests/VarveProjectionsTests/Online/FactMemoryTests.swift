import Synchronization
import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

/// The online store under a limit of memory that is far too small, against a fresh fold that has
/// none.
@Suite struct FactMemoryTests {
    private func start(
        _ log: TemporaryLog, limit: Int, _ files: any FileSystem = PosixFileSystem()
    ) throws -> RunningStore {
        var options = FoldOptions(threads: 2)
        (options.pieceRecords, options.heldRecords, options.shortStretch) = (16, 64, 100)
        options.memory = FactMemory(limit: limit, directory: "\(log.root.path)/spill", files)
        return try RunningStore(
            log, options: options, schedule: SnapshotSchedule(records: 150, restFactor: 0))
    }

    private func pagedBytes(_ running: RunningStore) -> Int {
        let reader = running.online.reader
        return reader.definitions.views.indices.reduce(0) {
            $0 + reader.size(ofView: $1).pagedBytes
        }
    }

    private func fresh(_ log: TemporaryLog, _ state: OnlineStore.State) throws -> FeatureFold {
        try FeatureFoldTests.fresh(state.pinned.definitions, log.log, upTo: state.position)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `a limit that is far too small changes no answer and no byte, restarts included`(
        seed: UInt64
    ) throws {
        let log = try TemporaryLog(segmentBytes: 1 << 16)
        let history = try RandomHistory(seed: seed, log)
        try log.apply(history.document.text)
        let limit = [1, 30_000][Int(seed % 2)]
        var (everPaged, rebuiltPaged) = (0, 0)
        for _ in 0..<4 {
            let running = try start(log, limit: limit)
            #expect(running.online.snapshotProblem == nil)
            try history.append(batches: 40)
            running.settle()
            everPaged += pagedBytes(running)
            let state = running.online.current
            let fold = try fresh(log, state)
            #expect(state.fold.bytes == fold.bytes, "seed \(seed)")
            let reader = running.online.reader
            for (index, view) in history.definitions.views.enumerated() {
                let position = try #require(reader.index(ofView: view.name))
                for _ in 0..<30 {
                    let key = EntityKey(view.entity.map { history.randomKey($0) })
                    let time = history.randomTime()
                    let found = reader.read(view: position, key, at: time)
                    let expected = fold.views[index].read(
                        key, Visibility(cutoff: time, position: reader.position.value))
                    #expect(
                        found.count == view.features.count && expected.count == found.count
                            && zip(found, expected).allSatisfy { $0.isIdentical(to: $1) },
                        "seed \(seed), \(view.name) at \(time)")
                }
            }
            // Reads brought some back.
            _ = running.online.keepWithinMemory()
            try reader.check()
            // A rebuild lives under the limit, too.
            let rebuilt = try running.online.rebuild()
            #expect(rebuilt.fold.bytes == fold.bytes)
            rebuiltPaged += rebuilt.fold.views.reduce(0) { $0 + $1.pagedByteCount }
            try running.projector.stop()
        }
        #expect(everPaged > 0 && rebuiltPaged > 0)
    }

    @Test func `views stay below a limit that they can keep, and say what is on disk`() throws {
        let log = try TemporaryLog()
        try log.apply(
            Sample.document(
                streams: [Sample.stream()], views: [Sample.view("\(Sample.count), \(Sample.sum)")]))
        let limit = 300_000
        let running = try start(log, limit: limit)
        for round in 0..<40 {
            let rows = (0..<200).map { #"{"key": "\#($0 % 20)", "x": \#($0 + round).5}"# }
            try log.append(rows, to: "s")
            running.settle()
            let size = running.online.reader.size(ofView: 0)
            #expect(size.bytes <= limit, "round \(round)")
            #expect(size.facts == 200 * (round + 1))
        }
        let size = running.online.reader.size(ofView: 0)
        let status = try #require(running.online.memory)
        #expect(size.pagedBytes > 100_000 && status.fileBytes >= size.pagedBytes)
        #expect(status.limit == limit && status.unmoved == nil)
        try running.projector.stop()
    }

    /// A hot key, whose facts are nearly all of a shard's and of the view's, and some others.
    @Test func `one entity's facts stay below the limit, and a restart's do`() throws {
        let log = try TemporaryLog()
        try log.apply(
            Sample.document(
                streams: [Sample.stream()], views: [Sample.view("\(Sample.count), \(Sample.sum)")]))
        let limit = 1 << 20
        let running = try start(log, limit: limit)
        for round in 0..<30 {
            let rows = (0..<1500).map {
                #"{"key": "\#($0 % 5 == 0 ? "k\($0 % 50)" : "hot")", "x": \#($0 + round).5}"#
            }
            try log.append(rows, to: "s")
            running.settle()
            #expect(running.online.reader.size(ofView: 0).bytes <= limit, "round \(round)")
        }
        #expect(running.online.reader.size(ofView: 0).pagedBytes > limit / 2)
        let state = running.online.current
        let fold = try fresh(log, state)
        #expect(state.fold.bytes == fold.bytes)
        try running.projector.stop()
        let again = try start(log, limit: limit)
        #expect(again.online.snapshotProblem == nil && again.online.position == state.position)
        let size = again.online.reader.size(ofView: 0)
        #expect(size.bytes <= limit && size.facts == 45_000)
        #expect(size.pagedBytes > limit / 2)
        #expect(again.online.current.fold.bytes == fold.bytes)
        try again.projector.stop()
    }

    @Test func `on a full disk facts stay in memory, with the reason, until there is room`() throws {
        let log = try TemporaryLog()
        try log.apply(Sample.document(streams: [Sample.stream()], views: [Sample.view(Sample.sum)]))
        let disk = FaultyDisk()
        disk.fault.withLock { $0 = .full }
        let running = try start(log, limit: 20_000, disk)
        func append() throws {
            try log.append((0..<500).map { #"{"key": "\#($0 % 9)", "x": \#($0).5}"# }, to: "s")
            running.settle()
        }
        try append()
        #expect(running.online.memory?.unmoved?.contains("No space left") == true)
        #expect(pagedBytes(running) == 0)
        disk.fault.withLock { $0 = .none }
        try append()
        #expect(running.online.memory?.unmoved == nil)
        #expect(pagedBytes(running) > 0)
        let state = running.online.current
        #expect(try state.fold.bytes == fresh(log, state).bytes)
        try running.projector.stop()
    }

    @Test func `facts that are lost stop the store, which no snapshot and no answer survives`()
        throws
    {
        let log = try TemporaryLog()
        try log.apply(Sample.document(streams: [Sample.stream()], views: [Sample.view(Sample.sum)]))
        let disk = FaultyDisk()
        let running = try start(log, limit: 1, disk)
        let rows = (0..<500).map { #"{"key": "\#($0 % 9)", "x": \#($0).5}"# }
        try log.append(rows, to: "s")
        running.settle()
        #expect(pagedBytes(running) > 0)
        let online = running.online
        try running.projector.perform { try online.save() }
        let before = try PosixFileSystem().contents(of: "\(log.root.path)/online/1/state.snapshot")
        disk.fault.withLock { $0 = .unreadable("/spill/") }
        let reader = running.online.reader
        for key in 0..<9 {
            _ = reader.read(view: 0, EntityKey([.string("\(key)")]), at: .distantFuture)
        }
        let error = #expect(throws: LostFacts.self) { try reader.check() }
        #expect("\(error as Any)".contains("restart the node"))
        try log.append(rows, to: "s")
        #expect(!running.projector.wait(for: log.log.commitPosition))
        #expect(running.projector.status().contains { $0.blocked?.contains("restart") == true })
        #expect(throws: LostFacts.self) { try running.online.save() }
        #expect(
            try PosixFileSystem().contents(of: "\(log.root.path)/online/1/state.snapshot")
                == before)
        try? running.projector.stop()
        // The log has them all.
        disk.fault.withLock { $0 = .none }
        let again = try start(log, limit: 1, disk)
        again.settle()
        let state = again.online.current
        #expect(try state.fold.bytes == fresh(log, state).bytes)
        try again.projector.stop()
    }
}
