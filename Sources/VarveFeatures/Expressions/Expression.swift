/// A typed, total expression over the fields of a scope.
public struct Expression: Sendable, Hashable {
    /// The canonical text.
    public let text: String
    /// The type of its values.
    public let type: ValueType
    /// The slots of the scope that it reads, ascending, each once.
    public let reads: [Int]

    /// Parses and checks a text; the scope's order fixes the slots.
    public init(parsing text: String, scope: [Field]) throws(ExpressionError) {
        guard let slot = scope.firstIndex(where: { $0.name == text }) else {
            throw ExpressionError(
                Array(text.utf8), at: 0, found: "\"\(text)\"", expected: "a field")
        }
        self.text = text
        type = scope[slot].type
        reads = [slot]
    }

    /// The value over one row, whose element i is the value of the scope's field i: of the field's
    /// type, or null. Never fails.
    public func evaluate(_ slots: borrowing [Value]) -> Value { slots[reads[0]] }
}
