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
