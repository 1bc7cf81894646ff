public import VarveBytes
public import VarveFormats
public import VarveLog

/// Models, versions, aliases and training sets as the log tells them: a fold of `varve.registry`,
/// `varve.artifacts` and `varve.trainingsets`.
public struct Registry: Sendable {
    /// The streams it folds.
    public static let stream = StreamName(name: "varve.registry", partition: 0)
    public static let artifactStream = StreamName(name: "varve.artifacts", partition: 0)
    public static let trainingSetStream = StreamName(name: "varve.trainingsets", partition: 0)

    /// By model name, oldest version first.
    private var versions: [String: [ModelVersion]] = [:]
    private var aliases: [String: [String: Int]] = [:]
    /// Where the chunks of artifacts are.
    private var chunks: [Digest: ArtifactChunks] = [:]
    /// Their JSON, which is read when somebody asks: nodes start sooner.
    private var manifests: [String: (position: Position, text: [UInt8])] = [:]
    private var manifestOrder: [String] = []
    private var scratch: [UInt8] = []

    public init() {}

    /// Takes in a frame; those of other streams do nothing.
    public mutating func apply(_ frame: borrowing FrameView, stream: String) throws {
        guard Self.reads(stream) else { return }
        var scratch = self.scratch
        defer { self.scratch = scratch }
        try frame.forEachRecord(scratch: &scratch) { record in
            guard let value = record.view.value else { return }
            switch stream {
            case Self.artifactStream.name:
                if let key = record.view.key?.text().flatMap(ArtifactChunks.Key.init) {
                    chunks[key.digest, default: ArtifactChunks(count: key.count)]
                        .add(key, at: record.position)
                }
            case Self.trainingSetStream.name:
                // The key is the manifest's id, if there is one.
                if let id = try record.view.key?.text()
                    ?? JSON(parsing: value)["id"]?.stringValue
                {
                    addManifest(id, value.copied(), record.position)
                }
            default: add(try JSON(parsing: value), record.position)
            }
        }
    }

    /// Whether a stream's frames matter here.
    public static func reads(_ stream: String) -> Bool {
        stream == Self.stream.name || stream == artifactStream.name
            || stream == trainingSetStream.name
    }

    private mutating func add(_ json: JSON, _ position: Position) {
        switch json["kind"]?.stringValue {
        case "model_version":
            if let version = ModelVersion(json, position: position) {
                versions[version.model, default: []].append(version)
            }
        case "alias":
            guard let model = json["model"]?.stringValue, let alias = json["alias"]?.stringValue
            else { return }
            aliases[model, default: [:]][alias] = json["version"]?.integerValue.map { Int($0) }
        default: break
        }
    }

    private mutating func addManifest(_ id: String, _ text: [UInt8], _ position: Position) {
        if manifests[id] == nil { manifestOrder.append(id) }
        manifests[id] = (position, text)
    }

    /// The models' names, sorted.
    public var models: [String] { versions.keys.sorted() }

    /// A model's versions, oldest first.
    public func versions(of model: String) -> [ModelVersion] { versions[model] ?? [] }

    /// A model's aliases, sorted by name.
    public func aliases(of model: String) -> [(alias: String, version: Int)] {
        (aliases[model] ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The version that `NAME`, `NAME@alias` or `NAME:version` means; a bare name is its newest
    /// version.
    public func resolve(_ reference: String) throws(RegistryError) -> ModelVersion {
        let atParts = reference.split(separator: "@", maxSplits: 1).map(String.init)
        let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
        let name = atParts.count == 2 ? atParts[0] : parts.first ?? reference
        guard let known = versions[name], let newest = known.last else {
            throw .unknownModel(name, known: models)
        }
        let number: Int
        if atParts.count == 2 {
            guard let version = aliases[name]?[atParts[1]] else {
                throw .unknownAlias(
                    model: name, alias: atParts[1], known: aliases(of: name).map(\.alias))
            }
            number = version
        } else if parts.count == 2 {
            guard let version = Int(parts[1]) else {
                throw .unknownVersion(model: name, version: parts[1], newest: newest.number)
            }
            number = version
        } else {
            return newest
        }
        guard let version = known.first(where: { $0.number == number }) else {
            throw .unknownVersion(model: name, version: "\(number)", newest: newest.number)
        }
        return version
    }

    /// Whether all of an artifact's chunks are in the log.
    public func hasArtifact(_ digest: Digest) -> Bool { chunks[digest]?.isComplete ?? false }

    /// Where an artifact's chunks are, in order; nil while one of them is missing.
    public func chunkPositions(of digest: Digest) -> [Position]? { chunks[digest]?.complete }

    /// A training set's manifest.
    public func manifest(_ id: String) throws(RegistryError) -> JSON {
        guard let found = manifests[id] else { throw .unknownTrainingSet(id, known: manifestOrder) }
        do {
            return try JSON(parsing: found.text.raw)
        } catch {
            throw .damagedManifest(id, found.position, reason: "\(error)")
        }
    }

    /// Every training set's manifest, oldest first.
    public func allManifests() throws(RegistryError) -> [JSON] {
        var all: [JSON] = []
        for id in manifestOrder { all.append(try manifest(id)) }
        return all
    }
}

/// Why the registry has no answer.
public enum RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownModel(String, known: [String])
    case unknownAlias(model: String, alias: String, known: [String])
    case unknownVersion(model: String, version: String, newest: Int)
    case unknownTrainingSet(String, known: [String])
    /// An artifact's chunks are missing or do not have its digest.
    case damagedArtifact(Digest, reason: String)
    /// A manifest's record holds no JSON.
    case damagedManifest(String, Position, reason: String)

    public var description: String {
        switch self {
        case .unknownModel(let name, let known):
            "there is no model \(name); \(Self.list("models", known))"
        case .unknownAlias(let model, let alias, let known):
            "model \(model) has no alias \(alias); \(Self.list("aliases", known))"
        case .unknownVersion(let model, let version, let newest):
            "model \(model) has no version \(version), expected 1 to \(newest)"
        case .unknownTrainingSet(let id, let known):
            "there is no training set \(id); \(Self.list("training sets", known))"
        case .damagedArtifact(let digest, let reason):
            "artifact \(digest) cannot be used: \(reason)"
        case .damagedManifest(let id, let position, let reason):
            "training set \(id) cannot be used: its manifest at position \(position.value) is no"
                + " JSON: \(reason)"
        }
    }

    private static func list(_ what: String, _ known: [String]) -> String {
        known.isEmpty
            ? "no \(what) exist yet" : "the \(what) are \(known.joined(separator: ", "))"
    }
}
