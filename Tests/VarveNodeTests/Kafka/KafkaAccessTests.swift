import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

@testable import VarveNode

@Suite struct KafkaAccessTests {
    private func add(
        _ name: String, _ roles: Set<Role>, prefixes: [String] = [], to broker: TestBroker
    ) throws {
        let user = User(
            name: name, roles: roles, prefixes: prefixes,
            credential: ScramCredential(
                password: "secret-\(name)", salt: [1, 2, 3], iterations: 16))
        _ = try broker.log.append(
            try RecordBatch.encode([user.record(time: 1)]), to: .catalog)
    }

    private func logIn(
        _ client: RawKafkaClient, _ user: String, password: String? = nil
    ) throws -> KafkaErrorCode {
        let hand = try client.ask(
            .saslHandshake, SaslHandshakeRequest(mechanism: "PLAIN"), SaslHandshakeResponse.self)
        #expect(hand.error == .none)
        let token = "\0\(user)\0\(password ?? "secret-\(user)")"
        return try client.ask(
            .saslAuthenticate, SaslAuthenticateRequest(token: Array(token.utf8)),
            SaslAuthenticateResponse.self
        ).error
    }

    private func metadata(_ client: RawKafkaClient, _ names: [String]?) throws -> [String] {
        try client.ask(
            .metadata,
            MetadataRequest(
                topics: names, allowsCreation: false, includesClusterRights: false,
                includesTopicRights: false), MetadataResponse.self
        ).topics.map { "\($0.name) \($0.error)" }
    }

    @Test func `strangers at a protected node get ApiVersions and the handshake, no more`() throws {
        let broker = try TestBroker()
        let early = try broker.client()
        _ = try early.create("a")
        try add("ada", [.operator], to: broker)
        #expect(throws: (any Error).self, "a connection from before") {
            try metadata(early, nil)
        }
        let stranger = try broker.client()
        let offer = try stranger.ask(
            .apiVersions, ApiVersionsRequest(softwareName: "", softwareVersion: ""),
            ApiVersionsResponse.self)
        #expect(offer.error == .none)
        for api in [KafkaAPI.metadata, .produce, .fetch, .joinGroup, .createTopics] {
            let stranger = try broker.client()
            try stranger.send(api, MetadataRequest(
                topics: [], allowsCreation: false, includesClusterRights: false,
                includesTopicRights: false))
            #expect(try stranger.isClosed())
        }
        // A frame longer than strangers need is not waited for.
        let long = try broker.client()
        try long.write([0, 0, 0x30, 0, 0, 3, 0, 4])
        #expect(try long.isClosed())
    }

    @Test func `the right password opens, a wrong one closes`() throws {
        let broker = try TestBroker()
        try add("ada", [.operator], to: broker)
        let client = try broker.client()
        #expect(try logIn(client, "ada") == .none)
        #expect(try metadata(client, []) == [])
        for (user, password) in [("ada", "wrong"), ("bob", "secret-bob")] {
            let client = try broker.client()
            #expect(try logIn(client, user, password: password) == .saslAuthenticationFailed)
            #expect(try client.isClosed())
        }
        let other = try broker.client()
        let hand = try other.ask(
            .saslHandshake, SaslHandshakeRequest(mechanism: "GSSAPI"), SaslHandshakeResponse.self)
        #expect(hand.error == .unsupportedSaslMechanism)
        #expect(hand.mechanisms == ["SCRAM-SHA-256", "PLAIN"])
        let rash = try broker.client()
        let early = try rash.ask(
            .saslAuthenticate, SaslAuthenticateRequest(token: []), SaslAuthenticateResponse.self)
        #expect(early.error == .illegalSaslState)
        // Who is taken away is a stranger from the next request on.
        _ = try broker.log.append(
            try RecordBatch.encode([User.removal(of: "ada", time: 2)]), to: .catalog)
        #expect(throws: (any Error).self) { try metadata(client, []) }
    }

    @Test func `roles and prefixes decide what a user may do`() throws {
        let broker = try TestBroker()
        let setup = try broker.client()
        for topic in ["sales.a", "other"] {
            _ = try setup.create(topic)
            _ = try setup.produce(batch(["x"]), to: topic)
        }
        try add("writer", [.producer], prefixes: ["sales."], to: broker)
        try add("reader", [.scientist], prefixes: ["sales."], to: broker)
        try add("auditor", [.auditor], to: broker)
        try add("boss", [.operator], to: broker)
        func client(_ user: String) throws -> RawKafkaClient {
            let client = try broker.client()
            #expect(try logIn(client, user) == .none)
            return client
        }
        let (writer, reader) = (try client("writer"), try client("reader"))
        let (auditor, boss) = (try client("auditor"), try client("boss"))
        #expect(try writer.produce(batch(["y"]), to: "sales.a").error == .none)
        #expect(try writer.produce(batch(["y"]), to: "other").error == .topicAuthorizationFailed)
        #expect(try reader.produce(batch(["y"]), to: "sales.a").error == .topicAuthorizationFailed)
        #expect(try boss.produce(batch(["y"]), to: "other").error == .none)
        func read(_ client: RawKafkaClient, _ topic: String) throws -> KafkaErrorCode {
            try client.fetch(RawKafkaClient.fetch(topic, from: 0)).error
        }
        #expect(try read(reader, "sales.a") == .none)
        #expect(try read(reader, "other") == .topicAuthorizationFailed)
        #expect(try read(reader, "varve.all") == .topicAuthorizationFailed)
        #expect(try read(writer, "sales.a") == .topicAuthorizationFailed)
        #expect(try read(auditor, "other") == .none)
        #expect(try read(auditor, "varve.all") == .none)
        #expect(try read(auditor, "varve.catalog") == .none)
        #expect(try metadata(reader, nil) == ["sales.a NONE"])
        #expect(try metadata(reader, ["other"]) == ["other TOPIC_AUTHORIZATION_FAILED"])
        func delete(_ client: RawKafkaClient) throws -> KafkaErrorCode {
            try client.ask(
                .deleteTopics, DeleteTopicsRequest(names: ["other"], timeoutMilliseconds: 100),
                DeleteTopicsResponse.self
            ).topics[0].error
        }
        #expect(try delete(writer) == .topicAuthorizationFailed)
        #expect(try delete(boss) == .none)
        func group(_ client: RawKafkaClient) throws -> KafkaErrorCode {
            try client.ask(.listGroups, ListGroupsRequest(), ListGroupsResponse.self).error
        }
        #expect(try group(writer) == .groupAuthorizationFailed)
        #expect(try group(reader) == .none)
        func commit(_ topic: String) throws -> KafkaErrorCode {
            try reader.ask(
                .offsetCommit,
                OffsetCommitRequest(
                    group: "g", generation: -1, member: "", instanceID: nil,
                    retentionMilliseconds: -1,
                    topics: [
                        .init(
                            name: topic,
                            partitions: [
                                .init(
                                    index: 0, offset: 1, leaderEpoch: -1, timestamp: -1,
                                    metadata: nil)
                            ])
                    ]), OffsetCommitResponse.self
            ).topics[0].partitions[0].error
        }
        #expect(try commit("sales.a") == .none)
        #expect(try commit("other") == .topicAuthorizationFailed)
    }
}
