import VarveBytes

/// What requests and responses have in common: a first line, header fields, and a body whose
/// length is told, chunked, or up to the end of the connection (RFC 9112).
///
///     firstLine --> fields --+--> fixed(n) ----------------------+--> done
///                            +--> chunkSize <--> chunk(n)        |
///                            |        +--> trailer --------------+
///                            +--> upToEnd (responses) -----------+
///
/// Bytes are handed over as they arrive; lines are looked at once they are whole, and no byte is
/// searched for a line end twice.
struct HTTPMessageParser {
    /// Where in a message the parser is.
    private enum State {
        case firstLine
        case fields
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        /// The line end after a chunk.
        case chunkEnd
        case trailer
        case upToEnd
        case done
    }

    private var state = State.firstLine
    private let bodyLimit: Int
    private let isResponse: Bool
    /// Bytes after the last consumed one that are known to hold no line end.
    private var searched = 0
    /// Bytes of the head, or of chunk sizes and trailers, so far.
    private var headBytes = 0
    private(set) var firstLine = ""
    private(set) var headers = HTTPHeaders()
    private(set) var body: [UInt8] = []
    /// Whether the head is whole and the body has not begun; for `Expect: 100-continue`.
    private(set) var isAtBodyStart = false
    /// A response to HEAD, or one whose status says so: no body, whatever the headers say.
    var expectsNoBody = false
    /// Whether the body ends where the connection does.
    private(set) var endsWithConnection = false

    init(bodyLimit: Int, isResponse: Bool) {
        self.bodyLimit = bodyLimit
        self.isResponse = isResponse
    }

    /// Whether nothing of a message has arrived.
    var isFresh: Bool {
        if case .firstLine = state { headBytes == 0 && searched == 0 } else { false }
    }

    /// Takes a message's bytes, as far as they go.
    /// - Returns: the bytes taken, which the caller must not hand over again, and whether the
    ///   message is whole.
    mutating func consume(_ bytes: RawSpan) throws(HTTPError) -> (consumed: Int, isDone: Bool) {
        var offset = 0
        while true {
            switch state {
            case .done: return (offset, true)
            case .fixed(let remaining):
                offset += take(bytes, offset, remaining) { .fixed(remaining: $0) }
                guard case .fixed(0) = state else { return (offset, false) }
                state = .done
            case .chunk(let remaining):
                offset += take(bytes, offset, remaining) { .chunk(remaining: $0) }
                guard case .chunk(0) = state else { return (offset, false) }
                state = .chunkEnd
            case .upToEnd:
                guard body.count + bytes.byteCount - offset <= bodyLimit else { throw tooLarge }
                offset += take(bytes, offset, bytes.byteCount - offset) { _ in .upToEnd }
                return (offset, false)
            case .firstLine, .fields, .chunkSize, .chunkEnd, .trailer:
                guard let line = try line(bytes, from: offset) else { return (offset, false) }
                offset = line.next
                try handle(bytes.extracting(line.content))
            }
        }
    }

    /// Whether first line and headers are whole.
    var hasHead: Bool {
        switch state {
        case .firstLine, .fields: false
        case .fixed, .chunkSize, .chunk, .chunkEnd, .trailer, .upToEnd, .done: true
        }
    }

    /// Hands over what has come of the body; it counts no longer against the limit.
    mutating func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }

    /// The connection has ended: whether that makes the message whole.
    mutating func finish() -> Bool {
        if case .upToEnd = state { state = .done }
        if case .done = state { return true }
        return false
    }

    private mutating func take(
        _ bytes: RawSpan, _ offset: Int, _ remaining: Int, _ next: (Int) -> State
    ) -> Int {
        let count = min(remaining, bytes.byteCount - offset)
        body.append(copying: bytes.extracting(offset..<offset + count))
        if count > 0 { isAtBodyStart = false }
        state = next(remaining - count)
        return count
    }

    /// The next line without its end; nil while it is not whole. A bare LF ends a line too.
    private mutating func line(
        _ bytes: RawSpan, from offset: Int
    ) throws(HTTPError) -> (content: Range<Int>, next: Int)? {
        var end = offset + searched
        while end < bytes.byteCount, bytes.byte(at: end) != UInt8(ascii: "\n") { end += 1 }
        let isWhole = end < bytes.byteCount
        let length = end - offset + (isWhole ? 1 : 0)
        guard headBytes + length <= HTTPLimits.headBytes else {
            throw HTTPError(
                .headerFieldsTooLarge, "the head is longer than \(HTTPLimits.headBytes) bytes")
        }
        searched = isWhole ? 0 : end - offset
        guard isWhole else { return nil }
        headBytes += length
        let hasReturn = end > offset && bytes.byte(at: end - 1) == UInt8(ascii: "\r")
        return (offset..<(hasReturn ? end - 1 : end), end + 1)
    }

    private mutating func handle(_ line: RawSpan) throws(HTTPError) {
        switch state {
        case .firstLine:
            // Empty lines before a message are ignored (RFC 9112, 2.2).
            if line.byteCount == 0 { return }
            firstLine = try text(line)
            // What is not HTTP is refused at once, not after 64 KiB of it.
            if isResponse {
                _ = try HTTPResponseParser.statusLine(firstLine)
            } else {
                _ = try HTTPRequestParser.requestLine(firstLine)
            }
            state = .fields
        case .fields:
            if line.byteCount > 0 { try field(line) } else { try beginBody() }
        case .chunkSize: try chunkSize(line)
        case .chunkEnd:
            guard line.byteCount == 0 else {
                throw HTTPError(.badRequest, "a chunk is longer than its size")
            }
            state = .chunkSize
        case .trailer:
            // Trailers are read over: nothing here depends on them.
            if line.byteCount == 0 { state = .done }
        case .fixed, .chunk, .upToEnd, .done: break
        }
    }

    private func text(_ line: RawSpan) throws(HTTPError) -> String {
        for index in 0..<line.byteCount {
            let byte = line.byte(at: index)
            if byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7f {
                throw HTTPError(.badRequest, "the head contains a control character")
            }
        }
        guard let text = line.text() else { throw HTTPError(.badRequest, "the head is not UTF-8") }
        return text
    }

    private mutating func field(_ line: RawSpan) throws(HTTPError) {
        let text = try text(line)
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else {
            throw HTTPError(.badRequest, "the header line \"\(text.prefix(80))\" has no name")
        }
        let name = text[..<colon]
        // White space around the name is how requests are smuggled (RFC 9112, 5.1).
        guard name.utf8.allSatisfy(Self.isToken) else {
            throw HTTPError(.badRequest, "the header name \"\(name.prefix(80))\" is not a token")
        }
        var value = text[text.index(after: colon)...]
        while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
        while let last = value.last, last == " " || last == "\t" { value.removeLast() }
        headers.append(String(name), String(value))
    }

    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private mutating func beginBody() throws(HTTPError) {
        headBytes = 0
        if isResponse, try HTTPResponseParser.statusLine(firstLine).status.hasNoBody {
            expectsNoBody = true
        }
        if expectsNoBody {
            state = .done
        } else if headers["Transfer-Encoding"] != nil {
            // Both headers at once is how requests are smuggled (RFC 9112, 6.1).
            guard headers["Content-Length"] == nil else {
                throw HTTPError(.badRequest, "both Transfer-Encoding and Content-Length are given")
            }
            let encodings = headers.all("Transfer-Encoding")
            guard encodings.count == 1, HTTPHeaders.isSame(encodings[0], "chunked") else {
                throw HTTPError(
                    .notImplemented, "Transfer-Encoding is \(encodings), expected chunked")
            }
            state = .chunkSize
        } else if let length = try contentLength() {
            guard length <= bodyLimit else { throw tooLarge }
            body.reserveCapacity(min(length, 1 << 20))
            state = length > 0 ? .fixed(remaining: length) : .done
        } else {
            state = isResponse ? .upToEnd : .done
            endsWithConnection = isResponse
        }
        if case .done = state { return }
        isAtBodyStart = true
    }

    private func contentLength() throws(HTTPError) -> Int? {
        let values = headers.all("Content-Length")
        guard let first = values.first else { return nil }
        guard values.allSatisfy({ $0 == first }), let length = Self.number(first, radix: 10) else {
            throw HTTPError(.badRequest, "Content-Length is \(values), expected one number")
        }
        return length
    }

    private mutating func chunkSize(_ line: RawSpan) throws(HTTPError) {
        let text = try text(line)
        let digits = text.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        guard let size = Self.number(String(digits), radix: 16) else {
            throw HTTPError(.badRequest, "the chunk size \"\(text.prefix(80))\" is not a number")
        }
        // A limit of its own: extensions and trailers count as head, each chunk anew.
        headBytes = 0
        guard size <= bodyLimit - body.count else { throw tooLarge }
        state = size > 0 ? .chunk(remaining: size) : .trailer
    }

    /// Digits only: `Int` itself would also take a sign.
    private static func number(_ text: String, radix: Int) -> Int? {
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-")
        else { return nil }
        return Int(text, radix: radix)
    }

    private var tooLarge: HTTPError {
        HTTPError(.contentTooLarge, "the body is longer than \(bodyLimit) bytes")
    }
}
