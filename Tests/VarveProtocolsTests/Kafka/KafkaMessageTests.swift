import Testing
import VarveBytes
import VarveProtocols

@Suite struct KafkaMessageTests {
    /// Writes and reads a message in each version, cuts it at every byte, and damages it.
    private func check<Message: KafkaMessage>(
        _ message: Message, _ versions: ClosedRange<Int16>,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        for version in versions {
            var writer = ByteWriter()
            message.write(to: &writer, version: version)
            let bytes = writer.bytes
            var reader = ByteReader(bytes.raw)
            let found = try Message(reading: &reader, version: version)
            #expect(reader.remaining == 0, "version \(version)", sourceLocation: location)
            // A version may lack fields, but what it has comes back.
            var again = ByteWriter()
            found.write(to: &again, version: version)
            #expect(again.bytes == bytes, "version \(version)", sourceLocation: location)
            if version == versions.upperBound {
                #expect(found == message, sourceLocation: location)
            }
            for end in 0..<bytes.count {
                let cut = Array(bytes[..<end])
                #expect(throws: ByteError.self, sourceLocation: location) {
                    var reader = ByteReader(cut.raw)
                    _ = try Message(reading: &reader, version: version)
                }
            }
            var random = SplitMix64(seed: UInt64(version) + 1)
            for _ in 0..<500 {
                let damaged = random.mutated(bytes)
                var reader = ByteReader(damaged.raw)
                _ = try? Message(reading: &reader, version: version)
            }
        }
    }

    @Test func `ApiVersions comes back in every version`() throws {
        try check(ApiVersionsRequest(softwareName: "librdkafka", softwareVersion: "2.0.2"), 3...3)
        try check(ApiVersionsResponse.offer(error: .none), 0...3)
        try check(
            ApiVersionsResponse(
                error: .unsupportedVersion,
                apis: [.init(key: 18, minVersion: 0, maxVersion: 3)], throttleMilliseconds: 7),
            0...3)
    }

    @Test func `Metadata comes back in every version`() throws {
        try check(
            MetadataRequest(
                topics: ["events", "höhe"], allowsCreation: false, includesClusterRights: true,
                includesTopicRights: true), 0...8)
        try check(
            MetadataRequest(
                topics: nil, allowsCreation: true, includesClusterRights: false,
                includesTopicRights: false), 1...8)
        let partition = MetadataResponse.Partition(
            error: .none, index: 3, leader: 0, leaderEpoch: 12, replicas: [0],
            inSyncReplicas: [0, 1], offlineReplicas: [2])
        try check(
            MetadataResponse(
                throttleMilliseconds: 1,
                brokers: [.init(node: 0, host: "localhost", port: 9092, rack: "r")],
                clusterID: "a1b2", controller: 0,
                topics: [
                    .init(
                        error: .none, name: "events", isInternal: false,
                        partitions: [partition, partition], rights: 5),
                    .init(
                        error: .unknownTopicOrPartition, name: "x", isInternal: true,
                        partitions: [], rights: MetadataResponse.unknownRights),
                ], clusterRights: 9), 0...8)
    }

    @Test func `version 0 of Metadata asks for all topics by naming none`() throws {
        let bytes: [UInt8] = [0, 0, 0, 0]
        var reader = ByteReader(bytes.raw)
        #expect(try MetadataRequest(reading: &reader, version: 0).topics == nil)
        reader = ByteReader(bytes.raw)
        #expect(try MetadataRequest(reading: &reader, version: 1).topics == [])
    }

    @Test func `Produce comes back in every version`() throws {
        try check(
            ProduceRequest(
                transactionalID: "t", acks: -1, timeoutMilliseconds: 30000,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(index: 0, records: [1, 2, 3]), .init(index: 1, records: nil),
                        ])
                ]), 0...8)
        try check(
            ProduceResponse(
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(
                                index: 1, error: .invalidRecord, baseOffset: -1,
                                logAppendTime: -1, logStartOffset: 0,
                                recordErrors: [
                                    .init(index: 4, message: "a is 3"),
                                    .init(index: 5, message: nil),
                                ], message: "two records break the contract")
                        ])
                ], throttleMilliseconds: 3), 0...8)
    }

    @Test func `Fetch comes back in every version`() throws {
        try check(
            FetchRequest(
                replica: -1, maxWaitMilliseconds: 500, minBytes: 1, maxBytes: 1 << 20,
                isolation: 1, session: 0, sessionEpoch: -1,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(
                                index: 0, leaderEpoch: 4, offset: 77, logStartOffset: -1,
                                maxBytes: 1 << 20)
                        ])
                ], forgotten: [.init(name: "old", partitions: [1, 2])], rack: "r"), 4...11)
        try check(
            FetchResponse(
                throttleMilliseconds: 0, error: .none, session: 0,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(
                                index: 0, error: .none, highWatermark: 80, logStartOffset: 0,
                                records: [9, 9, 9])
                        ])
                ]), 4...11)
    }

    @Test func `ListOffsets comes back in every version`() throws {
        try check(
            ListOffsetsRequest(
                replica: -1, isolation: 1,
                topics: [
                    .init(
                        name: "events",
                        partitions: [.init(index: 0, leaderEpoch: 3, timestamp: -2)])
                ]), 1...5)
        try check(
            ListOffsetsResponse(
                throttleMilliseconds: 0,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(
                                index: 0, error: .none, timestamp: 1000, offset: 5, leaderEpoch: 3)
                        ])
                ]), 1...5)
    }

    @Test func `InitProducerId and CreateTopics come back in every version`() throws {
        try check(
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMilliseconds: 60000),
            0...1)
        try check(
            InitProducerIDResponse(
                throttleMilliseconds: 0, error: .none, producerID: 1 << 32, producerEpoch: 0), 0...1
        )
        try check(
            CreateTopicsRequest(
                topics: [
                    .init(
                        name: "events", partitionCount: 3, replicationFactor: 1,
                        assignments: [.init(partition: 0, brokers: [0])],
                        settings: [
                            .init(name: "cleanup.policy", value: "delete"),
                            .init(name: "x", value: nil),
                        ])
                ], timeoutMilliseconds: 1000, validatesOnly: true), 0...4)
        try check(
            CreateTopicsResponse(
                throttleMilliseconds: 0,
                topics: [.init(name: "events", error: .topicAlreadyExists, message: "it exists")]),
            0...4)
    }
}
