public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog

/// The definitions in force, for every position of the log: a fold of `varve.catalog`.
///
///     {"kind": "definition", "type": "view", "name": "airport_traffic", "version": 2,
///      "digest": "9f2c...", "definition": { canonical form }}
///
///     {"kind": "generation", ...}      see `Generation`
///
/// Versions of one name count from 1 and never change; the last one applied is in force. The
/// catalog also holds stream registrations, which the log itself reads.
public struct Catalog: Sendable {
    /// What is defined.
    public enum Kind: String, Sendable, CaseIterable {
        case stream, view, service
    }

    /// One version of a definition.
    public struct Version: Sendable, Equatable {
        public let kind: Kind
        public let name: String
        /// From 1.
        public let number: Int
        /// Where it was applied.
        public let position: Position
        /// SHA-256 of the canonical form's text.
        public let digest: Digest
        public let canonical: JSON
    }

    /// A name and what it names.
    struct Subject: Sendable, Hashable {
        let kind: Kind
        let name: String
    }

    /// Every version of every definition, by subject, oldest first.
    private var versions: [Subject: [Version]] = [:]
    /// Subjects in order of first definition.
    private var subjects: [Subject] = []
    /// The generations that were swapped in, by projection, oldest first.
    private var generations: [String: [Generation]] = [:]
    /// The end of the records taken in.
    public private(set) var position = Position(0)
    private var scratch: [UInt8] = []

    /// Before any definition.
    public init() {}

    /// Takes in a frame of `varve.catalog`.
    public mutating func apply(_ frame: borrowing FrameView) throws {
        var scratch = self.scratch
        defer { self.scratch = scratch }
        try frame.forEachRecord(scratch: &scratch) { record in
            guard let bytes = record.view.value else { return }
            let json = try JSON(parsing: bytes)
            switch json["kind"]?.stringValue {
            case "definition": try add(json, at: record.position)
            case "generation": try addGeneration(json, at: record.position)
            default: break
            }
        }
        position = Position(frame.basePosition.value + Int64(frame.count))
    }

    private mutating func add(_ json: JSON, at position: Position) throws {
        guard let kind = json["type"]?.stringValue.flatMap(Kind.init),
            let name = json["name"]?.stringValue, let number = json["version"]?.integerValue,
            let digest = json["digest"]?.stringValue.flatMap(Digest.init(hex:)),
            let canonical = json["definition"]
        else {
            throw CatalogError.unreadable(
                position: position, reason: "a definition without type, name, version or digest")
        }
        let subject = Subject(kind: kind, name: name)
        if versions[subject] == nil { subjects.append(subject) }
        versions[subject, default: []].append(
            Version(
                kind: kind, name: name, number: Int(number), position: position, digest: digest,
                canonical: canonical))
    }

    private mutating func addGeneration(_ json: JSON, at position: Position) throws {
        guard let projection = json["projection"]?.stringValue, let generation = Generation(json)
        else {
            throw CatalogError.unreadable(
                position: position, reason: "a generation without projection, number or base")
        }
        generations[projection, default: []].append(generation)
    }

    /// The live generation of a projection.
    public func generation(of projection: String) -> Generation {
        generations[projection]?.last ?? .first
    }

    /// The generation that was live before the live one; nil when there was none.
    public func previousGeneration(of projection: String) -> Generation? {
        let all = generations[projection] ?? []
        guard let live = all.last else { return nil }
        return all.last { $0.number == live.previous } ?? .first
    }

    /// The versions of a definition, oldest first.
    public func history(_ kind: Kind, _ name: String) -> [Version] {
        versions[Subject(kind: kind, name: name)] ?? []
    }

    /// The streams that some version of a view is computed from, each with the name of such a view.
    public var viewsByStream: [String: String] {
        var views: [String: String] = [:]
        for subject in subjects.reversed() where subject.kind == .view {
            for version in versions[subject] ?? [] {
                if let stream = version.canonical["source"]?.stringValue {
                    views[stream] = subject.name
                }
            }
        }
        return views
    }

    /// The versions in force at a position, in order of first definition.
    public func inForce(at position: Position = Position(.max)) -> [Version] {
        subjects.compactMap { subject in
            versions[subject]?.last { $0.position < position }
        }
    }

    /// The checked definitions in force at a position.
    public func definitions(at position: Position = Position(.max)) throws(CatalogError)
        -> Definitions
    {
        try Self.read(inForce(at: position))
    }

    /// Versions as one checked set of definitions.
    public static func read(_ versions: [Version]) throws(CatalogError) -> Definitions {
        do {
            return try Definitions(reading: document(versions.map { ($0.kind, $0.canonical) }))
        } catch {
            throw .unreadable(
                position: versions.map(\.position).max() ?? Position(0), reason: "\(error)")
        }
    }

    /// A document of canonical forms.
    static func document(_ parts: [(kind: Kind, canonical: JSON)]) -> JSON {
        .object(
            Kind.allCases.map { kind in
                .init(
                    "\(kind.rawValue)s",
                    .array(parts.filter { $0.kind == kind }.map(\.canonical)))
            })
    }
}

/// Why the catalog cannot answer.
public enum CatalogError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A record of `varve.catalog` is not what this version of Varve understands.
    case unreadable(position: Position, reason: String)

    public var description: String {
        switch self {
        case .unreadable(let position, let reason):
            "the catalog's record at position \(position.value) cannot be read: \(reason)"
        }
    }
}
