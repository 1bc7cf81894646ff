/// Why bytes are not a Parquet file that Varve reads.
public enum ParquetError: Error, Sendable, Equatable {
    /// The bytes break the format. Offsets count from the start of the file.
    case malformed(at: Int, reason: String)
    /// The bytes are Parquet, but hold what Varve does not read; the text says what to do instead.
    case unsupported(String)
}

extension ParquetError: CustomStringConvertible {
    /// The reason and the place, in one line.
    public var description: String {
        switch self {
        case .malformed(let at, let reason): "malformed Parquet data at byte \(at): \(reason)"
        case .unsupported(let reason): reason
        }
    }
}
