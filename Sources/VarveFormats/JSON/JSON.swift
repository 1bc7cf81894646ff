import VarveBytes

/// A JSON document as a tree (RFC 8259). Members keep their order, integers that fit Int64 stay
/// exact, everything else is a finite double.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    /// A named value of an object.
    public struct Member: Sendable, Equatable {
        public var name: String
        public var value: JSON

        public init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// The deepest nesting of arrays and objects.
    public static let depthLimit = 128

    /// The member of an object; nil when it is missing or this is no object.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text of a string.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }
    /// The value of an integer.
    public var integerValue: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }
    /// The value of an integer or a number.
    public var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// The value of a boolean.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
    /// The elements of an array.
    public var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }
    /// The members of an object.
    public var objectValue: [Member]? {
        if case .object(let value) = self { value } else { nil }
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member($0, $1) })
    }
}

/// Why bytes are not a JSON document.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// Bytes into the line, from 1.
    public let column: Int
    /// Bytes into the document, from 0.
    public let offset: Int
    public let reason: String

    public var description: String { "line \(line), column \(column): \(reason)" }

    /// An error at an offset; line and column are counted in `bytes`.
    init(_ bytes: RawSpan, at offset: Int, _ reason: String) {
        var (line, start) = (1, 0)
        for index in 0..<min(offset, bytes.byteCount)
        where bytes.byte(at: index) == UInt8(ascii: "\n") {
            line += 1
            start = index + 1
        }
        self.line = line
        column = offset - start + 1
        self.offset = offset
        self.reason = reason
    }
}
