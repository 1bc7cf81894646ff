import Testing
import VarveBytes
import VarveProtocols

@Suite struct KafkaAdminMessageTests {
    @Test func `DeleteTopics and DeleteRecords come back in every version`() throws {
        try checkMessage(DeleteTopicsRequest(names: ["a", "b"], timeoutMilliseconds: 5), 0...3)
        try checkMessage(
            DeleteTopicsResponse(
                throttleMilliseconds: 1,
                topics: [.init(name: "a", error: .topicDeletionDisabled)]), 0...3)
        try checkMessage(
            DeleteRecordsRequest(
                topics: [.init(name: "a", partitions: [.init(index: 1, offset: -1)])],
                timeoutMilliseconds: 5), 0...1)
        try checkMessage(
            DeleteRecordsResponse(
                throttleMilliseconds: 1,
                topics: [
                    .init(
                        name: "a",
                        partitions: [.init(index: 1, lowWatermark: 7, error: .offsetOutOfRange)])
                ]), 0...1)
    }

    @Test func `OffsetForLeaderEpoch comes back in every version`() throws {
        try checkMessage(
            OffsetForLeaderEpochRequest(
                replica: -1,
                topics: [
                    .init(
                        name: "a",
                        partitions: [.init(index: 1, currentLeaderEpoch: 4, leaderEpoch: 2)])
                ]), 2...3)
        try checkMessage(
            OffsetForLeaderEpochResponse(
                throttleMilliseconds: 1,
                topics: [
                    .init(
                        name: "a",
                        partitions: [
                            .init(error: .fencedLeaderEpoch, index: 1, leaderEpoch: 2, endOffset: 9)
                        ])
                ]), 2...3)
    }

    @Test func `DescribeConfigs comes back in every version`() throws {
        try checkMessage(
            DescribeConfigsRequest(
                resources: [
                    .init(type: 2, name: "a", settings: ["retention.ms"]),
                    .init(type: 4, name: "0", settings: nil),
                ], includesSynonyms: true, includesDocumentation: true), 0...3)
        let setting = DescribeConfigsResponse.Setting(
            name: "retention.ms", value: "-1", isReadOnly: true, isDefault: false, source: 5,
            isSensitive: false, synonyms: [.init(name: "log.retention.ms", value: nil, source: 4)],
            type: 5, documentation: "how long")
        try checkMessage(
            DescribeConfigsResponse(
                throttleMilliseconds: 1,
                results: [
                    .init(error: .none, message: nil, type: 2, name: "a", settings: [setting])
                ]), 0...3)
    }

    @Test func `CreatePartitions and IncrementalAlterConfigs come back in every version`() throws {
        try checkMessage(
            CreatePartitionsRequest(
                topics: [
                    .init(name: "a", count: 3, assignments: [.init(brokers: [0])]),
                    .init(name: "b", count: 2, assignments: nil),
                ], timeoutMilliseconds: 5, validatesOnly: true), 0...1)
        try checkMessage(
            CreatePartitionsResponse(
                throttleMilliseconds: 1,
                topics: [.init(name: "a", error: .invalidPartitions, message: "fewer")]), 0...1)
        try checkMessage(
            IncrementalAlterConfigsRequest(
                resources: [
                    .init(
                        type: 2, name: "a",
                        changes: [.init(name: "retention.ms", operation: 0, value: "1")])
                ], validatesOnly: true), 0...0)
        try checkMessage(
            IncrementalAlterConfigsResponse(
                throttleMilliseconds: 1,
                results: [.init(error: .invalidConfig, message: "no", type: 2, name: "a")]), 0...0)
    }

    @Test func `SaslHandshake and SaslAuthenticate come back in every version`() throws {
        try checkMessage(SaslHandshakeRequest(mechanism: "PLAIN"), 0...1)
        try checkMessage(
            SaslHandshakeResponse(
                error: .unsupportedSaslMechanism, mechanisms: ["PLAIN", "SCRAM-SHA-256"]), 0...1)
        try checkMessage(SaslAuthenticateRequest(token: [0, 1, 2]), 0...1)
        try checkMessage(
            SaslAuthenticateResponse(
                error: .saslAuthenticationFailed, message: "wrong", token: [7],
                sessionLifetimeMilliseconds: 3), 0...1)
    }
}
