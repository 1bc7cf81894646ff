import VarveBytes

/// Reads one response after another from the bytes of a connection, as they arrive.
public struct HTTPResponseParser: Sendable {
    private var message: HTTPMessageParser
    private let isHead: Bool

    private let bodyLimit: Int

    /// A parser for the next response.
    /// - Parameters:
    ///   - isHead: whether HEAD was asked: the response has no body.
    ///   - bodyLimit: the largest body, bytes.
    public init(isHead: Bool, bodyLimit: Int = HTTPLimits.responseBodyBytes) {
        self.isHead = isHead
        self.bodyLimit = bodyLimit
        message = HTTPMessageParser(bodyLimit: bodyLimit, isResponse: true)
        message.expectsNoBody = isHead
    }

    /// Hands over what has come of the body of a success, which the response will then lack.
    public mutating func takeBody() throws(HTTPError) -> [UInt8] {
        guard message.hasHead, try Self.statusLine(message.firstLine).status.isSuccess else {
            return []
        }
        return message.takeBody()
    }

    /// Whether nothing of a response has arrived.
    public var isFresh: Bool { message.isFresh }

    /// A response, and whether the server keeps the connection open after it.
    public typealias Outcome = (response: HTTPResponse, keepsAlive: Bool)

    /// Takes bytes up to the end of the response.
    /// - Returns: the bytes taken, which must not be handed over again, and the response once it
    ///   is whole. Interim responses (1xx) are read over.
    public mutating func consume(
        _ bytes: RawSpan
    ) throws(HTTPError) -> (consumed: Int, outcome: Outcome?) {
        var consumed = 0
        while true {
            let step = try message.consume(bytes.extracting(consumed..<bytes.byteCount))
            consumed += step.consumed
            guard step.isDone else { return (consumed, nil) }
            let outcome = try outcome()
            if outcome.response.status.rawValue >= 200 { return (consumed, outcome) }
            self = HTTPResponseParser(isHead: isHead, bodyLimit: bodyLimit)
        }
    }

    /// The connection has ended: the response, if that is how its body ends.
    public mutating func finish() throws(HTTPError) -> Outcome? {
        message.finish() ? try outcome() : nil
    }

    private func outcome() throws(HTTPError) -> Outcome {
        let (status, isOld) = try Self.statusLine(message.firstLine)
        let closes =
            isOld
            ? !message.headers.list("Connection", contains: "keep-alive")
            : message.headers.list("Connection", contains: "close")
        return (
            HTTPResponse(status: status, headers: message.headers, body: message.body),
            !closes && !message.endsWithConnection
        )
    }

    static func statusLine(
        _ line: String
    ) throws(HTTPError) -> (status: HTTPStatus, isOld: Bool) {
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0",
            parts[1].utf8.count == 3, let code = Int(parts[1]), (100..<600).contains(code)
        else {
            throw HTTPError(
                .badRequest,
                "the status line is \"\(line.prefix(80))\", expected HTTP/1.1 and a code")
        }
        return (HTTPStatus(rawValue: code), parts[0] == "HTTP/1.0")
    }
}
