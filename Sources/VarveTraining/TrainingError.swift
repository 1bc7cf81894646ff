/// Why a training set cannot be built, found or made again.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownService(String, known: [String])
    /// The spine is not one: which column or row, and what was expected.
    case badSpine(String)
    /// The split is none: what was found, what was expected.
    case badSplit(String)
    /// The basis is not a position of this log.
    case badBasis(Int64, end: Int64)
    /// The spine and the set alone need more memory than the limit.
    case overMemory(needed: Int, limit: Int)
    /// The build was told to stop.
    case cancelled
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
        case .badSplit(let reason): "the split cannot be used: \(reason)"
        case .badBasis(let basis, let end):
            "the basis is position \(basis), expected 0 to \(end)"
        case .overMemory(let needed, let limit):
            "the spine and the set's cells take \(needed) bytes, the memory limit is \(limit): "
                + "raise it, or build the set in parts"
        case .cancelled: "the build was cancelled; nothing of it is kept"
        case .badManifest(let id, let reason):
            "the manifest of training set \(id) cannot be read: \(reason)"
        case .notReproduced(let id, let reason):
            "training set \(id) was not reproduced: \(reason)"
        }
    }
}
