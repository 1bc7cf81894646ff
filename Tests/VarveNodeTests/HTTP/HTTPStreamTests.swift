import Foundation
import Testing
import VarveBytes
import VarveProtocols
import VarveSystem
import VarveTestSupport

@testable import VarveNode

/// Answers in pieces, over sockets.
@Suite struct HTTPStreamTests {
    private let root: TemporaryDirectory
    private let space: SpoolSpace

    private static let memoryBytes = 1 << 20

    init() throws {
        root = try TemporaryDirectory()
        space = SpoolSpace(
            PosixFileSystem(), directory: "\(root.path)/spill", memoryBytes: Self.memoryBytes)
    }

    private func server(_ handler: @escaping HTTPServer.Handler) throws -> HTTPServer {
        try HTTPServer(options: HTTPServer.Options(), report: { _ in }, handler: handler)
    }

    /// A server that answers with a body in pieces.
    private func server(writing make: @escaping SpooledBody.Maker) throws -> HTTPServer {
        let space = space
        return try server { _, _ in
            HTTPResponse(status: .ok, headers: [:], stream: SpooledBody(space, make))
        }
    }

    private func connect(_ server: HTTPServer) throws -> Socket {
        try Socket.connect(host: "127.0.0.1", port: server.port, timeout: .seconds(20))
    }

    private func ask(_ socket: Socket, _ path: String = "/", version: String = "1.1") throws {
        _ = try socket.write(Array("GET \(path) HTTP/\(version)\r\nHost: a\r\n\r\n".utf8).raw)
    }

    /// Waits for something that happens by itself.
    private func eventually(_ isTrue: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while !isTrue() {
            if .now > deadline { return false }
            Thread.sleep(forTimeInterval: 0.002)
        }
        return true
    }

    private static let megabyte = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test func `a body in pieces arrives whole, one answer after the other`() throws {
        let server = try server { body in
            for _ in 0..<5 { try body.write(Self.megabyte) }
        }
        defer { server.stop() }
        let client = HTTPClient(host: "127.0.0.1", port: server.port)
        for _ in 0..<3 {
            let response = try client.send("GET", "/")
            #expect(response.headers["Transfer-Encoding"] == "chunked")
            #expect(response.body.count == 5 << 20)
            #expect(response.body.suffix(1 << 20).elementsEqual(Self.megabyte))
        }
        var count = 0
        let response = try client.download("GET", "/") { count += $0.count }
        #expect(count == 5 << 20 && response.body.isEmpty)
        #expect(eventually { space.held == (0, 0) })
    }

    @Test func `a body that was made before has a length, and HEAD tells it`() throws {
        let space = space
        let server = try server { _, _ in
            let body = SpooledBody(space) { try $0.write([1, 2, 3]) }
            body.produce()
            return HTTPResponse(status: .ok, headers: [:], stream: body)
        }
        defer { server.stop() }
        let client = HTTPClient(host: "127.0.0.1", port: server.port)
        for method in ["HEAD", "GET", "HEAD", "GET"] {
            let response = try client.send(method, "/")
            #expect(response.headers["Content-Length"] == "3")
            #expect(response.body == (method == "GET" ? [1, 2, 3] : []))
        }
    }

    @Test func `an answer behind a body in pieces waits for its end`() throws {
        let gate = Monitor(false)
        let space = space
        let server = try server { request, _ in
            if request.path == "/second" { return HTTPResponse(status: .ok, text: "second") }
            return HTTPResponse(
                status: .ok, headers: [:],
                stream: SpooledBody(space) { body in
                    try body.write([UInt8](request.path.utf8))
                    gate.wait(until: { $0 }, timeout: .seconds(20)) { _ in }
                    try body.write([UInt8](" at last".utf8))
                })
        }
        defer { server.stop() }
        let socket = try connect(server)
        for path in ["/first", "/second", "/third"] { try ask(socket, path) }
        socket.finishWriting()
        gate.withLock { $0 = true }
        gate.wakeAll()
        let found = try socket.restAsText()
        let places = try ["/first\r\n", " at last", "second", "/third"].map {
            try #require(found.range(of: $0)).lowerBound
        }
        #expect(places == places.sorted())
        #expect(found.hasSuffix("0\r\n\r\n"))
    }

    @Test func `a client of HTTP 1_0 gets the bytes alone, then the end`() throws {
        let server = try server { try $0.write([UInt8]("plain".utf8)) }
        defer { server.stop() }
        let socket = try connect(server)
        try ask(socket, version: "1.0")
        let found = try socket.restAsText()
        #expect(found.hasSuffix("\r\nConnection: close\r\n\r\nplain"), "\(found)")
        #expect(!found.contains("chunked"))
    }

    @Test func `a body that fails midway ends without the last chunk`() throws {
        struct Failure: Error {}
        let server = try server { body in
            try body.write([UInt8]("begun".utf8))
            throw Failure()
        }
        defer { server.stop() }
        let socket = try connect(server)
        try ask(socket)
        let found = try socket.restAsText()
        #expect(found.hasSuffix("\r\n\r\n5\r\nbegun\r\n"), "\(found)")
        let client = HTTPClient(host: "127.0.0.1", port: server.port)
        #expect(throws: HTTPClientError.self) { try client.send("GET", "/") }
        var taken: [UInt8] = []
        #expect(throws: HTTPClientError.self) { try client.download("GET", "/") { taken += $0 } }
        #expect(taken == [UInt8]("begun".utf8))
    }

    @Test func `a client that takes nothing costs a bounded part of memory`() throws {
        let made = Monitor(0)
        let server = try server { body in
            for _ in 0..<64 { try body.write(Self.megabyte) }
            made.withLock { $0 += 1 }
        }
        defer { server.stop() }
        let sockets = try (0..<3).map { _ in try connect(server) }
        for socket in sockets { try ask(socket) }
        // Making them does not wait for the clients, and most of them is in files.
        #expect(eventually { made.withLock { $0 } == 3 })
        #expect(space.held.memory <= Self.memoryBytes)
        #expect(space.held.file >= 3 * 50 << 20)
        // The connections hold a piece or two each, besides what is in the kernel.
        #expect(eventually { server.heldAnswerBytes > 0 })
        #expect(server.heldAnswerBytes <= 3 * 3 * SpooledBody.pieceBytes)
        // One takes all of it after all; the others go.
        let whole = try rest(of: sockets[0], until: "0\r\n\r\n")
        #expect(whole > 64 << 20)
        for socket in sockets { socket.finishWriting() }
    }

    private func rest(of socket: Socket, until end: String) throws -> Int {
        var count = 0
        var tail: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while tail != [UInt8](end.utf8),
            case .bytes(let found) = try socket.read(into: &buffer, from: 0)
        {
            count += found
            tail = Array((tail + buffer[..<found].suffix(end.utf8.count)).suffix(end.utf8.count))
        }
        return count
    }

    @Test func `a client that goes midway leaves nothing behind`() throws {
        let stopped = Monitor<(any Error)?>(nil)
        let server = try server { body in
            do {
                while true { try body.write(Self.megabyte) }
            } catch {
                stopped.withLock { $0 = error }
                throw error
            }
        }
        defer { server.stop() }
        do {
            let socket = try connect(server)
            try ask(socket)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            _ = try socket.read(into: &buffer, from: 0)
            // Closed with bytes that were not read.
        }
        #expect(eventually { stopped.withLock { $0 as? SpoolError } == .cancelled })
        #expect(eventually { space.held == (0, 0) })
        // The directory is there only if the client stayed long enough for a file to be needed.
        #expect((try? PosixFileSystem().list("\(root.path)/spill")) ?? [] == [])
    }

    @Test func `a handler is told when its client goes before the answer`() throws {
        for header in ["", "Connection: close\r\n"] {
            let entered = Monitor(false)
            let noticed = Monitor(false)
            let server = try server { _, peer in
                entered.withLock { $0 = true }
                entered.wakeAll()
                if eventually({ peer.hasGone }) { noticed.withLock { $0 = true } }
                return HTTPResponse(status: .ok, text: "")
            }
            defer { server.stop() }
            do {
                let socket = try connect(server)
                _ = try socket.write(Array("GET / HTTP/1.1\r\nHost: a\r\n\(header)\r\n".utf8).raw)
                entered.wait(until: { $0 }, timeout: .seconds(20)) { _ in }
            }
            #expect(eventually { noticed.withLock { $0 } }, "\(header)")
        }
    }
}
