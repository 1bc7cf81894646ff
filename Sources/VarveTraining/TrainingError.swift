/// Why a training set cannot be built, found or made again.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownService(String, known: [String])
    /// The spine is not one: which column or row, and what was expected.
    case badSpine(String)
    /// The basis is not a position of this log.
    case badBasis(Int64, end: Int64)
    /// A manifest is not what this version of Varve understands.
    case badManifest(id: String, reason: String)
    /// The set was made again and differs from its manifest.
    case notReproduced(id: String, reason: String)

    public var description: String {
        switch self {
        case .unknownService(let name, let known):
            "there is no service \(name); "
                + (known.isEmpty
                    ? "none is defined yet (varve apply FILE)"
                    : "the services are \(known.joined(separator: ", "))")
        case .badSpine(let reason): "the spine cannot be used: \(reason)"
        case .badBasis(let basis, let end):
            "the basis is position \(basis), expected 0 to \(end)"
        case .badManifest(let id, let reason):
            "the manifest of training set \(id) cannot be read: \(reason)"
        case .notReproduced(let id, let reason):
            "training set \(id) was not reproduced: \(reason)"
        }
    }
}
