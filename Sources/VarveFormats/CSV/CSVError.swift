/// Why bytes are not the CSV that was expected.
public struct CSVError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The line where the offending row or cell begins, from 1.
    public let line: Int
    /// The column's name; nil when the error is not about one column.
    public let column: String?
    /// What was found, and what was expected.
    public let reason: String

    init(line: Int, column: String? = nil, _ reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    /// The place and the reason, in one line.
    public var description: String {
        if let column {
            "line \(line), column \(column): \(reason)"
        } else {
            "line \(line): \(reason)"
        }
    }
}
