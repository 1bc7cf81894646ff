import Testing
import VarveBytes
import VarveLog
import VarveNode
import VarveProtocols

@Suite struct KafkaGroupTests {
    private static func options() -> KafkaServer.Options {
        var options = KafkaServer.Options()
        options.initialRebalanceDelay = .milliseconds(1)
        return options
    }

    private func joinRequest(_ member: String) -> JoinGroupRequest {
        JoinGroupRequest(
            group: "readers", sessionTimeoutMilliseconds: 10_000,
            rebalanceTimeoutMilliseconds: 10_000, member: member, instanceID: nil,
            protocolType: "consumer",
            protocols: [.init(name: "range", metadata: [0, 0, 0, 0, 0, 1, 0, 1, 97])])
    }

    /// Joins as the only member; answers its id and generation, after the assignment.
    private func join(_ client: RawKafkaClient) throws -> (member: String, generation: Int32) {
        let first = try client.ask(.joinGroup, joinRequest(""), JoinGroupResponse.self)
        #expect(first.error == .memberIDRequired)
        let joined = try client.ask(
            .joinGroup, joinRequest(first.member), JoinGroupResponse.self)
        #expect(joined.error == .none)
        #expect(joined.leader == joined.member)
        let synced = try client.ask(
            .syncGroup,
            SyncGroupRequest(
                group: "readers", generation: joined.generation, member: joined.member,
                instanceID: nil,
                assignments: [.init(member: joined.member, assignment: [7, 8])]),
            SyncGroupResponse.self)
        #expect(synced.error == .none)
        #expect(synced.assignment == [7, 8])
        return (joined.member, joined.generation)
    }

    private func commit(
        _ offset: Int64, topic: String = "a", partition: Int32 = 0, generation: Int32 = -1,
        member: String = "", metadata: String? = "w"
    ) -> OffsetCommitRequest {
        OffsetCommitRequest(
            group: "readers", generation: generation, member: member, instanceID: nil,
            retentionMilliseconds: -1,
            topics: [
                .init(
                    name: topic,
                    partitions: [
                        .init(
                            index: partition, offset: offset, leaderEpoch: 1, timestamp: -1,
                            metadata: metadata)
                    ])
            ])
    }

    private func error(
        _ client: RawKafkaClient, _ request: OffsetCommitRequest
    ) throws -> KafkaErrorCode {
        try client.ask(.offsetCommit, request, OffsetCommitResponse.self)
            .topics[0].partitions[0].error
    }

    @Test func `a coordinator is found for groups, and none for transactions`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        for version in KafkaAPI.findCoordinator.versions {
            let found = try client.ask(
                .findCoordinator, FindCoordinatorRequest(key: "readers", keyType: 0),
                FindCoordinatorResponse.self, version: version)
            #expect(found.error == .none)
            #expect(found.node == 0)
            #expect(found.port == Int32(broker.port))
        }
        let refused = try client.ask(
            .findCoordinator, FindCoordinatorRequest(key: "t", keyType: 1),
            FindCoordinatorResponse.self)
        #expect(refused.error == .transactionalIDAuthorizationFailed)
        #expect(refused.message?.contains("enable.idempotence") == true)
    }

    @Test func `two members share a group, and one takes over when the other leaves`() throws {
        let broker = try TestBroker(options: Self.options())
        let (first, second) = (try broker.client(), try broker.client())
        let (member, generation) = try join(first)
        let asked = try second.ask(.joinGroup, joinRequest(""), JoinGroupResponse.self)
        try second.send(.joinGroup, joinRequest(asked.member))
        // The second one's request is on another connection: it may not be there yet.
        let beat = HeartbeatRequest(
            group: "readers", generation: generation, member: member, instanceID: nil)
        var error = KafkaErrorCode.none
        while error == .none {
            error = try first.ask(.heartbeat, beat, HeartbeatResponse.self).error
        }
        #expect(error == .rebalanceInProgress)
        try first.send(.joinGroup, joinRequest(member))
        let leader = try first.receive(JoinGroupResponse.self, .joinGroup).response
        let follower = try second.receive(JoinGroupResponse.self, .joinGroup).response
        #expect(leader.generation == generation + 1)
        #expect(follower.generation == generation + 1)
        #expect(leader.members.map(\.id) == [member, asked.member])
        #expect(follower.members.isEmpty)
        try second.send(
            .syncGroup,
            SyncGroupRequest(
                group: "readers", generation: follower.generation, member: asked.member,
                instanceID: nil, assignments: []))
        try first.send(
            .syncGroup,
            SyncGroupRequest(
                group: "readers", generation: leader.generation, member: member,
                instanceID: nil,
                assignments: [
                    .init(member: member, assignment: [1]),
                    .init(member: asked.member, assignment: [2]),
                ]))
        #expect(try first.receive(SyncGroupResponse.self, .syncGroup).response.assignment == [1])
        #expect(try second.receive(SyncGroupResponse.self, .syncGroup).response.assignment == [2])
        let left = try first.ask(
            .leaveGroup,
            LeaveGroupRequest(
                group: "readers", member: "", members: [.init(id: member, instanceID: nil)]),
            LeaveGroupResponse.self)
        #expect(left.members.map(\.error) == [.none])
        let again = try second.ask(
            .joinGroup, joinRequest(asked.member), JoinGroupResponse.self)
        #expect(again.leader == asked.member)
        #expect(again.members.count == 1)
    }

    @Test func `offsets are committed by members, and found again after a restart`() throws {
        let broker = try TestBroker(options: Self.options(), keepsGroups: true)
        let client = try broker.client()
        _ = try client.create("a")
        let (member, generation) = try join(client)
        func code(_ request: OffsetCommitRequest) throws -> KafkaErrorCode {
            try error(client, request)
        }
        #expect(try code(commit(5, generation: generation, member: member)) == .none)
        #expect(try code(commit(6, generation: 77, member: member)) == .illegalGeneration)
        #expect(try code(commit(6)) == .unknownMemberID)
        #expect(
            try code(commit(6, topic: "no", generation: generation, member: member))
                == .unknownTopicOrPartition)
        let words = String(repeating: "w", count: 5000)
        #expect(
            try code(commit(6, generation: generation, member: member, metadata: words))
                == .offsetMetadataTooLarge)
        for _ in 0..<2 {
            for version in KafkaAPI.offsetFetch.versions {
                let found = try broker.client().ask(
                    .offsetFetch,
                    OffsetFetchRequest(
                        group: "readers", topics: [.init(name: "a", partitions: [0, 1])]),
                    OffsetFetchResponse.self, version: version)
                #expect(found.topics[0].partitions.map(\.offset) == [5, -1])
                #expect(found.topics[0].partitions.map(\.metadata) == ["w", ""])
            }
            let all = try broker.client().ask(
                .offsetFetch, OffsetFetchRequest(group: "readers", topics: nil),
                OffsetFetchResponse.self)
            #expect(all.topics.map(\.name) == ["a"])
            try broker.restart()
        }
        let late = try broker.client()
        let answer = try error(late, commit(6, generation: generation, member: member))
        #expect(answer == .illegalGeneration, "the members of the life before join again")
        #expect(try error(late, commit(6)) == .none)
    }

    @Test func `groups are listed, described and deleted`() throws {
        let broker = try TestBroker(options: Self.options())
        let client = try broker.client()
        _ = try client.create("a")
        _ = try client.create("b")
        let (member, generation) = try join(client)
        for topic in ["a", "b"] {
            let request = commit(3, topic: topic, generation: generation, member: member)
            #expect(try error(client, request) == .none)
        }
        let list = try client.ask(.listGroups, ListGroupsRequest(), ListGroupsResponse.self)
        #expect(list.groups == [.init(id: "readers", protocolType: "consumer")])
        func describe(_ name: String) throws -> DescribeGroupsResponse.Group {
            try client.ask(
                .describeGroups, DescribeGroupsRequest(groups: [name], includesRights: false),
                DescribeGroupsResponse.self
            ).groups[0]
        }
        let stable = try describe("readers")
        #expect(stable.state == "Stable")
        #expect(stable.protocolName == "range")
        #expect(stable.members.map(\.assignment) == [[7, 8]])
        #expect(stable.members.map(\.clientHost) == ["/127.0.0.1"])
        #expect(try describe("nobody").state == "Dead")
        func delete(_ name: String) throws -> KafkaErrorCode {
            try client.ask(
                .deleteGroups, DeleteGroupsRequest(groups: [name]), DeleteGroupsResponse.self
            ).results[0].error
        }
        #expect(try delete("readers") == .nonEmptyGroup)
        #expect(try delete("nobody") == .groupIDNotFound)
        let forgotten = try client.ask(
            .offsetDelete,
            OffsetDeleteRequest(
                group: "readers",
                topics: [.init(name: "a", partitions: [0]), .init(name: "b", partitions: [0])]),
            OffsetDeleteResponse.self)
        #expect(
            forgotten.topics.map { $0.partitions[0].error } == [.groupSubscribedToTopic, .none])
        _ = try client.ask(
            .leaveGroup,
            LeaveGroupRequest(
                group: "readers", member: "", members: [.init(id: member, instanceID: nil)]),
            LeaveGroupResponse.self)
        #expect(try describe("readers").state == "Empty")
        #expect(try delete("readers") == .none)
        #expect(try describe("readers").state == "Dead")
    }

    @Test func `a node that stops answers members that wait`() throws {
        var options = Self.options()
        options.initialRebalanceDelay = .seconds(100)
        let broker = try TestBroker(options: options)
        let client = try broker.client()
        try client.send(.joinGroup, joinRequest(""), version: 3)
        // The answer to a request after it shows that it waits.
        let other = try broker.client()
        _ = try other.ask(.listGroups, ListGroupsRequest(), ListGroupsResponse.self)
        broker.server.stop()
        let answer = try client.receive(JoinGroupResponse.self, .joinGroup, version: 3).response
        #expect(answer.error == .coordinatorNotAvailable)
    }
}
