/// Why bytes are not an Arrow file or stream that Varve reads.
public enum ArrowError: Error, Sendable, Equatable {
    /// The bytes break the format. Offsets count from the start of the file or stream.
    case malformed(at: Int, reason: String)
    /// The bytes are Arrow, but hold what Varve does not read; the text says what to do instead.
    case unsupported(String)
}

extension ArrowError: CustomStringConvertible {
    /// The reason and the place, in one line.
    public var description: String {
        switch self {
        case .malformed(let at, let reason): "malformed Arrow data at byte \(at): \(reason)"
        case .unsupported(let reason): reason
        }
    }
}
