public import VarveBytes
public import VarveFeatures
public import VarveFormats
import VarveLog

/// What applying a document would change: the new versions, and what keeps them from being one.
public struct CatalogPlan: Sendable {
    /// What becomes of one definition.
    public enum Change: String, Sendable {
        case created, changed, unchanged
    }

    /// One definition of the document.
    public struct Step: Sendable {
        public let kind: Catalog.Kind
        public let name: String
        public let change: Change
        /// The version that is in force afterwards.
        public let version: Int
        public let digest: Digest
        public let canonical: JSON
    }

    public let steps: [Step]
    /// All definitions in force afterwards.
    public let definitions: Definitions

    /// The steps that append something.
    public var changes: [Step] { steps.filter { $0.change != .unchanged } }

    /// Holds a document against the catalog.
    /// - Throws: `DefinitionErrors` with every mistake of the document, and every definition in
    ///   force that would no longer fit.
    public init(_ document: JSON, _ catalog: Catalog) throws {
        let current = catalog.inForce()
        let inForce = try Catalog.read(current)
        let read = try Definitions(reading: document, over: inForce)
        var parts = current.map { (kind: $0.kind, name: $0.name, canonical: $0.canonical) }
        var steps: [Step] = []
        let canonicals =
            read.streams.map { (Catalog.Kind.stream, $0.name, $0.canonical) }
            + read.views.map { (Catalog.Kind.view, $0.name, $0.canonical) }
            + read.services.map { (Catalog.Kind.service, $0.name, $0.canonical) }
        for (kind, name, canonical) in canonicals {
            let digest = SHA256.digest(canonical.text)
            let last = catalog.history(kind, name).last
            let change: Change =
                last == nil ? .created : last?.digest == digest ? .unchanged : .changed
            steps.append(
                Step(
                    kind: kind, name: name, change: change,
                    version: (last?.number ?? 0) + (change == .unchanged ? 0 : 1),
                    digest: digest, canonical: canonical))
            if let index = parts.firstIndex(where: { $0.kind == kind && $0.name == name }) {
                parts[index].canonical = canonical
            } else {
                parts.append((kind, name, canonical))
            }
        }
        self.steps = steps
        definitions = try Definitions(
            reading: Catalog.document(parts.map { ($0.kind, $0.canonical) }))
    }

    /// The records that put the changes in force, for one batch of `varve.catalog`.
    public func records(time: Timestamp) -> [Record] {
        changes.map { step in
            let json = JSON.object([
                .init("kind", "definition"), .init("type", .string(step.kind.rawValue)),
                .init("name", .string(step.name)),
                .init("version", .integer(Int64(step.version))),
                .init("digest", .string(step.digest.description)),
                .init("definition", step.canonical),
            ])
            return Record(
                key: Array("\(step.kind.rawValue)/\(step.name)".utf8),
                value: Array(json.text.utf8),
                timestamp: time.microseconds.flooredDivision(by: 1000).quotient)
        }
    }
}
