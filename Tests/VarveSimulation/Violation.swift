/// An invariant that did not hold: what was seen, and what was expected.
public struct Violation: Error, CustomStringConvertible, Sendable {
    /// One sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Throws unless the condition holds.
func require(_ condition: Bool, _ description: @autoclosure () -> String) throws(Violation) {
    if !condition { throw Violation(description()) }
}
