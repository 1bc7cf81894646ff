import Testing
import VarveLog
import VarveNode
import VarveProtocols

@Suite struct KafkaTopicsTests {
    private func create(
        _ client: RawKafkaClient, _ topics: [CreateTopicsRequest.Topic], only: Bool = false
    ) throws -> [KafkaErrorCode] {
        try client.ask(
            .createTopics,
            CreateTopicsRequest(topics: topics, timeoutMilliseconds: 1000, validatesOnly: only),
            CreateTopicsResponse.self
        ).topics.map(\.error)
    }

    private func topic(
        _ name: String, partitions: Int32 = -1, replicas: Int16 = -1,
        assignments: [CreateTopicsRequest.Assignment] = [],
        settings: [CreateTopicsRequest.Setting] = []
    ) -> CreateTopicsRequest.Topic {
        .init(
            name: name, partitionCount: partitions, replicationFactor: replicas,
            assignments: assignments, settings: settings)
    }

    @Test func `metadata names the broker, the topics and their partitions`() throws {
        var options = KafkaServer.Options()
        options.advertisedHost = "data.example"
        options.advertisedPort = 9
        let broker = try TestBroker(options: options)
        let client = try broker.client()
        #expect(try create(client, [topic("a", partitions: 3)]) == [.none])
        let all = try client.ask(
            .metadata,
            MetadataRequest(
                topics: nil, allowsCreation: false, includesClusterRights: false,
                includesTopicRights: false), MetadataResponse.self)
        #expect(all.brokers == [.init(node: 0, host: "data.example", port: 9, rack: nil)])
        #expect(all.controller == 0)
        #expect(all.topics.map(\.name) == ["varve.catalog", "a", "varve.all"])
        #expect(all.topics.map(\.isInternal) == [true, false, true])
        #expect(all.topics[1].partitions.map(\.index) == [0, 1, 2])
        #expect(all.topics[1].partitions.allSatisfy { $0.leader == 0 && $0.leaderEpoch == 1 })
    }

    @Test func `topics are created on sight only where both sides want it`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        func ask(_ name: String, _ allowsCreation: Bool) throws -> KafkaErrorCode {
            try client.ask(
                .metadata,
                MetadataRequest(
                    topics: [name], allowsCreation: allowsCreation, includesClusterRights: false,
                    includesTopicRights: false), MetadataResponse.self
            ).topics[0].error
        }
        #expect(try ask("a", false) == .unknownTopicOrPartition)
        #expect(try ask("a", true) == .none)
        #expect(try ask("not a name", true) == .invalidTopic)
        var options = KafkaServer.Options()
        options.createsTopics = false
        let strict = try TestBroker(options: options)
        #expect(try strict.client().create("a").topics[0].error == .unknownTopicOrPartition)
    }

    @Test func `what cannot be had is refused by name`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        let found = try create(
            client,
            [
                topic("good", partitions: 2, replicas: 1),
                topic("good"), topic("no/slash"), topic(".."), topic("varve.x"),
                topic("zero", partitions: 0), topic("many", partitions: 100_000),
                topic("copies", replicas: 3),
                topic("kept", settings: [.init(name: "compression.type", value: "lz4")]),
                topic("odd", settings: [.init(name: "colour", value: "red")]),
                topic("elsewhere", assignments: [.init(partition: 0, brokers: [7])]),
                topic("assigned", assignments: [.init(partition: 0, brokers: [0])]),
                topic("fine", settings: [.init(name: "cleanup.policy", value: "compact")]),
            ])
        #expect(
            found == [
                .none, .invalidRequest, .invalidTopic, .invalidTopic, .policyViolation,
                .invalidPartitions, .invalidPartitions, .invalidReplicationFactor, .invalidConfig,
                .invalidConfig, .invalidReplicaAssignment, .none, .none,
            ])
        #expect(try create(client, [topic("good")]) == [.topicAlreadyExists])
        #expect(try create(client, [topic("dry")], only: true) == [.none])
        #expect(broker.log.stream(StreamName(name: "dry", partition: 0)) == nil)
        #expect(broker.log.stream(StreamName(name: "good", partition: 1)) != nil)
    }

    @Test func `times and ends become offsets`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        for number in 0..<5 {
            _ = try client.produce(
                batch(["a", "b"], time: Int64(number) * 10), to: "events")
        }
        func offset(_ time: Int64) throws -> (KafkaErrorCode, Int64, Int64) {
            let answer = try client.offset(of: "events", at: time)
            return (answer.error, answer.offset, answer.timestamp)
        }
        #expect(try offset(ListOffsetsRequest.earliest) == (.none, 0, -1))
        #expect(try offset(ListOffsetsRequest.latest) == (.none, 10, -1))
        #expect(try offset(0) == (.none, 0, 0))
        #expect(try offset(11) == (.none, 4, 20))
        #expect(try offset(41) == (.none, -1, -1))
        #expect(try offset(-3).0 == .unsupportedVersion)
    }

    @Test func `a transactional producer is refused for good`() throws {
        let broker = try TestBroker()
        let answer = try broker.client().ask(
            .initProducerID,
            InitProducerIDRequest(transactionalID: "t", transactionTimeoutMilliseconds: 1),
            InitProducerIDResponse.self)
        #expect(answer.error == .transactionalIDAuthorizationFailed)
        #expect(answer.producerID == -1)
    }
}
