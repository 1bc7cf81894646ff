import Testing
import VarveBytes
import VarveProtocols

@testable import VarveNode

@Suite struct ConsumerGroupTests {
    @Test(arguments: [UInt64(1), 1000, 2000, 3000])
    func `whatever happens, a group keeps its invariants and settles in the end`(
        _ first: UInt64
    ) {
        for seed in first..<(first + 100) {
            var schedule = GroupSchedule(
                seed: seed, clients: 1 + Int(seed % 6), statics: Int(seed % 3))
            for _ in 0..<300 { schedule.step() }
            // From here on everyone follows the protocol, and beats every three seconds.
            for _ in 0..<40 {
                for index in schedule.clients.indices { schedule.follow(index) }
                schedule.advance(by: .seconds(2))
            }
            #expect(schedule.isSettled, "seed \(seed): \(schedule.group.phase)")
            #expect(schedule.open.isEmpty, "I6, seed \(seed)")
        }
    }

    @Test func `a member that is silent loses its part, the others share it`() {
        var schedule = GroupSchedule(seed: 1, clients: 3, statics: 0)
        settle(&schedule)
        let generation = schedule.group.generation
        schedule.kill(1)
        schedule.advance(by: .seconds(5))
        for index in [0, 2] { schedule.follow(index) }
        #expect(schedule.group.members.count == 3, "its session is not over")
        schedule.advance(by: .seconds(5))
        #expect(schedule.group.members.count == 2)
        settle(&schedule)
        #expect(schedule.isSettled)
        #expect(schedule.group.generation == generation + 1)
    }

    @Test func `a static member that restarts takes its part up again, and nobody moves`() {
        var schedule = GroupSchedule(seed: 3, clients: 3, statics: 3)
        settle(&schedule)
        let generation = schedule.group.generation
        let before = schedule.group.members.map(\.assignment)
        schedule.kill(1)
        schedule.restart(1)
        // With the same subscription as before.
        let old = schedule.group.members[1]
        schedule.group.join(
            JoinGroupRequest(
                group: "readers", sessionTimeoutMilliseconds: 10_000,
                rebalanceTimeoutMilliseconds: 30_000, member: "", instanceID: "i1",
                protocolType: "consumer", protocols: old.protocols),
            requiresID: true, newID: "again", client: old.client, ticket: .init(number: 900),
            at: schedule.now)
        guard case .join(_, let response)? = schedule.group.takeAnswers().first else {
            Issue.record("no answer")
            return
        }
        #expect(response.error == .none)
        #expect(response.member == "again")
        #expect(response.generation == generation)
        #expect(response.members.isEmpty)
        #expect(schedule.group.phase == .stable)
        #expect(schedule.group.members.map(\.assignment) == before)
        let fenced = schedule.group.heartbeat(
            HeartbeatRequest(
                group: "readers", generation: generation, member: old.id, instanceID: "i1"),
            at: schedule.now)
        #expect(fenced == .fencedInstanceID)
    }

    @Test func `members without a common way to share are not taken in`() {
        var group = ConsumerGroup(id: "g", limits: .init())
        func join(_ names: [String], type: String = "consumer", session: Int32 = 10_000)
            -> KafkaErrorCode?
        {
            group.join(
                JoinGroupRequest(
                    group: "g", sessionTimeoutMilliseconds: session,
                    rebalanceTimeoutMilliseconds: -1, member: "", instanceID: nil,
                    protocolType: type,
                    protocols: names.map { .init(name: $0, metadata: []) }),
                requiresID: false, newID: "m\(group.members.count)",
                client: .init(id: "", host: ""), ticket: .init(number: 1), at: .zero)
            guard case .join(_, let response)? = group.takeAnswers().first else { return nil }
            return response.error
        }
        #expect(join(["range"], session: 100) == .invalidSessionTimeout)
        #expect(join([]) == .inconsistentGroupProtocol)
        #expect(join(["range"], type: "") == .inconsistentGroupProtocol)
        #expect(join(["range", "sticky"]) == nil)
        #expect(join(["cooperative"]) == .inconsistentGroupProtocol)
        #expect(join(["range"], type: "connect") == .inconsistentGroupProtocol)
        #expect(join(["cooperative", "range"]) == nil)
        group.advance(to: .seconds(1))
        #expect(group.phase == .completing)
        #expect(group.protocolName == "range")
    }

    @Test func `a commit counts only from a member of the present generation`() {
        var schedule = GroupSchedule(seed: 9, clients: 2, statics: 0)
        settle(&schedule)
        let member = schedule.group.members[0].id
        let generation = schedule.group.generation
        func commit(_ generation: Int32, _ member: String) -> KafkaErrorCode {
            schedule.group.mayCommit(
                OffsetCommitRequest(
                    group: "readers", generation: generation, member: member, instanceID: nil,
                    retentionMilliseconds: -1, topics: []), at: schedule.now)
        }
        #expect(commit(generation, member) == .none)
        #expect(commit(generation - 1, member) == .illegalGeneration)
        #expect(commit(generation, "nobody") == .unknownMemberID)
        #expect(commit(-1, "") == .unknownMemberID, "a bystander, while the group has members")
        for index in [0, 1] { schedule.leave(index) }
        #expect(commit(-1, "") == .none)
    }

    private func settle(_ schedule: inout GroupSchedule) {
        for _ in 0..<20 {
            for index in schedule.clients.indices { schedule.follow(index) }
            schedule.advance(by: .seconds(1))
        }
    }
}
