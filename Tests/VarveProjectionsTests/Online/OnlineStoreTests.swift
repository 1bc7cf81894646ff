import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct OnlineStoreTests {
    /// The bytes of a fold of the whole log with the definitions that a generation has.
    private func fresh(_ log: TemporaryLog, _ state: OnlineStore.State) throws -> [UInt8] {
        let pinned = try PinnedDefinitions(
            log.catalog(), base: state.generation.base, at: log.log.commitPosition)
        var fold = FeatureFold(pinned.definitions)
        try fold.fold(log.log, upTo: log.log.commitPosition)
        return fold.bytes
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func `however often it restarts, and whenever views are defined, it equals a fresh fold`(
        seed: UInt64
    ) throws {
        let log = try TemporaryLog(segmentBytes: 8192)
        let history = try RandomHistory(seed: seed, log)
        // The views come one after the other, between records.
        guard let views = history.document["views"]?.arrayValue else { return }
        var documents = views.map { JSON.object([.init("views", .array([$0]))]).text }
        documents[0] = JSON.object([
            .init("streams", history.document["streams"] ?? .null),
            .init("views", .array([views[0]])),
        ]).text
        if seed == 0 {
            try history.append(batches: 10)
        }
        var running = try RunningStore(log)
        var snapshots = 0
        for step in 0..<24 {
            if step % 6 == 1 { try log.apply(documents[step / 6]) }
            try history.append(batches: 3)
            if history.generator.chance(35) {
                // A crash leaves the snapshot of before; a stop saves.
                if history.generator.chance(50) { try running.projector.perform {} }
                #expect(try running.bytes() == fresh(log, running.online.current))
                try running.projector.stop()
                snapshots += 1
                running = try RunningStore(log)
                #expect(running.online.snapshotProblem == nil)
                #expect(running.online.position == log.log.commitPosition)
            }
        }
        #expect(try running.bytes() == fresh(log, running.online.current), "seed \(seed)")
        try running.projector.stop()
    }

    private static let first = Sample.document(
        streams: [Sample.stream()], views: [Sample.view(Sample.count)],
        services: [Sample.service("one", "v.n")])

    private func append(_ log: TemporaryLog, _ count: Int) throws {
        for index in 0..<count {
            try log.append([#"{"key": "\#(index % 3)", "x": \#(index).5}"#], to: "s")
        }
    }

    @Test func `a snapshot that is damaged or does not fit is reported, and the log folded`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 5)
        let path = "\(log.root.path)/online/1/state.snapshot"
        let files = PosixFileSystem()
        let first = try RunningStore(log)
        let bytes = try first.bytes()
        try first.projector.stop()
        let whole = try files.contents(of: path)
        let snapshot = try #require(try SnapshotFile.open(path, files)?.snapshot)
        func edited(_ edit: (inout SnapshotFile, inout [UInt8]) -> Void) throws -> [UInt8] {
            var (copy, state) = (snapshot, bytes)
            edit(&copy, &state)
            try copy.write("edited", in: log.root.path, files) { pieces in
                try pieces.item { $0.raw(state) }
            }
            return try files.contents(of: "\(log.root.path)/edited")
        }
        #expect(try edited { _, _ in } == whole)
        let damaged: [(bytes: [UInt8], problem: String)] = [
            (Array(whole.dropLast()), "it ends within"), ([], "no snapshot"),
            (try edited { snapshot, _ in snapshot.codeVersion += 1 }, "code version"),
            (try edited { snapshot, _ in snapshot.position = 1 << 40 }, "beyond the end"),
            (
                try edited { snapshot, _ in snapshot.definitions = SHA256.digest("x") },
                "other definitions"
            ),
            (try edited { _, state in state.removeLast() }, "holds no state"),
            (try edited { _, state in state.append(0) }, "goes on after its state"),
        ]
        for (content, problem) in damaged {
            try files.replace("state.snapshot", in: "\(log.root.path)/online/1", with: content)
            let running = try RunningStore(log)
            let found = try #require(running.online.snapshotProblem)
            #expect(found.contains(problem) && found.contains(path), "\(found)")
            #expect(try running.bytes() == bytes)
            try running.projector.stop()
        }
    }

    @Test func `a rebuild has the new definitions, and a swap makes it the live generation`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 7)
        let running = try RunningStore(log)
        try log.apply(
            Sample.document(
                streams: [Sample.stream(#", "y": "int64?""#)],
                views: [Sample.view("\(Sample.count), \(Sample.sum)")],
                services: [Sample.service("two", "v.n", "v.total")]))
        _ = try running.bytes()
        #expect(running.online.current.pinned.services.keys.sorted() == ["one"])
        let online = running.online
        let built = try online.rebuild()
        try append(log, 4)
        try running.projector.perform { [real = log.log] in
            var candidate = built
            try online.catchUp(&candidate)
            try online.swap(to: candidate) { try real.makeLive($0) }
        }
        let bytes = try running.bytes()
        #expect(try bytes == fresh(log, online.current))
        #expect(online.current.pinned.services.keys.sorted() == ["one", "two"])
        #expect(online.current.generation.number == 2)
        try running.projector.stop()
        // The swap survives a restart, with its snapshot and without.
        for removesSnapshot in [false, true] {
            if removesSnapshot { try log.root.remove("online") }
            let again = try RunningStore(log)
            #expect(again.online.snapshotProblem == nil)
            #expect(again.online.current.generation.number == 2)
            #expect(try again.bytes() == bytes)
            try again.projector.stop()
        }
    }

    @Test func `definitions applied during a rebuild are in the generation that is swapped in`()
        throws
    {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 3)
        let running = try RunningStore(log)
        _ = try running.bytes()
        let online = running.online
        let built = try online.rebuild()
        // A new view, and a new version of the old one, which has to wait for the next rebuild.
        let other = Sample.view(Sample.sum).replacing("\"v\"", with: "\"w\"")
        try log.apply(
            Sample.document(
                views: [other, Sample.view("\(Sample.count), \(Sample.sum)")],
                services: [Sample.service("two", "w.total")]))
        try append(log, 3)
        _ = try running.bytes()
        try running.projector.perform { [real = log.log] in
            var candidate = built
            try online.catchUp(&candidate)
            try online.swap(to: candidate) { try real.makeLive($0) }
        }
        let state = online.current
        #expect(state.pinned.services.keys.sorted() == ["one", "two"])
        #expect(state.fold.definitions.view("v")?.features.count == 1)
        #expect(try running.bytes() == fresh(log, state))
        try running.projector.stop()
    }

    @Test func `a rebuild begun while the live generation lags does not overtake it`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 2)
        // No projector: the store stands at 0 while the log goes on.
        let catalog = try CatalogProjection(log.log)
        let online = try OnlineStore(
            log.log, catalog, root: "\(log.root.path)/online", files: PosixFileSystem())
        var built = try online.rebuild()
        #expect(built.position == online.position)
        try online.catchUp(&built)
        try online.swap(to: built) { try log.log.makeLive($0) }
        #expect(online.current.generation.number == 2)
    }

    @Test(arguments: [false, true])
    func `views folded ahead have the state of those folded when they are applied`(
        otherThanPrepared: Bool
    ) throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 3)
        let running = try RunningStore(log)
        _ = try running.bytes()
        func document(_ features: String) -> String {
            Sample.document(
                views: [Sample.view(features).replacing("\"v\"", with: "\"w\"")],
                services: [Sample.service("two", "w.total")])
        }
        let wanted = document(Sample.sum)
        let ahead = otherThanPrepared ? document("\(Sample.sum), \(Sample.count)") : wanted
        try running.online.prepare(
            try CatalogPlan(try JSON(parsing: ahead), try log.catalog()).definitions)
        try append(log, 2)
        try log.apply(wanted)
        try append(log, 1)
        let bytes = try running.bytes()
        #expect(try bytes == fresh(log, running.online.current))
        #expect(running.online.current.fold.definitions.view("w")?.features.count == 1)
        try running.projector.stop()
    }

    @Test func `a swap that cannot be put on record leaves the old generation live`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        try append(log, 2)
        let running = try RunningStore(log)
        let before = try running.bytes()
        let online = running.online
        let built = try online.rebuild()
        #expect(throws: AppendError.self) {
            try running.projector.perform {
                try online.swap(to: built) { _ in throw AppendError.stopped("the disk is full") }
            }
        }
        #expect(online.current.generation == .first)
        #expect(try running.bytes() == before)
        try running.projector.stop()
        let again = try RunningStore(log)
        #expect(again.online.current.generation == .first)
        #expect(try again.bytes() == before)
        try again.projector.stop()
    }
}
