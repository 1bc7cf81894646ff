public import VarveBytes
public import VarveFormats
public import VarveLog
public import VarveSystem

/// The registry, kept up to date, and the artifacts' bytes.
///
/// It is small: folded anew at every start. Artifacts are read from the log's chunks once and kept
/// in `DIR/projections/artifacts/<digest>`, a cache that can be deleted.
public final class RegistryProjection: Projection {
    private struct State {
        var registry = Registry()
        var position = Position(0)
    }

    /// Bytes of an artifact in one record of `varve.artifacts`.
    public static let chunkSize = 512 << 10
    /// The largest artifact, bytes.
    public static let artifactSizeMax = 256 << 20

    public let name = "registry"
    private let log: Log
    private let cache: String
    private let files: any FileSystem
    private let state: Monitor<State>

    /// Folds the registry's streams up to the commit position.
    /// - Parameter cache: the directory of cached artifacts.
    public init(_ log: Log, cache: String, files: any FileSystem) throws {
        self.log = log
        self.cache = cache
        self.files = files
        var state = State()
        let end = log.commitPosition
        let names = Dictionary(
            log.streams().map { ($0.id, $0.name.name) }.filter { Registry.reads($0.1) },
            uniquingKeysWith: { first, _ in first })
        if !names.isEmpty {
            try log.read(from: Position(0), upTo: end, streams: Set(names.keys)) { frame in
                try state.registry.apply(frame, stream: names[frame.streamID] ?? "")
                return true
            }
        }
        state.position = end
        self.state = Monitor(state)
        try files.createDirectory(cache)
    }

    public var position: Position { state.withLock { $0.position } }

    /// The registry as far as it is folded.
    public var registry: Registry { state.withLock { $0.registry } }

    public func apply(_ frame: borrowing FrameView, stream: String) throws {
        guard Registry.reads(stream) else { return }
        let end = Position(frame.basePosition.value + Int64(frame.count))
        try state.withLock { state in
            try state.registry.apply(frame, stream: stream)
            state.position = end
        }
    }

    public func advance(to position: Position) { state.withLock { $0.position = position } }

    public func save() {}

    /// An artifact's bytes, from the cache or else the log; the digest is checked either way.
    /// - Throws: `RegistryError.damagedArtifact` when they do not have the digest.
    public func artifact(_ digest: Digest) throws -> [UInt8] {
        do {
            let bytes = try files.contents(of: "\(cache)/\(digest)")
            guard SHA256.digest(bytes.raw) == digest else {
                throw RegistryError.damagedArtifact(
                    digest,
                    reason: "the bytes in \(cache)/\(digest) have digest "
                        + "\(SHA256.digest(bytes.raw)); they were altered after registration")
            }
            return bytes
        } catch let error as SystemError where error.isNotFound {
            let bytes = try artifactFromLog(digest)
            try files.replace(digest.description, in: cache, with: bytes)
            return bytes
        }
    }

    /// An artifact's bytes as the log has them.
    public func artifactFromLog(_ digest: Digest) throws -> [UInt8] {
        guard let positions = registry.chunkPositions(of: digest) else {
            throw RegistryError.damagedArtifact(digest, reason: "the log does not hold all of it")
        }
        var bytes: [UInt8] = []
        var scratch: [UInt8] = []
        for position in positions {
            try log.read(from: position, upTo: Position(position.value + 1)) { frame in
                try frame.forEachRecord(scratch: &scratch) { record in
                    guard record.position == position, let chunk = record.view.value else { return }
                    bytes.append(copying: chunk)
                }
                return true
            }
        }
        guard SHA256.digest(bytes.raw) == digest else {
            throw RegistryError.damagedArtifact(
                digest, reason: "its chunks in the log have another digest")
        }
        return bytes
    }

    /// The batches that put an artifact into `varve.artifacts`, one for each chunk; none when it is
    /// there already.
    /// - Parameter known: SHA-256 of the bytes, for a caller that has it.
    public func batches(
        storing bytes: [UInt8], known: Digest? = nil, time: Timestamp
    ) throws(RecordBatchError) -> (digest: Digest, batches: [[UInt8]]) {
        let digest = known ?? SHA256.digest(bytes.raw)
        if registry.hasArtifact(digest) { return (digest, []) }
        var batches: [[UInt8]] = []
        let milliseconds = time.microseconds.flooredDivision(by: 1000).quotient
        let starts = Array(stride(from: 0, to: max(bytes.count, 1), by: Self.chunkSize))
        for (number, start) in starts.enumerated() {
            let chunk = Array(bytes[start..<min(start + Self.chunkSize, bytes.count)])
            let key = ArtifactChunks.Key(digest: digest, number: number, count: starts.count)
            let record = Record(
                key: Array(key.text.utf8), value: chunk, timestamp: milliseconds)
            batches.append(try RecordBatch.encode([record]))
        }
        return (digest, batches)
    }
}
