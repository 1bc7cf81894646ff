/// A mistake in a definition document: where, what stands there, what was expected.
public struct DefinitionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Such as `views[2].features[0].window`; `the document` for the whole.
    public let path: String
    /// What stands there as JSON, shortened; `missing` when nothing does.
    public let value: String
    /// What could have stood there, such as `a duration such as "6h"`.
    public let expectation: String
    /// What was probably meant.
    public let suggestion: String?

    /// A mistake at a path of the document.
    public init(path: String, value: String, expectation: String, suggestion: String? = nil) {
        self.path = path
        self.value = value
        self.expectation = expectation
        self.suggestion = suggestion
    }

    /// The mistake on one line.
    public var description: String {
        "\(path): \(value): expected \(expectation)"
            + (suggestion.map { "; did you mean \($0)?" } ?? "")
    }
}

/// Every mistake in a definition document, in its order.
public struct DefinitionErrors: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one.
    public let errors: [DefinitionError]

    /// The mistakes of one document.
    public init(_ errors: [DefinitionError]) { self.errors = errors }

    /// A mistake on each line.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
