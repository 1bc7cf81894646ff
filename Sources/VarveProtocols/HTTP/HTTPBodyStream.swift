import VarveBytes

/// A body that is handed over piece by piece, while it is made or from where it lies.
public protocol HTTPBodyStream: AnyObject, Sendable {
    /// Its length, bytes; nil while it is not made to the end.
    var byteCount: Int? { get }
    /// Makes what is not made yet, and returns at the end or after `cancel`. Called once.
    func produce()
    /// The next piece.
    /// - Parameter isReady: called, by any thread, when there is something after `later`.
    /// - Throws: when the rest cannot be made or read.
    func next(_ isReady: @escaping @Sendable () -> Void) throws -> HTTPBodyPiece
    /// Nobody wants the rest: making it is a waste.
    func cancel()
}

/// What a body in pieces has to hand over.
public enum HTTPBodyPiece: Sendable, Equatable {
    case bytes([UInt8])
    /// Nothing yet.
    case later
    case end
}

/// How a client knows where a body ends (RFC 9112, 6.3).
public enum HTTPFraming: Sendable, Equatable {
    /// `Content-Length`.
    case length(Int)
    /// `Transfer-Encoding: chunked`: size in hex, CRLF, bytes, CRLF, ...; size 0 is the end, and a
    /// body without it was cut short.
    case chunked
    /// The connection ends with it: clients of HTTP/1.0 know no chunks.
    case connection

    /// How a body of a length that may not be known goes to whoever sent the request.
    public init(_ length: Int?, for request: HTTPRequest) {
        self = length.map { .length($0) } ?? (request.takesChunks ? .chunked : .connection)
    }

    /// A piece of the body as it is sent. It has one byte at least: an empty chunk is the end.
    public func framed(_ piece: [UInt8]) -> [UInt8] {
        precondition(!piece.isEmpty, "an empty piece of a body")
        guard case .chunked = self else { return piece }
        var writer = ByteWriter(capacity: piece.count + 16)
        writer.text(String(piece.count, radix: 16))
        writer.text("\r\n")
        writer.raw(piece)
        writer.text("\r\n")
        return writer.bytes
    }

    /// What follows the last piece.
    public var end: [UInt8] { self == .chunked ? Array("0\r\n\r\n".utf8) : [] }
}
