import Testing
import VarveBytes
import VarveProtocols

@Suite struct KafkaMessageTests {
    @Test func `ApiVersions comes back in every version`() throws {
        try checkMessage(ApiVersionsRequest(softwareName: "librdkafka", softwareVersion: "2.0.2"), 3...3)
        try checkMessage(ApiVersionsResponse.offer(error: .none), 0...3)
        try checkMessage(
            ApiVersionsResponse(
                error: .unsupportedVersion,
                apis: [.init(key: 18, minVersion: 0, maxVersion: 3)], throttleMilliseconds: 7),
            0...3)
    }

    @Test func `Metadata comes back in every version`() throws {
        try checkMessage(
            MetadataRequest(
                topics: ["events", "höhe"], allowsCreation: false, includesClusterRights: true,
                includesTopicRights: true), 0...8)
        try checkMessage(
            MetadataRequest(
                topics: nil, allowsCreation: true, includesClusterRights: false,
                includesTopicRights: false), 1...8)
        let partition = MetadataResponse.Partition(
            error: .none, index: 3, leader: 0, leaderEpoch: 12, replicas: [0],
            inSyncReplicas: [0, 1], offlineReplicas: [2])
        try checkMessage(
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
        try checkMessage(
            ProduceRequest(
                transactionalID: "t", acks: -1, timeoutMilliseconds: 30000,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(index: 0, records: [1, 2, 3]), .init(index: 1, records: nil),
                        ])
                ]), 0...8)
        try checkMessage(
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
        try checkMessage(
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
        try checkMessage(
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
        try checkMessage(
            ListOffsetsRequest(
                replica: -1, isolation: 1,
                topics: [
                    .init(
                        name: "events",
                        partitions: [.init(index: 0, leaderEpoch: 3, timestamp: -2)])
                ]), 1...5)
        try checkMessage(
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
        try checkMessage(
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMilliseconds: 60000),
            0...1)
        try checkMessage(
            InitProducerIDResponse(
                throttleMilliseconds: 0, error: .none, producerID: 1 << 32, producerEpoch: 0), 0...1
        )
        try checkMessage(
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
        try checkMessage(
            CreateTopicsResponse(
                throttleMilliseconds: 0,
                topics: [.init(name: "events", error: .topicAlreadyExists, message: "it exists")]),
            0...4)
    }
}
