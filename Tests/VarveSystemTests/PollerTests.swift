import Testing
import VarveBytes
import VarveSystem

@Suite struct PollerTests {
    @Test func `waking returns from a wait, also one that begins later`() throws {
        let poller = try Poller()
        var events: [Poller.Event] = []
        poller.wake()
        poller.wake()
        try poller.wait(into: &events, timeout: nil)
        #expect(events.isEmpty)
        let thread = WorkerThread(name: "waker") { poller.wake() }
        try poller.wait(into: &events, timeout: nil)
        #expect(events.isEmpty)
        thread.join()
    }

    @Test func `time runs out when nothing happens`() throws {
        let poller = try Poller()
        var events: [Poller.Event] = []
        try poller.wait(into: &events, timeout: .milliseconds(1))
        #expect(events.isEmpty)
    }

    @Test func `a socket is reported for what it is watched for`() throws {
        let listener = try ListeningSocket(host: "127.0.0.1", port: 0)
        let poller = try Poller()
        try poller.add(listener, token: 1)
        let client = try Socket.connect(
            host: "127.0.0.1", port: listener.port, timeout: .seconds(5))
        var events: [Poller.Event] = []
        try poller.wait(into: &events, timeout: nil)
        #expect(events.map(\.token) == [1])
        let server = try #require(try listener.accept())
        #expect(try listener.accept() == nil)
        try poller.add(server, .write, token: 2)
        try poller.wait(into: &events, timeout: nil)
        #expect(events.map(\.token) == [2])
        #expect(events.first?.isWritable == true)
        #expect(events.first?.isReadable == false)
        try poller.change(server, to: .read, token: 2)
        try poller.wait(into: &events, timeout: .milliseconds(1))
        #expect(events.isEmpty)
        _ = try client.write([1].raw)
        try poller.wait(into: &events, timeout: nil)
        #expect(events.first?.isReadable == true)
        poller.remove(server)
        try poller.wait(into: &events, timeout: .milliseconds(1))
        #expect(events.isEmpty)
    }
}
