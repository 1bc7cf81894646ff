/// Why a record does not fit its stream's definition: the field, what it holds and what it should.
public struct RecordRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The offending field; nil when the record as a whole is at fault.
    public let field: String?
    /// What was found, as short as it can be said.
    public let found: String
    /// What was expected.
    public let expected: String

    public init(field: String?, found: String, expected: String) {
        self.field = field
        self.found = found
        self.expected = expected
    }

    public var description: String {
        if let field {
            "field `\(field)` is \(found), expected \(expected)"
        } else {
            "the record is \(found), expected \(expected)"
        }
    }
}
