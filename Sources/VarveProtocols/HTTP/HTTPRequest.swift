import VarveBytes

/// A request of HTTP/1.1 or 1.0 (RFC 9110, RFC 9112).
public struct HTTPRequest: Sendable, Equatable {
    /// As sent: `GET`.
    public var method: String
    /// The path as sent, without the query: `/v2/models/a%20b`.
    public var path: String
    /// The path's segments, decoded: `["v2", "models", "a b"]`. Empty ones are left out.
    public var segments: [String]
    /// The query's items in order, decoded.
    public var query: [QueryItem]
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// Whether the connection stays open after the answer.
    public var keepsAlive: Bool
    /// Whether the answer may be chunked: clients of HTTP/1.0 do not know what that is.
    public var takesChunks = true

    /// A name and a value of the query; without `=`, the value is empty.
    public struct QueryItem: Sendable, Equatable {
        public var name: String
        public var value: String

        /// An item with both.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A request for a target such as `/features?at=5`; nil when the target is not one.
    public init?(method: String, target: String, headers: HTTPHeaders, body: [UInt8]) {
        guard let parts = HTTPTarget(target) else { return nil }
        self.method = method
        path = parts.path
        segments = parts.segments
        query = parts.query
        self.headers = headers
        self.body = body
        keepsAlive = true
    }

    /// The first value of a query item.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// A request's target in origin form: path and query, percent-decoded.
struct HTTPTarget {
    var path: String
    var segments: [String]
    var query: [HTTPRequest.QueryItem]

    init?(_ target: String) {
        guard target.utf8.first == UInt8(ascii: "/") else { return nil }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        segments = []
        for segment in parts[0].split(separator: "/") {
            guard let text = Self.decoded(segment, plusIsSpace: false) else { return nil }
            // Dots would climb where paths are mapped to anything.
            if text == "." || text == ".." { return nil }
            segments.append(text)
        }
        query = []
        guard parts.count == 2 else { return }
        for item in parts[1].split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0], plusIsSpace: true),
                let value = Self.decoded(pair.count == 2 ? pair[1] : "", plusIsSpace: true)
            else { return nil }
            query.append(.init(name, value))
        }
    }

    /// The text without `%41` escapes; nil when an escape is broken or the result is not UTF-8.
    private static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let pair = String(rest.prefix(2)), let decoded = [UInt8](hex: pair),
                    decoded.count == 1
                else { return nil }
                bytes += decoded
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return bytes.raw.text()
    }

    /// The text with everything escaped that is not a letter, a digit or one of `-._~`.
    static func encoded(_ text: String) -> String {
        var writer = ByteWriter(capacity: text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                writer.integer(byte)
            default:
                writer.text("%")
                writer.text([byte].hex.uppercased())
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension String {
    /// The text as a segment of a path or a part of a query: everything escaped (`%41`) that is
    /// not a letter, a digit or one of `-._~`.
    public var percentEncoded: String { HTTPTarget.encoded(self) }
}
