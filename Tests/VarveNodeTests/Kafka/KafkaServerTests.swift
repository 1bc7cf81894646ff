import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem
import VarveTestSupport

@Suite struct KafkaServerTests {
    @Test(arguments: [Compression.none, .lz4])
    func `records come back as they were sent, at dense offsets`(_ codec: Compression) throws {
        let broker = try TestBroker()
        let client = try broker.client()
        let topic = try client.create("events").topics[0]
        #expect(topic.error == .none)
        #expect(topic.partitions.map(\.index) == [0])
        for number in 0..<5 {
            let texts = ["\(number)a", "\(number)b"]
            let placed = try client.produce(batch(texts, compression: codec), to: "events")
            #expect(placed.error == .none)
            #expect(placed.baseOffset == Int64(2 * number))
        }
        let found = try client.fetch(RawKafkaClient.fetch("events", from: 0))
        #expect(found.highWatermark == 10)
        #expect(
            try found.contents() == (0..<10).map { "\($0):\($0 / 2)\($0 % 2 == 0 ? "a" : "b")" })
        let later = try client.fetch(RawKafkaClient.fetch("events", from: 7))
        #expect(try later.contents().first == "6:3a", "whole batches are sent")
    }

    @Test func `every version of Fetch and Produce is answered in its own form`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        for version in KafkaAPI.producibleVersions {
            let response = try client.ask(
                .produce, RawKafkaClient.produce(try batch(["\(version)"]), to: "events"),
                ProduceResponse.self, version: version)
            #expect(response.topics[0].partitions[0].baseOffset == Int64(version - 3))
        }
        for version in KafkaAPI.fetch.versions {
            let response = try client.ask(
                .fetch, RawKafkaClient.fetch("events", from: 0), FetchResponse.self,
                version: version)
            #expect(try response.topics[0].partitions[0].contents().count == 6)
        }
    }

    @Test func `a fetch waits for records and is answered when they come`() throws {
        let broker = try TestBroker()
        let (reader, writer) = (try broker.client(), try broker.client())
        _ = try writer.create("events")
        try reader.send(.fetch, RawKafkaClient.fetch("events", from: 0, wait: 100_000))
        _ = try writer.produce(batch(["late"]), to: "events")
        let answer = try reader.receive(FetchResponse.self, .fetch).response
        #expect(try answer.topics[0].partitions[0].contents() == ["0:late"])
    }

    @Test func `a fetch for many bytes waits until they are there`() throws {
        let broker = try TestBroker()
        let (reader, writer) = (try broker.client(), try broker.client())
        _ = try writer.create("events")
        let size = Int32(try batch(["0"]).count)
        try reader.send(
            .fetch,
            RawKafkaClient.fetch("events", from: 0, wait: 100_000, minBytes: 5 * size))
        for number in 0..<5 { _ = try writer.produce(batch(["\(number)"]), to: "events") }
        let answer = try reader.receive(FetchResponse.self, .fetch).response
        let contents = try answer.topics[0].partitions[0].contents()
        #expect(contents == (0..<5).map { "\($0):\($0)" })
    }

    @Test func `a fetch without records is answered when its time is up`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        let found = try client.fetch(RawKafkaClient.fetch("events", from: 0, wait: 5))
        #expect(found.error == .none)
        #expect(found.highWatermark == 0)
        #expect(found.records.isEmpty)
    }

    @Test func `an offset outside the stream is out of range, at once`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        _ = try client.produce(batch(["a"]), to: "events")
        for offset in [Int64(2), -1, .max] {
            let found = try client.fetch(
                RawKafkaClient.fetch("events", from: offset, wait: 100_000))
            #expect(found.error == .offsetOutOfRange)
        }
        let missing = try client.fetch(RawKafkaClient.fetch("nothing", from: 0, wait: 100_000))
        #expect(missing.error == .unknownTopicOrPartition)
    }

    @Test func `a first batch larger than asked for is sent whole`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        _ = try client.produce(batch([String(repeating: "x", count: 5000)]), to: "events")
        _ = try client.produce(batch(["y"]), to: "events")
        let found = try client.fetch(RawKafkaClient.fetch("events", from: 0, maxBytes: 10))
        #expect(try found.contents().count == 1)
    }

    @Test func `answers come in the order of requests, however long one waits`() throws {
        let broker = try TestBroker()
        let (reader, writer) = (try broker.client(), try broker.client())
        _ = try writer.create("events")
        let first = try reader.send(
            .fetch, RawKafkaClient.fetch("events", from: 0, wait: 100_000))
        let second = try reader.send(
            .apiVersions, ApiVersionsRequest(softwareName: "t", softwareVersion: "1"))
        _ = try writer.produce(batch(["a"]), to: "events")
        #expect(try reader.receive(FetchResponse.self, .fetch).correlation == first)
        #expect(
            try reader.receive(ApiVersionsResponse.self, .apiVersions).correlation == second)
    }

    @Test func `a client that sends far ahead is held back and answered in full`() throws {
        var options = KafkaServer.Options()
        options.limits.promises = 4
        options.limits.outputBytes = 1000
        let broker = try TestBroker(options: options)
        let client = try broker.client()
        _ = try client.create("events")
        let count = 3000
        let requests = try (0..<count).map { number in
            KafkaFrame.request(
                RequestHeader(
                    apiKey: 0, version: 8, correlationID: Int32(number), clientID: "ahead"),
                RawKafkaClient.produce(try batch(["\(number)"]), to: "events"))
        }
        let socket = client.socket
        let sender = WorkerThread(name: "sender") {
            for request in requests { _ = try? socket.write(request.raw) }
        }
        for number in 0..<count {
            let answer = try client.receive(ProduceResponse.self, .produce).response
            #expect(answer.topics[0].partitions[0].baseOffset == Int64(number))
        }
        sender.join()
    }

    @Test func `a newer client is told the versions in a form it reads`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        let header = RequestHeader(apiKey: 18, version: 9, correlationID: 4, clientID: "new")
        try client.write(
            KafkaFrame.request(header, ApiVersionsRequest(softwareName: "", softwareVersion: "")))
        let (correlation, answer) = try client.receive(
            ApiVersionsResponse.self, .apiVersions, version: 0)
        #expect(correlation == 4)
        #expect(answer == .offer(error: .unsupportedVersion))
    }

    @Test func `bytes that are no Kafka close the connection`() throws {
        let broker = try TestBroker()
        let garbage: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 1, 7], [0xff, 0xff, 0xff, 0xff],
            // JoinGroup, which nobody was offered.
            [0, 0, 0, 10, 0, 11, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        ]
        for bytes in garbage {
            let client = try broker.client()
            try client.write(bytes)
            #expect(try client.isClosed())
        }
        // Others are served as before.
        #expect(try broker.client().create("events").topics[0].error == .none)
    }

    @Test func `damaged requests never stop the server`() throws {
        let broker = try TestBroker()
        _ = try broker.client().create("events")
        var random = SplitMix64(seed: 11)
        let header = RequestHeader(apiKey: 0, version: 8, correlationID: 1, clientID: "c")
        let whole = KafkaFrame.request(
            header, RawKafkaClient.produce(try batch(["a", "b"]), to: "events"))
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0...random.below(3) {
                bytes[4 + random.below(bytes.count - 4)] = UInt8(truncatingIfNeeded: random.next())
            }
            let client = try broker.client()
            try client.write(bytes)
            // An answer or an end, but not silence.
            _ = try? client.frame()
        }
        #expect(try broker.client().produce(batch(["last"]), to: "events").error == .none)
    }

    @Test func `a port in use is an error that says so`() throws {
        let broker = try TestBroker()
        var options = KafkaServer.Options()
        options.port = broker.port
        let error = #expect(throws: SystemError.self) {
            try KafkaServer(log: broker.log, options: options, gate: nil) { _ in }
        }
        #expect(error?.isAddressInUse == true)
    }

    @Test func `stopping answers what was accepted, then closes`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        try client.send(.produce, RawKafkaClient.produce(try batch(["a"]), to: "events"))
        try client.send(.fetch, RawKafkaClient.fetch("events", from: 1, wait: 100_000))
        // An answered request shows that those before it were taken.
        let produced = try client.receive(ProduceResponse.self, .produce).response
        #expect(produced.topics[0].partitions[0].error == .none)
        broker.server.stop()
        // The fetch may have been taken, or not, when the server stopped reading.
        if let answer = try? client.receive(FetchResponse.self, .fetch).response {
            #expect(answer.topics[0].partitions[0].records.isEmpty)
        }
        #expect(try client.isClosed())
        #expect(try broker.values(StreamName(name: "events", partition: 0)) == ["a"])
    }

    @Test func `a connection too many is closed`() throws {
        var options = KafkaServer.Options()
        options.limits.connections = 2
        let broker = try TestBroker(options: options)
        let clients = [try broker.client(), try broker.client()]
        for client in clients { _ = try client.create("events") }
        #expect(try broker.client().isClosed())
        withExtendedLifetime(clients) {}
    }
}
