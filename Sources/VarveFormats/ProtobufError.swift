public import VarveBytes

/// Why bytes are not the protobuf message they should be. Offsets count from the start of the
/// message that the failing reader was given.
public enum ProtobufError: Error, Sendable, Equatable {
    /// A tag, a value or a length runs past the end, or a varint does not end.
    case bytes(ByteError)
    /// A field number is 0 or above 2^29 - 1.
    case fieldNumber(UInt64, at: Int)
    /// A wire type that is not 0, 1, 2 or 5. Groups (3 and 4) are refused: proto3 has none.
    case wireType(UInt8, field: Int, at: Int)
    /// A known field arrived with the wire type of another kind of value.
    case mismatch(field: Int, expected: ProtobufField.Wire, found: ProtobufField.Wire)
    /// A packed array of fixed-width values is not a whole number of them long.
    case packedLength(Int, field: Int, width: Int)
    /// A text field is not UTF-8.
    case invalidUTF8(field: Int)
}

extension ProtobufError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .bytes(let error):
            "\(error)"
        case .fieldNumber(let number, let at):
            "the field number at byte \(at) is \(number), expected 1 to \(ProtobufReader.fieldMax)"
        case .wireType(let type, let field, let at):
            "field \(field) at byte \(at) has wire type \(type), expected 0, 1, 2 or 5"
        case .mismatch(let field, let expected, let found):
            "field \(field) is \(found), expected \(expected)"
        case .packedLength(let length, let field, let width):
            "packed field \(field) is \(length) bytes long, expected a multiple of \(width)"
        case .invalidUTF8(let field):
            "field \(field) is not UTF-8 text"
        }
    }
}
