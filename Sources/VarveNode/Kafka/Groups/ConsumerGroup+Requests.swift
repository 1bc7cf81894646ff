import VarveProtocols

extension ConsumerGroup {
    // MARK: JoinGroup

    /// Takes a member into the next generation. The answer comes by `takeAnswers`, now or later.
    /// - Parameters:
    ///   - requiresID: whether a member without an id is sent away to come back with one; from
    ///     version 4 on, so that a client that repeats its request does not become two members.
    ///   - newID: an id that no member ever had.
    mutating func join(
        _ request: JoinGroupRequest, requiresID: Bool, newID: String, client: Client,
        ticket: Ticket, at now: Time
    ) {
        advance(to: now)
        let refusal = refusal(of: request)
        guard refusal == .none else {
            return answer(.join(ticket, .failure(refusal, request.member)))
        }
        let newcomer = Self.member(
            request.member.isEmpty ? newID : request.member, request, client, ticket, now)
        if request.member.isEmpty {
            if let instance = request.instanceID, let index = index(ofInstance: instance) {
                return replace(index, by: newcomer, ticket, at: now)
            }
            guard members.count + pending.count < limits.members else {
                return answer(.join(ticket, .failure(.groupMaxSizeReached, "")))
            }
            if requiresID, request.instanceID == nil {
                pending[newID] = now + newcomer.sessionTimeout
                return answer(.join(ticket, .failure(.memberIDRequired, newID)))
            }
            return add(newcomer, request.protocolType, at: now)
        }
        if pending.removeValue(forKey: request.member) != nil {
            return add(newcomer, request.protocolType, at: now)
        }
        let error = check(request.member, request.instanceID)
        guard error == .none, let index = index(of: request.member) else {
            return answer(.join(ticket, .failure(error, request.member)))
        }
        rejoin(index, newcomer, ticket, at: now)
    }

    private func refusal(of request: JoinGroupRequest) -> KafkaErrorCode {
        let timeout = Duration.milliseconds(Int64(request.sessionTimeoutMilliseconds))
        guard limits.sessionTimeouts.contains(timeout) else { return .invalidSessionTimeout }
        let size = request.protocols.reduce(0) { $0 + $1.name.utf8.count + $1.metadata.count }
        guard size <= limits.protocolBytes else { return .invalidRequest }
        guard !request.protocolType.isEmpty, !request.protocols.isEmpty else {
            return .inconsistentGroupProtocol
        }
        let others = members.filter {
            $0.id != request.member
                && (request.instanceID == nil || $0.instanceID != request.instanceID)
        }
        if others.isEmpty { return .none }
        let isCommon = request.protocols.contains { offered in
            others.allSatisfy { $0.protocols.contains { $0.name == offered.name } }
        }
        return isCommon && request.protocolType == protocolType ? .none : .inconsistentGroupProtocol
    }

    private static func member(
        _ id: String, _ request: JoinGroupRequest, _ client: Client, _ ticket: Ticket, _ now: Time
    ) -> Member {
        let session = Duration.milliseconds(Int64(request.sessionTimeoutMilliseconds))
        let rebalance = Duration.milliseconds(Int64(request.rebalanceTimeoutMilliseconds))
        return Member(
            id: id, instanceID: request.instanceID, client: client, sessionTimeout: session,
            rebalanceTimeout: rebalance > .zero ? rebalance : session,
            protocols: request.protocols, joining: ticket, deadline: now + session)
    }

    private mutating func add(_ newcomer: Member, _ protocolType: String, at now: Time) {
        if members.isEmpty {
            self.protocolType = protocolType
            leader = newcomer.id
        }
        members.append(newcomer)
        if phase == .preparing {
            extendInitialDelay(at: now)
            completeRoundIfReady(at: now)
        } else {
            startRound(at: now)
        }
    }

    /// A member asks again: because it was told to, because its subscription has changed, or
    /// because it did not hear the answer.
    private mutating func rejoin(
        _ index: Int, _ newcomer: Member, _ ticket: Ticket, at now: Time
    ) {
        let old = members[index]
        let isSame = old.protocols == newcomer.protocols
        let hearsAgain =
            switch phase {
            case .completing: isSame
            // A leader that asks wants a new generation.
            case .stable: isSame && old.id != leader
            case .empty, .preparing: false
            }
        refuseWaiting(of: index, with: .rebalanceInProgress)
        if hearsAgain {
            members[index].deadline = now + old.sessionTimeout
            return answer(.join(ticket, membership(of: members[index])))
        }
        members[index].client = newcomer.client
        members[index].sessionTimeout = newcomer.sessionTimeout
        members[index].rebalanceTimeout = newcomer.rebalanceTimeout
        members[index].protocols = newcomer.protocols
        members[index].joining = ticket
        members[index].deadline = newcomer.deadline
        if phase == .preparing { completeRoundIfReady(at: now) } else { startRound(at: now) }
    }

    /// A static member comes back after a restart, under a new id: it takes over the part of the
    /// one before, which is fenced.
    private mutating func replace(
        _ index: Int, by newcomer: Member, _ ticket: Ticket, at now: Time
    ) {
        let isUnchanged = phase == .stable && members[index].protocols == newcomer.protocols
        refuseWaiting(of: index, with: .fencedInstanceID)
        let (oldLeader, wasLeader) = (leader, leader == members[index].id)
        var member = newcomer
        member.assignment = members[index].assignment
        if isUnchanged { member.joining = nil }
        members[index] = member
        if wasLeader { leader = member.id }
        if isUnchanged {
            // Nobody needs to move. It is not told that it leads, so that it assigns nothing.
            var told = membership(of: member)
            told.leader = oldLeader
            told.members = []
            answer(.join(ticket, told))
        } else if phase == .preparing {
            completeRoundIfReady(at: now)
        } else {
            startRound(at: now)
        }
    }

    // MARK: SyncGroup

    /// Hands a member its part, once the leader has handed all parts in.
    mutating func sync(_ request: SyncGroupRequest, ticket: Ticket, at now: Time) {
        advance(to: now)
        var error = check(request.member, request.instanceID)
        if error == .none, request.generation != generation { error = .illegalGeneration }
        if error == .none, phase == .preparing { error = .rebalanceInProgress }
        guard error == .none, let index = index(of: request.member) else {
            return answer(.sync(ticket, .failure(error)))
        }
        if let earlier = members[index].syncing {
            answer(.sync(earlier, .failure(.rebalanceInProgress)))
        }
        members[index].syncing = ticket
        members[index].hasSynced = true
        if phase == .completing, request.member == leader {
            for index in members.indices {
                members[index].assignment =
                    request.assignments.first { $0.member == members[index].id }?.assignment ?? []
            }
            phase = .stable
        }
        guard phase == .stable else { return }
        for index in members.indices {
            guard let ticket = members[index].syncing else { continue }
            members[index].syncing = nil
            members[index].deadline = now + members[index].sessionTimeout
            answer(
                .sync(
                    ticket,
                    SyncGroupResponse(
                        throttleMilliseconds: 0, error: .none,
                        assignment: members[index].assignment)))
        }
    }

    // MARK: The others

    /// A member is alive.
    mutating func heartbeat(_ request: HeartbeatRequest, at now: Time) -> KafkaErrorCode {
        advance(to: now)
        let error = check(request.member, request.instanceID)
        guard error == .none, let index = index(of: request.member) else { return error }
        guard request.generation == generation else { return .illegalGeneration }
        members[index].deadline = now + members[index].sessionTimeout
        return phase == .preparing ? .rebalanceInProgress : .none
    }

    /// A member ends its part; named by id, by instance, or both.
    mutating func leave(_ member: String, instance: String?, at now: Time) -> KafkaErrorCode {
        advance(to: now)
        if pending.removeValue(forKey: member) != nil {
            completeRoundIfReady(at: now)
            return .none
        }
        var id = member
        if member.isEmpty, let instance, let index = index(ofInstance: instance) {
            id = members[index].id
        }
        let error = check(id, instance)
        if error == .none { remove(id, at: now) }
        return error
    }

    /// Whether a client may commit offsets for the group.
    mutating func mayCommit(_ request: OffsetCommitRequest, at now: Time) -> KafkaErrorCode {
        advance(to: now)
        // A client that assigns partitions itself is no member.
        if request.generation < 0, request.member.isEmpty, request.instanceID == nil {
            return members.isEmpty ? .none : .unknownMemberID
        }
        let error = check(request.member, request.instanceID)
        guard error == .none, let index = index(of: request.member) else { return error }
        guard request.generation == generation else { return .illegalGeneration }
        members[index].deadline = now + members[index].sessionTimeout
        return phase == .completing ? .rebalanceInProgress : .none
    }
}
