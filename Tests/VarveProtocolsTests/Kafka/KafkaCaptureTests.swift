import Testing
import VarveBytes
import VarveFormats
import VarveProtocols

/// Requests captured from kcat (librdkafka 2.0.2), confluent-kafka (librdkafka 2.16.0),
/// kafka-python 3.0.12 and aiokafka 0.14.0.
@Suite struct KafkaCaptureTests {
    private func request(
        _ name: String
    ) throws -> (bytes: [UInt8], header: RequestHeader, request: KafkaRequest) {
        let bytes = try #require(try Fixture.hex("kafka/\(name)"))
        let (header, request) = try KafkaRequest.read(bytes.raw)
        return (bytes, header, request)
    }

    /// The request as Varve writes it, without the frame's size.
    private func written(_ header: RequestHeader, _ request: KafkaRequest) -> [UInt8] {
        let frame =
            switch request {
            case .produce(let body): KafkaFrame.request(header, body)
            case .fetch(let body): KafkaFrame.request(header, body)
            case .listOffsets(let body): KafkaFrame.request(header, body)
            case .metadata(let body): KafkaFrame.request(header, body)
            case .apiVersions(let body): KafkaFrame.request(header, body)
            case .createTopics(let body): KafkaFrame.request(header, body)
            case .initProducerID(let body): KafkaFrame.request(header, body)
            case .offsetCommit(let body): KafkaFrame.request(header, body)
            case .offsetFetch(let body): KafkaFrame.request(header, body)
            case .findCoordinator(let body): KafkaFrame.request(header, body)
            case .joinGroup(let body): KafkaFrame.request(header, body)
            case .heartbeat(let body): KafkaFrame.request(header, body)
            case .leaveGroup(let body): KafkaFrame.request(header, body)
            case .syncGroup(let body): KafkaFrame.request(header, body)
            case .describeGroups(let body): KafkaFrame.request(header, body)
            case .listGroups(let body): KafkaFrame.request(header, body)
            case .deleteGroups(let body): KafkaFrame.request(header, body)
            case .offsetDelete(let body): KafkaFrame.request(header, body)
            case .saslHandshake(let body): KafkaFrame.request(header, body)
            case .saslAuthenticate(let body): KafkaFrame.request(header, body)
            case .deleteTopics(let body): KafkaFrame.request(header, body)
            case .deleteRecords(let body): KafkaFrame.request(header, body)
            case .offsetForLeaderEpoch(let body): KafkaFrame.request(header, body)
            case .describeConfigs(let body): KafkaFrame.request(header, body)
            case .createPartitions(let body): KafkaFrame.request(header, body)
            case .incrementalAlterConfigs(let body): KafkaFrame.request(header, body)
            }
        return Array(frame.dropFirst(KafkaFrame.prefixSize))
    }

    /// The captures that Varve speaks: the one of ApiVersions 4 is answered with what it does.
    private func names() throws -> [String] {
        try Fixture.names("kafka").filter {
            $0.hasSuffix(".hex") && !$0.contains("ApiVersions-v4")
        }
    }

    @Test func `every captured request is read and written byte for byte`() throws {
        var seen: Set<KafkaAPI> = []
        for name in try names() {
            let (bytes, header, request) = try request(name)
            #expect(name.contains("-v\(header.version)."))
            #expect(written(header, request) == bytes, "\(name)")
            if let api = header.api { seen.insert(api) }
        }
        // No client asks for epochs unless one has changed under its eyes.
        #expect(Set(KafkaAPI.allCases).subtracting(seen) == [.offsetForLeaderEpoch])
    }

    @Test func `a newer client's greeting is known by its header`() throws {
        let bytes = try #require(try Fixture.hex("kafka/kafka-python-ApiVersions-v4.hex"))
        do {
            _ = try KafkaRequest.read(bytes.raw)
            Issue.record("version 4 was read")
        } catch .unsupported(let header) {
            #expect(header.api == .apiVersions)
            #expect(header.version == 4)
        }
    }

    @Test func `a captured request cut at any byte is refused`() throws {
        for name in try names() {
            let bytes = try request(name).bytes
            for end in 0..<bytes.count {
                let cut = Array(bytes[..<end])
                #expect(throws: KafkaRequestError.self, "\(name)") {
                    try KafkaRequest.read(cut.raw)
                }
            }
        }
    }

    @Test func `damaged captures never trap`() throws {
        var random = SplitMix64(seed: 21)
        for name in try names() {
            let bytes = try request(name).bytes
            for _ in 0..<500 {
                let damaged = random.mutated(bytes)
                _ = try? KafkaRequest.read(damaged.raw)
            }
        }
    }

    @Test func `the batch that kcat produced has its records`() throws {
        guard case .produce(let produced) = try request("kcat-Produce-v7.hex").request else {
            Issue.record("not a Produce request")
            return
        }
        #expect(produced.acks == -1)
        let topic = try #require(produced.topics.first)
        #expect(topic.name == "captured")
        let batch = try #require(topic.partitions.first?.records)
        #expect(try RecordBatch.verify(batch.raw).recordCount == 2)
        var scratch: [UInt8] = []
        var found: [String] = []
        try RecordBatch.forEachRecord(batch.raw, scratch: &scratch) { record in
            found.append("\(record.key?.text() ?? ""):\(record.value?.text() ?? "")")
        }
        #expect(found == ["key:value", "another:value"])
    }

    @Test func `a client tells its name and what it wants to read`() throws {
        guard
            case .apiVersions(let hello) = try request("kcat-ApiVersions-v3.hex").request,
            case .fetch(let fetch) = try request("librdkafka-Fetch-v11.hex").request
        else {
            Issue.record("not the requests that the names say")
            return
        }
        #expect(hello == ApiVersionsRequest(softwareName: "librdkafka", softwareVersion: "2.0.2"))
        #expect(fetch.topics.first?.partitions.first?.maxBytes == 1 << 20)
        #expect(fetch.session == 0)
        #expect(fetch.sessionEpoch == -1)
    }
}
