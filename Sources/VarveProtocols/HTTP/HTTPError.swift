/// Why bytes are not an HTTP/1.1 message that Varve takes. Nothing after them on the connection
/// can be made sense of.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The status that the answer carries.
    public let status: HTTPStatus
    public let reason: String

    init(_ status: HTTPStatus, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    public var description: String { reason }
}

/// A response's status code.
public struct HTTPStatus: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let ok = HTTPStatus(rawValue: 200)
    public static let created = HTTPStatus(rawValue: 201)
    public static let accepted = HTTPStatus(rawValue: 202)
    public static let noContent = HTTPStatus(rawValue: 204)
    public static let notModified = HTTPStatus(rawValue: 304)
    public static let badRequest = HTTPStatus(rawValue: 400)
    public static let unauthorized = HTTPStatus(rawValue: 401)
    public static let forbidden = HTTPStatus(rawValue: 403)
    public static let notFound = HTTPStatus(rawValue: 404)
    public static let methodNotAllowed = HTTPStatus(rawValue: 405)
    public static let notAcceptable = HTTPStatus(rawValue: 406)
    public static let conflict = HTTPStatus(rawValue: 409)
    public static let contentTooLarge = HTTPStatus(rawValue: 413)
    public static let unsupportedMediaType = HTTPStatus(rawValue: 415)
    public static let expectationFailed = HTTPStatus(rawValue: 417)
    public static let unprocessableContent = HTTPStatus(rawValue: 422)
    public static let headerFieldsTooLarge = HTTPStatus(rawValue: 431)
    public static let internalServerError = HTTPStatus(rawValue: 500)
    public static let notImplemented = HTTPStatus(rawValue: 501)
    public static let serviceUnavailable = HTTPStatus(rawValue: 503)
    public static let versionNotSupported = HTTPStatus(rawValue: 505)
    public static let insufficientStorage = HTTPStatus(rawValue: 507)

    private static let phrases: [Int: String] = [
        200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 304: "Not Modified",
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
        405: "Method Not Allowed", 406: "Not Acceptable", 409: "Conflict",
        413: "Content Too Large", 415: "Unsupported Media Type", 417: "Expectation Failed",
        422: "Unprocessable Content", 431: "Request Header Fields Too Large",
        500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
        505: "HTTP Version Not Supported", 507: "Insufficient Storage",
    ]

    /// The phrase of RFC 9110; empty for codes not listed here.
    public var phrase: String { Self.phrases[rawValue] ?? "" }

    /// Whether the request was understood and done.
    public var isSuccess: Bool { (200..<300).contains(rawValue) }

    /// Whether a response with this code never has a body.
    var hasNoBody: Bool { rawValue < 200 || rawValue == 204 || rawValue == 304 }

    public var description: String { phrase.isEmpty ? "\(rawValue)" : "\(rawValue) \(phrase)" }
}

/// The limits of what is taken in.
public enum HTTPLimits {
    /// Request or status line and header fields together, bytes.
    public static let headBytes = 64 << 10
    /// A request's body, bytes.
    public static let requestBodyBytes = 64 << 20
    /// A response's body, bytes, for the client.
    public static let responseBodyBytes = 1 << 30
}
