import VarveBytes

/// A response of HTTP/1.1.
public struct HTTPResponse: Sendable, Equatable {
    public var status: HTTPStatus
    /// Without `Content-Length` and `Connection`: those are written as they are true.
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// The body, if it comes in pieces; `body` is empty then.
    public var stream: (any HTTPBodyStream)?

    /// A response whose body comes in pieces.
    public init(status: HTTPStatus, headers: HTTPHeaders, stream: any HTTPBodyStream) {
        self.init(status: status, headers: headers, body: [])
        self.stream = stream
    }

    /// A response with every part.
    public init(status: HTTPStatus, headers: HTTPHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A response with a text.
    public init(
        status: HTTPStatus, text: String, contentType: String = "text/plain; charset=utf-8"
    ) {
        self.init(status: status, headers: ["Content-Type": contentType], body: Array(text.utf8))
    }

    /// Sent before the body is read when the client waits for it (`Expect: 100-continue`).
    public static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The bytes that go to the client.
    /// - Parameters:
    ///   - isHead: whether HEAD was asked: the length is told, the body left out.
    ///   - keepsAlive: whether the connection stays open.
    public func encoded(isHead: Bool, keepsAlive: Bool) -> [UInt8] {
        precondition(stream == nil, "a body in pieces is encoded piece by piece")
        var writer = ByteWriter(capacity: 256 + (isHead ? 0 : body.count))
        writer.head(self, status.hasNoBody ? nil : .length(body.count), keepsAlive: keepsAlive)
        if !isHead, !status.hasNoBody { writer.raw(body) }
        return writer.bytes
    }

    /// The bytes before a body in pieces.
    public func encodedHead(_ framing: HTTPFraming, keepsAlive: Bool) -> [UInt8] {
        precondition(!keepsAlive || framing != .connection, "the body would not end")
        var writer = ByteWriter(capacity: 256)
        writer.head(self, framing, keepsAlive: keepsAlive)
        return writer.bytes
    }

    /// Whether all parts are equal, a body in pieces being itself only.
    public static func == (one: HTTPResponse, other: HTTPResponse) -> Bool {
        one.status == other.status && one.headers == other.headers && one.body == other.body
            && one.stream === other.stream
    }
}

extension ByteWriter {
    /// Status line and headers, with those that say where the body ends.
    fileprivate mutating func head(
        _ response: HTTPResponse, _ framing: HTTPFraming?, keepsAlive: Bool
    ) {
        text("HTTP/1.1 \(response.status.rawValue) \(response.status.phrase)\r\n")
        for field in response.headers.fields { header(field.name, field.value) }
        switch framing {
        case .length(let count): header("Content-Length", "\(count)")
        case .chunked: header("Transfer-Encoding", "chunked")
        case .connection, nil: break
        }
        if !keepsAlive { header("Connection", "close") }
        text("\r\n")
    }

    /// A header line. Control characters in the value become spaces: a line end would begin a
    /// header of its own.
    mutating func header(_ name: String, _ value: String) {
        text(name)
        text(": ")
        for byte in value.utf8 { integer(byte < 0x20 || byte == 0x7f ? UInt8(ascii: " ") : byte) }
        text("\r\n")
    }
}

extension HTTPRequest {
    /// The bytes that go to a server at `host`.
    public static func encoded(
        method: String, target: String, host: String, headers: HTTPHeaders, body: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: 256 + body.count)
        writer.text("\(method) \(target) HTTP/1.1\r\n")
        writer.header("Host", host)
        for field in headers.fields { writer.header(field.name, field.value) }
        if !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH" {
            writer.header("Content-Length", "\(body.count)")
        }
        writer.text("\r\n")
        writer.raw(body)
        return writer.bytes
    }
}
