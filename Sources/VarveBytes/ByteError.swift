/// Why bytes could not be read as what they should be. Offsets count from the start of the bytes
/// that the failing reader was given.
public enum ByteError: Error, Sendable, Equatable {
    /// Fewer bytes remain than the next value needs.
    case truncated(at: Int, needed: Int, available: Int)
    /// A variable-length integer does not end within its type's width.
    case varintTooLong(at: Int)
    /// A length or count is negative or larger than its limit.
    case lengthOutOfRange(at: Int, value: Int64, limit: Int)
    /// A text field is not UTF-8.
    case invalidUTF8(at: Int)
    /// Compressed bytes do not decode, or decode to more than `limit` bytes.
    case decompression(reason: String)
}

extension ByteError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let at, let needed, let available):
            "the bytes end too early: \(needed) needed at byte \(at), \(available) available"
        case .varintTooLong(let at):
            "the variable-length integer at byte \(at) does not end"
        case .lengthOutOfRange(let at, let value, let limit):
            "the length at byte \(at) is \(value), expected 0 to \(limit)"
        case .invalidUTF8(let at):
            "the text at byte \(at) is not UTF-8"
        case .decompression(let reason):
            "the bytes do not decompress: \(reason)"
        }
    }
}
