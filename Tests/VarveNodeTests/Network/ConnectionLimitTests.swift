import Testing
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

@testable import VarveNode

@Suite struct ConnectionLimitTests {
    private func options(_ change: (inout ConnectionLimits) -> Void) -> KafkaServer.Options {
        var options = KafkaServer.Options()
        change(&options.limits)
        return options
    }

    @Test func `a connection that does nothing is closed, one that waits for an answer is not`()
        throws
    {
        let broker = try TestBroker(
            options: options {
                $0.idleTime = .milliseconds(200)
                $0.stuckTime = .milliseconds(200)
            })
        let waiting = try broker.client()
        _ = try waiting.create("t")
        try waiting.send(.fetch, RawKafkaClient.fetch("t", from: 0, wait: 1500))
        let idle = try broker.client()
        #expect(try idle.isClosed())
        let half = try broker.client()
        try half.write([0, 0, 1])
        #expect(try half.isClosed())
        let answer = try waiting.receive(FetchResponse.self, .fetch).response
        #expect(answer.topics[0].partitions[0].error == .none)
    }

    @Test func `a client that does not take its answers is closed`() throws {
        let broker = try TestBroker(
            options: options {
                $0.stuckTime = .milliseconds(300)
                $0.outputBytes = 1 << 20
            })
        let client = try broker.client()
        _ = try client.create("t")
        let text = String(repeating: "x", count: 1 << 20)
        #expect(try client.produce(batch([text]), to: "t").error == .none)
        // More than the kernel's buffers take.
        for _ in 0..<64 { try client.send(.fetch, RawKafkaClient.fetch("t", from: 0)) }
        let other = try broker.client()
        let metrics = NodeMetrics()
        broker.server.report(to: metrics)
        while !metrics.text(broker.log).contains("varve_connections{port=\"kafka\"} 1\n") {
            _ = try other.create("t")
        }
    }

    @Test func `requests beyond the node's memory wait, and are all answered`() throws {
        let broker = try TestBroker(options: options { $0.loopPromisedBytes = 64 << 10 })
        let setup = try broker.client()
        _ = try setup.create("t")
        let body = try batch([String(repeating: "x", count: 48 << 10)])
        let clients = try (0..<16).map { _ in try broker.client() }
        for _ in 0..<8 {
            for client in clients {
                try client.send(.produce, RawKafkaClient.produce(body, to: "t"))
            }
        }
        for client in clients {
            for _ in 0..<8 {
                let answer = try client.receive(ProduceResponse.self, .produce).response
                #expect(answer.topics[0].partitions[0].error == .none)
            }
        }
    }
}
