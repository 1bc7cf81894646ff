import Testing
import VarveBytes
import VarveProtocols

@Suite struct HTTPRequestParserTests {
    /// The requests in a text whose bytes arrive in pieces of `step`, and what follows the last.
    private func requests(
        _ text: String, step: Int = .max
    ) throws(HTTPError) -> (found: [HTTPRequest], rest: Int) {
        try requests(Array(text.utf8), step: step)
    }

    private func requests(
        _ bytes: [UInt8], step: Int
    ) throws(HTTPError) -> (found: [HTTPRequest], rest: Int) {
        var parser = HTTPRequestParser()
        var found: [HTTPRequest] = []
        var waiting: [UInt8] = []
        var next = 0
        while next < bytes.count {
            let end = step < bytes.count - next ? next + step : bytes.count
            waiting += bytes[next..<end]
            next = end
            while true {
                let (consumed, request) = try parser.consume(waiting.raw)
                waiting.removeFirst(consumed)
                guard let request else { break }
                found.append(request)
            }
        }
        return (found, parser.isIdle ? waiting.count : -1)
    }

    private func refusal(_ text: String) -> HTTPError? {
        #expect(throws: HTTPError.self) { try requests(text) }
    }

    private let post = """
        POST /v2/models/a%20b/infer?at=5&name=x+y%2Bz&flag HTTP/1.1\r
        Host: localhost\r
        content-type:  application/json \r
        Content-Length: 7\r
        \r
        {"a":1}
        """

    @Test func `a request is read into its parts`() throws {
        let request = try #require(try requests(post).found.first)
        #expect(request.method == "POST")
        #expect(request.path == "/v2/models/a%20b/infer")
        #expect(request.segments == ["v2", "models", "a b", "infer"])
        #expect(request.query == [.init("at", "5"), .init("name", "x y+z"), .init("flag", "")])
        #expect(request.query("at") == "5")
        #expect(request.headers["Content-Type"] == "application/json")
        #expect(request.body == Array(#"{"a":1}"#.utf8))
        #expect(request.keepsAlive)
    }

    @Test func `requests are the same however their bytes arrive`() throws {
        let chunked = """
            PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r
            3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n
            """
        let text = post + chunked + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let whole = try requests(text)
        #expect(whole.found.map(\.method) == ["POST", "PUT", "GET"])
        #expect(whole.found[1].body == Array("abc0123456789".utf8))
        #expect(whole.found.map(\.keepsAlive) == [true, true, false])
        #expect(whole.rest == 0)
        for step in 1...40 {
            let pieces = try requests(text, step: step)
            #expect(pieces.found == whole.found, "in pieces of \(step)")
            #expect(pieces.rest == 0, "in pieces of \(step)")
        }
    }

    @Test func `a request cut at any byte is not there yet`() throws {
        let bytes = Array(post.utf8)
        for end in 1..<bytes.count {
            let (found, rest) = try requests(Array(bytes[..<end]), step: .max)
            #expect(found.isEmpty)
            #expect(rest != 0)
        }
    }

    @Test func `HTTP 1,0 closes unless asked to keep alive`() throws {
        let text = "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
        #expect(try requests(text).found.map(\.keepsAlive) == [false, true])
    }

    @Test func `a target in absolute form is a path`() throws {
        let text = "GET http://host:80/a/b?c=d HTTP/1.1\r\nHost: host\r\n\r\n"
        let request = try #require(try requests(text).found.first)
        #expect(request.path == "/a/b")
        #expect(request.query("c") == "d")
    }

    @Test func `a client that waits to be asked for its body is asked once`() throws {
        var parser = HTTPRequestParser()
        let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        var asked = [parser.takeContinue()]
        func feed(_ text: String) throws -> HTTPRequest? {
            let request = try parser.consume(Array(text.utf8).raw).request
            asked.append(parser.takeContinue())
            asked.append(parser.takeContinue())
            return request
        }
        #expect(try feed(head) == nil)
        #expect(asked == [false, true, false])
        #expect(try feed("ok")?.body == Array("ok".utf8))
        // Here the body has begun.
        #expect(try feed(head + "o") == nil)
        #expect(asked == [false, true, false, false, false, false, false])
    }

    @Test(arguments: [
        ("nonsense\r\n", 400),
        ("GET /\r\n", 400),
        ("GET / HTTP/2.0\r\n", 505),
        ("G@T / HTTP/1.1\r\n", 400),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%+4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5000000\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ])
    func `what is not a request is refused with a status`(_ text: String, _ status: Int) {
        #expect(refusal(text)?.status.rawValue == status)
    }

    @Test func `a head above the limit is refused, whole or not`() {
        let long = "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: HTTPLimits.headBytes)
        #expect(refusal(long)?.status == .headerFieldsTooLarge)
        let many = "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 12000)
        #expect(refusal(many)?.status == .headerFieldsTooLarge)
    }

    @Test func `damaged requests are refused or read, never trap`() {
        var random = SplitMix64(seed: 5)
        let chunked =
            "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        for _ in 0..<3000 {
            let bytes = random.mutated(Array((post + chunked).utf8))
            _ = try? requests(bytes, step: 1 + random.below(50))
        }
    }
}
