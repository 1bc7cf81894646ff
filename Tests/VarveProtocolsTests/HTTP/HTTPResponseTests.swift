import Testing
import VarveBytes
import VarveProtocols

@Suite struct HTTPResponseTests {
    private func response(
        _ bytes: [UInt8], isHead: Bool = false, step: Int = .max
    ) throws -> HTTPResponseParser.Outcome? {
        var parser = HTTPResponseParser(isHead: isHead)
        var waiting: [UInt8] = []
        var next = 0
        while next < bytes.count {
            let end = step < bytes.count - next ? next + step : bytes.count
            waiting += bytes[next..<end]
            next = end
            let (consumed, outcome) = try parser.consume(waiting.raw)
            waiting.removeFirst(consumed)
            if let outcome { return outcome }
        }
        return try parser.finish()
    }

    @Test func `a response comes back as it was sent`() throws {
        let sent = HTTPResponse(
            status: .conflict, headers: ["Content-Type": "text/plain"], body: Array("no".utf8))
        for keepsAlive in [true, false] {
            let bytes = sent.encoded(isHead: false, keepsAlive: keepsAlive)
            for step in [1, 3, .max] {
                let found = try #require(try response(bytes, step: step))
                #expect(found.response.status == .conflict)
                #expect(found.response.body == sent.body)
                #expect(found.response.headers["content-type"] == "text/plain")
                #expect(found.keepsAlive == keepsAlive)
            }
        }
    }

    @Test func `the answer to HEAD tells a length and has no body`() throws {
        let sent = HTTPResponse(status: .ok, text: "hello")
        let bytes = sent.encoded(isHead: true, keepsAlive: true)
        #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("Content-Length: 5\r\n\r\n"))
        let found = try #require(try response(bytes, isHead: true))
        #expect(found.response.body.isEmpty)
        #expect(found.response.headers["Content-Length"] == "5")
    }

    @Test func `a body without a length ends with the connection`() throws {
        let found = try #require(try response(Array("HTTP/1.1 200 OK\r\n\r\nall of it".utf8)))
        #expect(found.response.body == Array("all of it".utf8))
        #expect(!found.keepsAlive)
    }

    @Test func `a body in chunks comes back whole, and not at all when it is cut`() throws {
        let pieces: [[UInt8]] = [[1], Array(repeating: 7, count: 300), Array("\r\n0\r\n".utf8)]
        let head = HTTPResponse(status: .ok, headers: ["X": "y"], body: [])
        var bytes = head.encodedHead(.chunked, keepsAlive: true)
        for piece in pieces { bytes += HTTPFraming.chunked.framed(piece) }
        bytes += HTTPFraming.chunked.end
        for step in [1, 7, .max] {
            let found = try #require(try response(bytes, step: step))
            #expect(found.response.body == pieces.flatMap(\.self))
            #expect(found.response.headers["Transfer-Encoding"] == "chunked")
            #expect(found.response.headers["Content-Length"] == nil)
            #expect(found.keepsAlive)
        }
        for end in 0..<bytes.count {
            #expect(try response(Array(bytes[..<end])) == nil, "cut at \(end)")
        }
    }

    @Test func `chunks have their size in hex before them`() {
        let framed = HTTPFraming.chunked.framed(Array(repeating: UInt8(ascii: "a"), count: 26))
        #expect(
            String(decoding: framed, as: UTF8.self) == "1a\r\naaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
        #expect(String(decoding: HTTPFraming.chunked.end, as: UTF8.self) == "0\r\n\r\n")
        for framing in [HTTPFraming.length(3), .connection] {
            #expect(framing.framed([1, 2, 3]) == [1, 2, 3] && framing.end.isEmpty)
        }
    }

    @Test func `clients of HTTP 1_0 get no chunks`() throws {
        for (version, framing) in [("1.1", HTTPFraming.chunked), ("1.0", .connection)] {
            var parser = HTTPRequestParser()
            let text = "GET / HTTP/\(version)\r\nHost: a\r\n\r\n"
            let bytes = Array(text.utf8)
            let request = try #require(try parser.consume(bytes.raw).request)
            #expect(HTTPFraming(nil, for: request) == framing)
            #expect(HTTPFraming(5, for: request) == .length(5))
        }
        let head = HTTPResponse(status: .ok, headers: [:], body: [])
            .encodedHead(.connection, keepsAlive: false)
        #expect(
            String(decoding: head, as: UTF8.self) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    }

    @Test func `a body is taken as it comes, but for that of a failure`() throws {
        for (status, taken, left) in [
            (HTTPStatus.ok, Array("hello".utf8), [UInt8]()),
            (.conflict, [], Array("hello".utf8)),
        ] {
            let bytes = HTTPResponse(status: status, text: "hello").encoded(
                isHead: false, keepsAlive: true)
            // The limit is for what was not taken.
            var parser = HTTPResponseParser(isHead: false, bodyLimit: 5)
            var (waiting, found) = ([UInt8](), [UInt8]())
            for byte in bytes {
                waiting.append(byte)
                let (consumed, outcome) = try parser.consume(waiting.raw)
                waiting.removeFirst(consumed)
                found += try parser.takeBody()
                if let outcome, status == .conflict { #expect(outcome.response.body == left) }
            }
            #expect(found == taken)
        }
    }

    @Test func `interim responses are read over, and 204 has no body`() throws {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        let found = try #require(try response(Array(text.utf8)))
        #expect(found.response.status == .noContent)
        #expect(found.keepsAlive)
        let after = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
        #expect(try response(Array(after.utf8))?.response.body == Array("ab".utf8))
    }

    @Test func `a body cut short is no response`() throws {
        let bytes = HTTPResponse(status: .ok, text: "hello").encoded(
            isHead: false, keepsAlive: true)
        for end in 0..<bytes.count {
            #expect(try response(Array(bytes[..<end])) == nil)
        }
    }

    @Test func `a line end in a header value does not begin another header`() {
        let sent = HTTPResponse(status: .ok, headers: ["X": "a\r\nSet-Cookie: b"], body: [])
        let text = String(decoding: sent.encoded(isHead: false, keepsAlive: true), as: UTF8.self)
        #expect(text.contains("X: a  Set-Cookie: b\r\n"))
    }

    @Test func `any text survives as part of a target`() throws {
        let name = "a/b ü?&=+%"
        let target = "/\(name.percentEncoded)?\(name.percentEncoded)=\(name.percentEncoded)"
        let request = try #require(
            HTTPRequest(method: "GET", target: target, headers: [:], body: []))
        #expect(request.segments == [name])
        #expect(request.query == [.init(name, name)])
    }
}
