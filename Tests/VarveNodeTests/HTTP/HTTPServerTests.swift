import Foundation
import Testing
import VarveBytes
import VarveFormats
import VarveNode
import VarveProtocols
import VarveSystem
import VarveTestSupport

@Suite struct HTTPServerTests {
    private func server(
        _ options: HTTPServer.Options = HTTPServer.Options(),
        _ handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws -> HTTPServer {
        try HTTPServer(options: options, report: { _ in }) { request, _ in handler(request) }
    }

    private func echo() throws -> HTTPServer {
        try server { request in
            HTTPResponse(
                status: .ok, headers: ["X-Path": request.path],
                body: Array(request.method.utf8) + request.body)
        }
    }

    /// All that the server writes until it closes.
    private func exchange(_ port: UInt16, _ bytes: [UInt8]) throws -> String {
        let socket = try Socket.connect(host: "127.0.0.1", port: port, timeout: .seconds(20))
        _ = try socket.write(bytes.raw)
        return try socket.restAsText()
    }

    @Test func `a request is answered by the handler`() throws {
        let server = try echo()
        defer { server.stop() }
        let client = HTTPClient(host: "127.0.0.1", port: server.port)
        for number in 0..<3 {
            let response = try client.send("POST", "/a/\(number)", body: [65, 66])
            #expect(response.status == .ok)
            #expect(response.body == Array("POSTAB".utf8))
            #expect(response.headers["x-path"] == "/a/\(number)")
        }
        let head = try client.send("HEAD", "/")
        #expect(head.body.isEmpty)
        #expect(head.headers["Content-Length"] == "4")
    }

    @Test func `a body of many megabytes comes and goes whole`() throws {
        let server = try echo()
        defer { server.stop() }
        let client = HTTPClient(host: "127.0.0.1", port: server.port)
        var random = SplitMix64(seed: 3)
        let body = (0..<(3 << 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let response = try client.send("PUT", "/", body: body)
        #expect(response.body.dropFirst(3).elementsEqual(body))
    }

    @Test func `JSON goes there and back`() throws {
        let server = try server { request in
            HTTPResponse(
                status: .created, headers: ["Content-Type": "application/json"],
                body: request.body)
        }
        defer { server.stop() }
        let client = try HTTPClient(address: "http://127.0.0.1:\(server.port)/")
        let document: JSON = ["a": [1, 2.5, nil, "text"]]
        let (status, body) = try client.json("POST", "/", document)
        #expect(status == .created)
        #expect(body == document)
    }

    @Test func `answers leave in the order of the requests`() throws {
        // The first request is answered only after the second was.
        let second = Monitor(false)
        let server = try server { request in
            if request.path == "/first" {
                _ = second.wait(until: { $0 }, timeout: .seconds(20)) { $0 }
            } else {
                second.withLock { $0 = true }
                second.wakeAll()
            }
            return HTTPResponse(status: .ok, text: request.path)
        }
        defer { server.stop() }
        let text = """
            GET /first HTTP/1.1\r\nHost: a\r\n\r
            GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n
            """
        let found = try exchange(server.port, Array(text.utf8))
        let first = try #require(found.range(of: "/first"))
        let last = try #require(found.range(of: "/second"))
        #expect(first.lowerBound < last.lowerBound)
    }

    @Test func `more requests than may wait are answered with 503`() throws {
        var options = HTTPServer.Options()
        options.workers = 1
        options.waitingRequests = 1
        let gate = Monitor(false)
        let entered = Monitor(false)
        let server = try server(options) { _ in
            entered.withLock { $0 = true }
            entered.wakeAll()
            _ = gate.wait(until: { $0 }, timeout: .seconds(20)) { $0 }
            return HTTPResponse(status: .ok, text: "done")
        }
        defer { server.stop() }
        let socket = try Socket.connect(
            host: "127.0.0.1", port: server.port, timeout: .seconds(20))
        let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let last = Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8)
        _ = try socket.write(request.raw)
        _ = entered.wait(until: { $0 }, timeout: .seconds(20)) { $0 }
        // One is being answered, one may wait; the third is one too many.
        _ = try socket.write((request + last).raw)
        // So is another connection's, which is taken after them and refused at once.
        #expect(try exchange(server.port, last).hasPrefix("HTTP/1.1 503 "))
        gate.withLock { $0 = true }
        gate.wakeAll()
        let found = try socket.restAsText()
        #expect(
            found.components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) } == [
                "", "200", "200", "503",
            ])
    }

    @Test func `what is not HTTP is answered with 400 and closed`() throws {
        let server = try echo()
        defer { server.stop() }
        for text in [
            "nonsense\r\n\r\n", "\u{0}\u{0}\u{0}\u{1a}\n", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let found = try exchange(server.port, Array(text.utf8))
            #expect(found.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(found.contains("Connection: close\r\n"))
        }
    }

    @Test func `a body above the limit is refused before it is read`() throws {
        var options = HTTPServer.Options()
        options.bodyBytes = 100
        let server = try server(options) { _ in HTTPResponse(status: .ok, text: "") }
        defer { server.stop() }
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"
        #expect(try exchange(server.port, Array(text.utf8)).hasPrefix("HTTP/1.1 413 "))
    }

    @Test func `a client that waits to be asked for its body is asked`() throws {
        let server = try echo()
        defer { server.stop() }
        let socket = try Socket.connect(
            host: "127.0.0.1", port: server.port, timeout: .seconds(20))
        let head =
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        _ = try socket.write(Array(head.utf8).raw)
        var buffer = [UInt8](repeating: 0, count: HTTPResponse.continueBytes.count)
        var filled = 0
        while filled < buffer.count,
            case .bytes(let count) = try socket.read(into: &buffer, from: filled)
        {
            filled += count
        }
        #expect(buffer == HTTPResponse.continueBytes)
        _ = try socket.write(Array("ok".utf8).raw)
        var answer = [UInt8](repeating: 0, count: 4096)
        guard case .bytes(let count) = try socket.read(into: &answer, from: 0) else {
            Issue.record("no answer")
            return
        }
        #expect(String(decoding: answer.prefix(count), as: UTF8.self).hasSuffix("POSTok"))
    }

    @Test func `stopping answers the request that is being handled`() throws {
        let entered = Monitor(false)
        let released = Monitor(false)
        let server = try server { _ in
            entered.withLock { $0 = true }
            entered.wakeAll()
            _ = released.wait(until: { $0 }, timeout: .seconds(20)) { $0 }
            return HTTPResponse(status: .ok, text: "answered")
        }
        let port = server.port
        let found = Monitor<String?>(nil)
        let client = WorkerThread(name: "client") {
            let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            let answer = (try? exchange(port, Array(text.utf8))) ?? "nothing"
            found.withLock { $0 = answer }
        }
        _ = entered.wait(until: { $0 }, timeout: .seconds(20)) { $0 }
        let stopper = WorkerThread(name: "stopper") { server.stop() }
        released.withLock { $0 = true }
        released.wakeAll()
        stopper.join()
        client.join()
        #expect(found.withLock { $0 }?.hasSuffix("answered") == true)
        #expect(throws: SystemError.self) { try exchange(port, []) }
    }

    @Test func `a port in use is an error that says so`() throws {
        let server = try echo()
        defer { server.stop() }
        var options = HTTPServer.Options()
        options.port = server.port
        let error = #expect(throws: SystemError.self) {
            try HTTPServer(options: options, report: { _ in }) { _, _ in
                HTTPResponse(status: .ok, text: "")
            }
        }
        #expect(error?.isAddressInUse == true)
    }

    @Test func `an address that is none is refused`() {
        for address in ["", "localhost", "http://localhost", "http://:80", "http://a:99999"] {
            #expect(throws: HTTPClientError.invalidAddress(address)) {
                try HTTPClient(address: address)
            }
        }
    }
}
