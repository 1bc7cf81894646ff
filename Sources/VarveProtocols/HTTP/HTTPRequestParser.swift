import VarveBytes

/// Reads requests from the bytes of a connection, as they arrive.
public struct HTTPRequestParser: Sendable {
    private var message: HTTPMessageParser
    private let bodyLimit: Int
    private var hasAskedToContinue = false

    /// A parser at the start of a connection.
    /// - Parameter bodyLimit: the largest body, bytes.
    public init(bodyLimit: Int = HTTPLimits.requestBodyBytes) {
        self.bodyLimit = bodyLimit
        message = HTTPMessageParser(bodyLimit: bodyLimit, isResponse: false)
    }

    /// Whether the connection is between requests.
    public var isIdle: Bool { message.isFresh }

    /// Takes bytes up to the end of the next request.
    /// - Returns: the bytes taken, which must not be handed over again, and the request once it is
    ///   whole; then bytes of the next one may remain.
    /// - Throws: what to answer before closing the connection.
    public mutating func consume(
        _ bytes: RawSpan
    ) throws(HTTPError) -> (consumed: Int, request: HTTPRequest?) {
        let (consumed, isDone) = try message.consume(bytes)
        guard isDone else { return (consumed, nil) }
        let request = try Self.request(message)
        message = HTTPMessageParser(bodyLimit: bodyLimit, isResponse: false)
        hasAskedToContinue = false
        return (consumed, request)
    }

    /// Whether the client waits for `100 Continue` before it sends the body; true once for each
    /// request.
    public mutating func takeContinue() -> Bool {
        guard message.isAtBodyStart, !hasAskedToContinue,
            message.headers.list("Expect", contains: "100-continue")
        else { return false }
        hasAskedToContinue = true
        return true
    }

    private static func request(_ message: HTTPMessageParser) throws(HTTPError) -> HTTPRequest {
        let (method, target, isOld) = try requestLine(message.firstLine)
        guard isOld || message.headers.all("Host").count == 1 else {
            throw HTTPError(.badRequest, "a request of HTTP/1.1 has exactly one Host")
        }
        let expectation = message.headers["Expect"]
        guard expectation == nil || message.headers.list("Expect", contains: "100-continue") else {
            throw HTTPError(
                .expectationFailed, "Expect is \(expectation ?? ""), expected 100-continue")
        }
        guard
            var request = HTTPRequest(
                method: String(method), target: originForm(target), headers: message.headers,
                body: message.body)
        else {
            throw HTTPError(.badRequest, "the target \"\(target.prefix(80))\" is not a path")
        }
        request.keepsAlive =
            isOld
            ? message.headers.list("Connection", contains: "keep-alive")
            : !message.headers.list("Connection", contains: "close")
        request.takesChunks = !isOld
        return request
    }

    static func requestLine(
        _ line: String
    ) throws(HTTPError) -> (method: Substring, target: Substring, isOld: Bool) {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty,
            parts[0].utf8.allSatisfy(HTTPMessageParser.isToken)
        else {
            throw HTTPError(
                .badRequest,
                "the request line is \"\(line.prefix(80))\", expected method, target and version")
        }
        guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
            throw HTTPError(
                .versionNotSupported, "the version is \(parts[2].prefix(20)), expected HTTP/1.1")
        }
        return (parts[0], parts[1], parts[2] == "HTTP/1.0")
    }

    /// The path of a target in absolute form, which proxies send.
    private static func originForm(_ target: Substring) -> String {
        guard target.hasPrefix("http://") || target.hasPrefix("https://"),
            let start = target.firstIndex(of: ":")
        else { return String(target) }
        let host = target[start...].dropFirst(3)
        guard let slash = host.firstIndex(of: "/") else { return "/" }
        return String(host[slash...])
    }
}
