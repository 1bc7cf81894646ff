import VarveBytes

/// A response of HTTP/1.1.
public struct HTTPResponse: Sendable, Equatable {
    public var status: HTTPStatus
    /// Without `Content-Length` and `Connection`: those are written as they are true.
    public var headers: HTTPHeaders
    public var body: [UInt8]

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
        var writer = ByteWriter(capacity: 256 + (isHead ? 0 : body.count))
        writer.text("HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n")
        for field in headers.fields { writer.header(field.name, field.value) }
        if !status.hasNoBody { writer.header("Content-Length", "\(body.count)") }
        if !keepsAlive { writer.header("Connection", "close") }
        writer.text("\r\n")
        if !isHead, !status.hasNoBody { writer.raw(body) }
        return writer.bytes
    }
}

extension ByteWriter {
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
