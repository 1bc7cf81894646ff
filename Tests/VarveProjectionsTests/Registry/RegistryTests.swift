import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct RegistryTests {
    private let log: TemporaryLog
    private let digest = SHA256.digest("model")

    init() throws { log = try TemporaryLog() }

    private var cache: String { "\(log.root.path)/artifacts" }

    private func projection() throws -> RegistryProjection {
        try RegistryProjection(log.log, cache: cache, files: PosixFileSystem())
    }

    private func version(_ model: String, _ number: Int) throws -> ModelVersion {
        let versions = try #require(
            ServiceVersions(
                try JSON(parsing: #"{"digest": "\#(digest)", "stream": {"s": 1}}"#)))
        return ModelVersion(
            model: model, number: number, artifact: digest, size: 5,
            service: .init(name: "one", versions: versions), columns: ["v.n"],
            trainingSet: nil, output: "out", outputColumn: 1, numericMode: 1, origin: "here", scoreProfile: nil,
            position: Position(0))
    }

    private func register(_ model: String, _ number: Int) throws {
        try log.append([try version(model, number).json.text], to: "varve.registry")
    }

    private func alias(_ model: String, _ alias: String, _ version: String) throws {
        try log.append(
            [
                #"{"kind": "alias", "model": "\#(model)", "alias": "\#(alias)", "version": \#(version)}"#
            ], to: "varve.registry")
    }

    @Test func `a name, an alias and a number each mean a version`() throws {
        for number in 1...3 { try register("late", number) }
        try register("other", 1)
        try alias("late", "champion", "1")
        try alias("late", "champion", "2")
        try alias("late", "canary", "3")
        try alias("late", "gone", "1")
        try alias("late", "gone", "null")
        let registry = try projection().registry
        #expect(registry.models == ["late", "other"])
        #expect(try registry.resolve("late").number == 3)
        #expect(try registry.resolve("late:1").number == 1)
        #expect(try registry.resolve("late@champion").number == 2)
        #expect(
            registry.aliases(of: "late").map { "\($0.alias) \($0.version)" }
                == ["canary 3", "champion 2"])
        let found = try registry.resolve("late:2")
        #expect(found.json == (try version("late", 2)).json)
        // The registration of the stream is the log's first record.
        #expect(found.position == Position(2))
    }

    @Test(arguments: [
        ("nobody", "there is no model nobody; the models are late"),
        ("", "there is no model "),
        ("@champion", "there is no model "),
        ("late@nobody", "model late has no alias nobody; the aliases are broken, champion"),
        ("late@", "there is no model late@"),
        ("late:9", "model late has no version 9, expected 1 to 1"),
        ("late:x", "model late has no version x, expected 1 to 1"),
        ("late:0", "model late has no version 0"),
        ("late:-1", "model late has no version -1"),
        ("late@broken", "model late has no version 5"),
    ])
    func `what does not exist is named, with what does`(reference: String, message: String) throws {
        try register("late", 1)
        try alias("late", "champion", "1")
        try alias("late", "broken", "5")
        let registry = try projection().registry
        let error = #expect(throws: RegistryError.self) { try registry.resolve(reference) }
        #expect(describe(error).hasPrefix(message), "\(describe(error))")
    }

    // MARK: Artifacts

    /// Bytes of more than two chunks.
    private static let large: [UInt8] = (0..<(RegistryProjection.chunkSize * 2 + 77)).map {
        UInt8(truncatingIfNeeded: $0 &* 31 >> 3)
    }

    private func append(_ batches: [[UInt8]]) throws {
        try log.log.createStreams([Registry.artifactStream])
        let id = try #require(log.log.stream(Registry.artifactStream)?.id)
        for batch in batches { _ = try log.log.append(batch, to: id) }
    }

    @Test func `an artifact comes back from its chunks, and from the cache`() throws {
        let time = Timestamp(microseconds: 0)
        for bytes in [[], [7], Self.large] as [[UInt8]] {
            let (digest, batches) = try projection().batches(storing: bytes, time: time)
            #expect(batches.count == max(1, (bytes.count + (512 << 10) - 1) / (512 << 10)))
            #expect(!(try projection().registry.hasArtifact(digest)))
            try append(batches)
            let projection = try projection()
            #expect(projection.registry.hasArtifact(digest))
            #expect(try projection.batches(storing: bytes, time: time).batches.isEmpty)
            #expect(try projection.artifactFromLog(digest) == bytes)
            #expect(try projection.artifact(digest) == bytes)
            #expect(try PosixFileSystem().contents(of: "\(cache)/\(digest)") == bytes)
            // A cache that is deleted is made again.
            try PosixFileSystem().remove("\(cache)/\(digest)")
            #expect(try projection.artifact(digest) == bytes)
        }
    }

    @Test func `an upload that ended half way is no artifact, and the next one completes it`() throws {
        let time = Timestamp(microseconds: 0)
        let (digest, batches) = try projection().batches(storing: Self.large, time: time)
        try append([batches[0], batches[1]])
        #expect(!(try projection().registry.hasArtifact(digest)))
        #expect(throws: RegistryError.self) { try projection().artifact(digest) }
        try append(try projection().batches(storing: Self.large, time: time).batches)
        #expect(try projection().artifact(digest) == Self.large)
    }

    @Test func `two uploads of one artifact at a time are one artifact`() throws {
        let time = Timestamp(microseconds: 0)
        let (digest, batches) = try projection().batches(storing: Self.large, time: time)
        for batch in batches.reversed() { try append([batch, batch]) }
        #expect(try projection().artifactFromLog(digest) == Self.large)
    }

    @Test func `a cached artifact that was altered is refused, and what it is now is said`() throws {
        let (digest, batches) = try projection().batches(
            storing: [1, 2, 3], time: Timestamp(microseconds: 0))
        try append(batches)
        let projection = try projection()
        _ = try projection.artifact(digest)
        for altered in [[1, 2, 4], [], [1, 2, 3, 0]] as [[UInt8]] {
            try PosixFileSystem().replace(digest.description, in: cache, with: altered)
            let error = #expect(throws: RegistryError.self) { try projection.artifact(digest) }
            let message = describe(error)
            #expect(message.contains("\(cache)/\(digest)"))
            #expect(message.contains("\(SHA256.digest(altered.raw))"))
        }
        #expect(try projection.artifactFromLog(digest) == [1, 2, 3])
    }

    @Test func `the newest manifest of a training set counts, in order of the first`() throws {
        for text in [
            #"{"id": "ts-a", "rows": 1}"#, #"{"id": "ts-b", "rows": 2}"#,
            #"{"id": "ts-a", "rows": 3}"#,
        ] { try log.append([text], to: "varve.trainingsets") }
        let registry = try projection().registry
        #expect(try registry.allManifests().map { $0["rows"]?.integerValue } == [3, 2])
        let error = #expect(throws: RegistryError.self) { try registry.manifest("ts-c") }
        #expect(
            describe(error)
                == "there is no training set ts-c; the training sets are ts-a, ts-b")
    }

    @Test func `a manifest is known by its key, and read when it is asked for`() throws {
        func record(_ id: String, _ text: String) -> Record {
            Record(key: Array(id.utf8), value: Array(text.utf8), timestamp: 0)
        }
        try log.append(
            [record("ts-a", #"{"id": "ts-a", "rows": 1}"#), record("ts-b", "{rows")],
            to: "varve.trainingsets")
        let registry = try projection().registry
        #expect(try registry.manifest("ts-a")["rows"]?.integerValue == 1)
        let error = #expect(throws: RegistryError.self) { try registry.manifest("ts-b") }
        #expect(describe(error).hasPrefix("training set ts-b cannot be used: its manifest at position "))
        #expect(throws: RegistryError.self) { try registry.allManifests() }
    }
}
