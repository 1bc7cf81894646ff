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
        let broker = try TestBroker(options: options { $0.loopRequestBytes = 64 << 10 })
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

    @Test func `clients that send half of large requests cost bounded memory, and bar nobody`()
        throws
    {
        let limit = 4 << 20
        let broker = try TestBroker(
            options: options {
                $0.loopRequestBytes = limit
                $0.impatientTime = .milliseconds(50)
            })
        let metrics = NodeMetrics()
        broker.server.report(to: metrics)
        let client = try broker.client()
        _ = try client.create("t")
        // Each says that 16 MiB will come, and sends what sockets take at once.
        var halves: [RawKafkaClient] = []
        let beginning = [1, 0, 0, 0, 0, 0, 0, 8] + [UInt8](repeating: 0, count: 256 << 10)
        for number in 0..<64 {
            let half = try broker.client()
            try half.write(beginning)
            halves.append(half)
            if number % 8 == 7 {
                let placed = try client.produce(batch(["\(number)"]), to: "t")
                #expect(placed.error == .none)
                let held = try held(metrics, broker)
                // One buffer may be read into when the limit is reached.
                #expect(held.requests <= limit + (2 << 20), "\(held)")
            }
        }
        #expect(try broker.values(StreamName(name: "t", partition: 0)).count == 8)
        #expect(try halves.contains { try $0.isClosed() })
    }

    @Test func `consumers that take nothing cost bounded memory, and bar nobody`() throws {
        let limit = 8 << 20
        let broker = try TestBroker(
            options: options {
                $0.loopOutputBytes = limit
                $0.impatientTime = .milliseconds(50)
            })
        let metrics = NodeMetrics()
        broker.server.report(to: metrics)
        let client = try broker.client()
        _ = try client.create("t")
        let text = String(repeating: "x", count: 1 << 20)
        for _ in 0..<4 { #expect(try client.produce(batch([text]), to: "t").error == .none) }
        let slow = try (0..<24).map { _ in try broker.client() }
        for reader in slow {
            for _ in 0..<8 {
                try reader.send(
                    .fetch, RawKafkaClient.fetch("t", from: 0, wait: 10, maxBytes: 8 << 20))
            }
            let held = try held(metrics, broker)
            #expect(held.answers <= limit + (5 << 20), "\(held)")
        }
        // Whoever takes its answers gets all of them, in the end.
        var offset: Int64 = 0
        while offset < 4 {
            let request = RawKafkaClient.fetch("t", from: offset, wait: 10, maxBytes: 8 << 20)
            offset += Int64(try client.fetch(request).contents().count)
        }
    }

    private func held(
        _ metrics: NodeMetrics, _ broker: TestBroker
    ) throws -> (requests: Int, answers: Int) {
        func value(_ kind: String) throws -> Int {
            let series = "varve_held_bytes{port=\"kafka\",kind=\"\(kind)\"} "
            let line = try #require(
                metrics.text(broker.log).split(separator: "\n").first { $0.hasPrefix(series) })
            return try #require(Int(line.dropFirst(series.count)))
        }
        return (try value("requests"), try value("answers"))
    }
}
