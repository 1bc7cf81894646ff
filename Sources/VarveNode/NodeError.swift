/// Why the node cannot do what it was asked to.
public enum NodeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Projections have not reached a position in time.
    case behind(wanted: Int64, reached: Int64, blocked: [String])
    /// A request lacks something, or has it wrong: what, found, expected.
    case badRequest(String)
    case notFound(String)
    /// It would contradict what is there already.
    case conflict(String)
    /// A record does not fit its stream.
    case refused(String)

    public var description: String {
        switch self {
        case .behind(let wanted, let reached, let blocked):
            "projections stand at position \(reached), \(wanted) is needed"
                + (blocked.isEmpty ? "" : "; blocked: \(blocked.joined(separator: "; "))")
        case .badRequest(let reason), .notFound(let reason), .conflict(let reason),
            .refused(let reason):
            reason
        }
    }
}
