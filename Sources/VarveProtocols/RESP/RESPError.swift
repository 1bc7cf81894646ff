/// Why bytes are not a request of the Redis protocol. Nothing after them on the connection can be
/// made sense of.
public struct RESPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was found and what was expected, on one line.
    public let reason: String

    init(_ reason: String) { self.reason = reason }

    public var description: String { "Protocol error: \(reason)" }
}

/// The limits of what is taken in.
public enum RESPLimits {
    /// An inline command, bytes.
    public static let inlineBytes = 64 << 10
    /// One argument, bytes.
    public static let argumentBytes = 1 << 20
    /// Arguments of one request.
    public static let arguments = 64 << 10
    /// One request, bytes.
    public static let requestBytes = 16 << 20
}
