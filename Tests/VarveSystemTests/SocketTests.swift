import Testing
import VarveBytes
import VarveSystem

@Suite struct SocketTests {
    /// A connected pair: the blocking end of `connect`, and the accepted end, which does not block.
    private func pair() throws -> (client: Socket, server: Socket) {
        let listener = try ListeningSocket(host: "127.0.0.1", port: 0)
        let client = try Socket.connect(
            host: "127.0.0.1", port: listener.port, timeout: .seconds(5))
        let poller = try Poller()
        try poller.add(listener, token: 1)
        var events: [Poller.Event] = []
        try poller.wait(into: &events, timeout: .seconds(5))
        return (client, try #require(try listener.accept()))
    }

    @Test func `bytes arrive as they were sent, then the end`() throws {
        let (client, server) = try pair()
        #expect(try client.write(Array("hello".utf8).raw) == 5)
        client.finishWriting()
        let poller = try Poller()
        try poller.add(server, .read, token: 7)
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 3)
        var events: [Poller.Event] = []
        reading: while true {
            try poller.wait(into: &events, timeout: .seconds(5))
            #expect(events.map(\.token) == [7])
            switch try server.read(into: &buffer, from: 0) {
            case .bytes(let count): received += buffer.prefix(count)
            case .end: break reading
            case .wouldBlock: continue
            }
        }
        #expect(received == Array("hello".utf8))
    }

    @Test func `an accepted socket does not block`() throws {
        let (client, server) = try pair()
        var buffer = [UInt8](repeating: 0, count: 16)
        #expect(try server.read(into: &buffer, from: 0) == .wouldBlock)
        // The kernel takes what its buffers hold, and no more.
        let block = [UInt8](repeating: 1, count: 1 << 20)
        var taken = 0
        while true {
            let count = try server.write(block.raw)
            taken += count
            if count < block.count { break }
        }
        #expect(taken > 0)
        withExtendedLifetime(client) {}
    }

    @Test func `a port in use is refused with its address`() throws {
        let first = try ListeningSocket(host: "127.0.0.1", port: 0)
        let error = #expect(throws: SystemError.self) {
            _ = try ListeningSocket(host: "127.0.0.1", port: first.port)
        }
        #expect(error?.isAddressInUse == true)
        #expect(error?.description == "bind 127.0.0.1:\(first.port): Address already in use")
    }

    @Test func `a port that nobody listens at refuses connections`() throws {
        let port = try ListeningSocket(host: "127.0.0.1", port: 0).port
        let error = #expect(throws: SystemError.self) {
            _ = try Socket.connect(host: "127.0.0.1", port: port, timeout: .seconds(5))
        }
        #expect(error?.isConnectionRefused == true)
    }

    @Test func `a silent peer is a timeout`() throws {
        let listener = try ListeningSocket(host: "127.0.0.1", port: 0)
        let client = try Socket.connect(
            host: "127.0.0.1", port: listener.port, timeout: .milliseconds(1))
        var buffer = [UInt8](repeating: 0, count: 16)
        let error = #expect(throws: SystemError.self) {
            _ = try client.read(into: &buffer, from: 0)
        }
        #expect(error?.isTimeout == true)
    }

    @Test func `a peer that has gone is an error of the call, not a signal`() throws {
        let client = try pair().client
        let block = [UInt8](repeating: 1, count: 1 << 16)
        let error = #expect(throws: SystemError.self) {
            while true { _ = try client.write(block.raw) }
        }
        #expect(error?.operation == "send")
    }

    @Test func `a name without an address says so`() {
        let error = #expect(throws: SystemError.self) {
            _ = try ListeningSocket(host: "not a host", port: 0)
        }
        #expect(error?.operation == "getaddrinfo")
        #expect(error?.description.contains("not a host") == true)
    }
}
