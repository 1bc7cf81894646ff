import Testing
import VarveBytes
import VarveProtocols

@Suite struct KafkaGroupMessageTests {
    @Test func `FindCoordinator comes back in every version`() throws {
        try checkMessage(FindCoordinatorRequest(key: "readers", keyType: 1), 0...2)
        try checkMessage(
            FindCoordinatorResponse(
                throttleMilliseconds: 2, error: .coordinatorNotAvailable, message: "wait",
                node: 0, host: "localhost", port: 9092), 0...2)
    }

    @Test func `JoinGroup comes back in every version`() throws {
        try checkMessage(
            JoinGroupRequest(
                group: "readers", sessionTimeoutMilliseconds: 45000,
                rebalanceTimeoutMilliseconds: 300_000, member: "m-1", instanceID: "i-1",
                protocolType: "consumer",
                protocols: [
                    .init(name: "range", metadata: [1, 2, 3]), .init(name: "sticky", metadata: []),
                ]), 0...5)
        try checkMessage(
            JoinGroupResponse(
                throttleMilliseconds: 1, error: .memberIDRequired, generation: 7,
                protocolName: "range", leader: "m-1", member: "m-2",
                members: [
                    .init(id: "m-1", instanceID: "i-1", metadata: [1]),
                    .init(id: "m-2", instanceID: nil, metadata: []),
                ]), 0...5)
    }

    @Test func `SyncGroup and Heartbeat come back in every version`() throws {
        try checkMessage(
            SyncGroupRequest(
                group: "readers", generation: 7, member: "m-1", instanceID: "i-1",
                assignments: [
                    .init(member: "m-1", assignment: [4, 5]), .init(member: "m-2", assignment: []),
                ]), 0...3)
        try checkMessage(
            SyncGroupResponse(
                throttleMilliseconds: 1, error: .rebalanceInProgress, assignment: [9]), 0...3)
        try checkMessage(
            HeartbeatRequest(group: "readers", generation: 7, member: "m-1", instanceID: "i"),
            0...3)
        try checkMessage(
            HeartbeatResponse(throttleMilliseconds: 1, error: .illegalGeneration), 0...3)
    }

    @Test func `LeaveGroup comes back in every version`() throws {
        try checkMessage(LeaveGroupRequest(group: "readers", member: "m-1", members: []), 0...2)
        try checkMessage(
            LeaveGroupRequest(
                group: "readers", member: "",
                members: [.init(id: "m-1", instanceID: nil), .init(id: "", instanceID: "i-1")]),
            3...3)
        try checkMessage(
            LeaveGroupResponse(
                throttleMilliseconds: 1, error: .none,
                members: [.init(id: "m-1", instanceID: "i-1", error: .unknownMemberID)]), 0...3)
    }

    @Test func `OffsetCommit comes back in every version`() throws {
        let partition = OffsetCommitRequest.Partition(
            index: 2, offset: 1 << 40, leaderEpoch: 3, timestamp: -1, metadata: "words")
        try checkMessage(
            OffsetCommitRequest(
                group: "readers", generation: 7, member: "m-1", instanceID: "i-1",
                retentionMilliseconds: -1,
                topics: [.init(name: "events", partitions: [partition])]), 1...7)
        try checkMessage(
            OffsetCommitResponse(
                throttleMilliseconds: 1,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(index: 2, error: .none),
                            .init(index: 3, error: .offsetMetadataTooLarge),
                        ])
                ]), 1...7)
    }

    @Test func `OffsetFetch comes back in every version`() throws {
        try checkMessage(
            OffsetFetchRequest(
                group: "readers", topics: [.init(name: "events", partitions: [0, 1])]), 1...5)
        try checkMessage(OffsetFetchRequest(group: "readers", topics: nil), 2...5)
        try checkMessage(
            OffsetFetchResponse(
                throttleMilliseconds: 1,
                topics: [
                    .init(
                        name: "events",
                        partitions: [
                            .init(
                                index: 0, offset: 10, leaderEpoch: 2, metadata: nil, error: .none)
                        ])
                ], error: .coordinatorLoadInProgress), 1...5)
    }

    @Test func `DescribeGroups and ListGroups come back in every version`() throws {
        try checkMessage(
            DescribeGroupsRequest(groups: ["a", "b"], includesRights: true), 0...4)
        try checkMessage(
            DescribeGroupsResponse(
                throttleMilliseconds: 1,
                groups: [
                    .init(
                        error: .none, id: "a", state: "Stable", protocolType: "consumer",
                        protocolName: "range",
                        members: [
                            .init(
                                id: "m-1", instanceID: "i", clientID: "c", clientHost: "/::1",
                                metadata: [1], assignment: [2])
                        ], rights: 3)
                ]), 0...4)
        try checkMessage(ListGroupsRequest(), 0...2)
        try checkMessage(
            ListGroupsResponse(
                throttleMilliseconds: 1, error: .none,
                groups: [.init(id: "a", protocolType: "consumer")]), 0...2)
    }

    @Test func `DeleteGroups and OffsetDelete come back in every version`() throws {
        try checkMessage(DeleteGroupsRequest(groups: ["a"]), 0...1)
        try checkMessage(
            DeleteGroupsResponse(
                throttleMilliseconds: 1, results: [.init(group: "a", error: .nonEmptyGroup)]),
            0...1)
        try checkMessage(
            OffsetDeleteRequest(group: "a", topics: [.init(name: "t", partitions: [1])]), 0...0)
        try checkMessage(
            OffsetDeleteResponse(
                error: .groupIDNotFound, throttleMilliseconds: 1,
                topics: [
                    .init(
                        name: "t",
                        partitions: [.init(index: 1, error: .groupSubscribedToTopic)])
                ]), 0...0)
    }

    @Test func `a subscription names its topics, other bytes none`() {
        let subscription: [UInt8] = [0, 1, 0, 0, 0, 2, 0, 1, 97, 0, 2, 98, 99, 255, 255, 255, 255]
        #expect(Subscription.topics(in: subscription) == ["a", "bc"])
        for end in 0..<13 { #expect(Subscription.topics(in: Array(subscription[..<end])) == nil) }
    }
}
