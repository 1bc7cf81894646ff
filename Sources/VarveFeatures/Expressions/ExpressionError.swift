/// Why a text is no expression over its scope: where, what was found, what was expected.
public struct ExpressionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// Unicode scalars into the line, from 1.
    public let column: Int
    /// What stands there, such as `"dep_dely"` or `the end`.
    public let found: String
    /// What could have stood there, such as `a field, a value or a function`.
    public let expected: String
    /// What was probably meant, such as `dep_delay`.
    public let suggestion: String?

    /// The error on one line.
    public var description: String {
        "line \(line), column \(column): found \(found), expected \(expected)"
            + (suggestion.map { "; did you mean \($0)?" } ?? "")
    }

    /// An error at a byte offset; line and column are counted in `bytes`.
    init(
        _ bytes: [UInt8], at offset: Int, found: String, expected: String,
        suggestion: String? = nil
    ) {
        var (line, column) = (1, 1)
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected
        self.suggestion = suggestion
    }
}
