import VarveProtocols

/// One consumer group: who takes part, in which generation, and who does what. Pure: requests and
/// the time come in, answers go out; whoever owns it waits and sends.
///
///              first member            all joined, or time is up
///     empty ----------------> preparing --------------------------> completing
///       ^                      ^   ^  |                               |     |
///       |  nobody joined       |   |  +-------------------------------+     | the leader's
///       +----------------------+   |     a member is late or leaves         | assignments
///                                  |                                        v
///                                  +------------------------------------ stable
///                                    a member joins, leaves or is silent
///
/// Invariants, held by `ConsumerGroupTests`:
/// I1  generations ascend; members of one generation are told the same protocol and leader.
/// I2  a member of a generation gets the leader's assignment for it, and no other.
/// I3  a round ends: after the longest rebalance timeout at the latest, with those who came.
/// I4  a member that is silent for its session timeout is given up, one that is not stays.
/// I5  an instance has one member; the one before is fenced.
/// I6  every request that waits is answered once.
struct ConsumerGroup {
    /// Time since some fixed instant.
    typealias Time = Duration

    /// Names a request that waits for its answer.
    struct Ticket: Hashable {
        let number: UInt64
    }

    /// An answer to a request that waited.
    enum Answer: Equatable {
        case join(Ticket, JoinGroupResponse)
        case sync(Ticket, SyncGroupResponse)
    }

    /// Where the group stands. The names are Kafka's.
    enum Phase: String {
        case empty = "Empty"
        case preparing = "PreparingRebalance"
        case completing = "CompletingRebalance"
        case stable = "Stable"
    }

    /// Bounds and delays.
    struct Limits {
        /// What a member may ask for.
        var sessionTimeouts = Duration.seconds(6)...Duration.seconds(1800)
        /// How long the first members of an empty group wait for others.
        var initialDelay = Duration.milliseconds(250)
        var members = 1000
        /// Bytes of one member's protocols.
        var protocolBytes = 1 << 20
    }

    /// Who sent a request.
    struct Client: Equatable {
        var id: String
        var host: String
    }

    /// A member.
    struct Member {
        let id: String
        let instanceID: String?
        var client: Client
        var sessionTimeout: Duration
        var rebalanceTimeout: Duration
        var protocols: [JoinGroupRequest.GroupProtocol]
        /// Its part in the present generation.
        var assignment: [UInt8] = []
        /// Its JoinGroup that waits.
        var joining: Ticket?
        /// Its SyncGroup that waits.
        var syncing: Ticket?
        /// Whether it has asked for its part since the generation began.
        var hasSynced = true
        /// When it is given up, unless a request of it waits.
        var deadline: Time

        var isWaiting: Bool { joining != nil || syncing != nil }
    }

    let id: String
    let limits: Limits
    var phase = Phase.empty
    var generation: Int32 = 0
    var protocolType = ""
    var protocolName = ""
    var leader = ""
    /// In the order of their joining.
    var members: [Member] = []
    /// Ids given out that have not come back yet, and when they are forgotten.
    var pending: [String: Time] = [:]
    /// When the round ends, while preparing or completing.
    var roundEnd: Time = .zero
    /// While the first members wait for others: when that ends at the latest.
    var initialEnd: Time?
    private var answers: [Answer] = []

    init(id: String, limits: Limits) {
        self.id = id
        self.limits = limits
    }

    /// Whether nothing is lost when it is forgotten.
    var isForgettable: Bool { phase == .empty && pending.isEmpty }

    /// The answers to requests that waited, since they were last taken.
    mutating func takeAnswers() -> [Answer] {
        defer { answers = [] }
        return answers
    }

    /// When `advance` should be called next; nil when time changes nothing.
    var nextDeadline: Time? {
        var next = pending.values.min()
        func consider(_ time: Time) { next = min(next ?? time, time) }
        if phase == .preparing || phase == .completing { consider(roundEnd) }
        for member in members where !member.isWaiting { consider(member.deadline) }
        return next
    }

    /// Lets time pass.
    mutating func advance(to now: Time) {
        pending = pending.filter { $0.value > now }
        for member in members where !member.isWaiting && member.deadline <= now {
            remove(member.id, at: now)
        }
        switch phase {
        case .empty, .stable: break
        case .preparing:
            if roundEnd <= now { completeRound(at: now) } else { completeRoundIfReady(at: now) }
        case .completing:
            if roundEnd <= now {
                // Whoever did not ask for its part is taken for dead; the others join again.
                for member in members where !member.hasSynced { remove(member.id, at: now) }
                if phase == .completing { startRound(at: now) }
            }
        }
    }

    // MARK: Members

    func index(of member: String) -> Int? { members.firstIndex { $0.id == member } }

    func index(ofInstance instance: String) -> Int? {
        members.firstIndex { $0.instanceID == instance }
    }

    /// Whether a request comes from a member; `none` when it does.
    func check(_ member: String, _ instance: String?) -> KafkaErrorCode {
        if let instance {
            guard let index = index(ofInstance: instance) else { return .unknownMemberID }
            return members[index].id == member ? .none : .fencedInstanceID
        }
        return index(of: member) == nil ? .unknownMemberID : .none
    }

    /// Gives a member up: its waiting requests are answered, and the others share its part.
    mutating func remove(_ member: String, at now: Time) {
        guard let index = index(of: member) else { return }
        refuseWaiting(of: index, with: .unknownMemberID)
        members.remove(at: index)
        if leader == member { leader = members.first?.id ?? "" }
        switch phase {
        case .empty: break
        case .preparing: completeRoundIfReady(at: now)
        case .completing, .stable: startRound(at: now)
        }
    }

    /// Answers whatever waits of a member with an error.
    mutating func refuseWaiting(of index: Int, with error: KafkaErrorCode) {
        let member = members[index]
        if let ticket = member.joining { answer(.join(ticket, .failure(error, member.id))) }
        if let ticket = member.syncing { answer(.sync(ticket, .failure(error))) }
        members[index].joining = nil
        members[index].syncing = nil
    }

    mutating func answer(_ answer: Answer) { answers.append(answer) }

    /// The client of a waiting request has gone: its member has a session timeout to come back.
    mutating func abandon(_ ticket: Ticket, at now: Time) {
        for index in members.indices {
            guard members[index].joining == ticket || members[index].syncing == ticket else {
                continue
            }
            members[index].joining = nil
            members[index].syncing = nil
            members[index].deadline = now + members[index].sessionTimeout
        }
    }

    // MARK: Rounds

    /// Starts to gather the next generation.
    mutating func startRound(at now: Time) {
        let isFirst = phase == .empty
        for index in members.indices {
            if let ticket = members[index].syncing {
                answer(.sync(ticket, .failure(.rebalanceInProgress)))
                members[index].syncing = nil
                members[index].deadline = now + members[index].sessionTimeout
            }
        }
        phase = .preparing
        let longest = members.map(\.rebalanceTimeout).max() ?? .zero
        if isFirst {
            initialEnd = now + longest
            roundEnd = now + min(limits.initialDelay, longest)
        } else {
            initialEnd = nil
            roundEnd = now + longest
        }
        completeRoundIfReady(at: now)
    }

    /// Another of the first members has come: the others may, too.
    mutating func extendInitialDelay(at now: Time) {
        if let end = initialEnd { roundEnd = min(end, now + limits.initialDelay) }
    }

    /// Ends the round early when nobody is missing.
    mutating func completeRoundIfReady(at now: Time) {
        guard phase == .preparing else { return }
        if members.isEmpty || isComplete && initialEnd == nil { completeRound(at: now) }
    }

    private var isComplete: Bool {
        pending.isEmpty && members.allSatisfy { $0.joining != nil }
    }

    /// Ends the round: those who joined are the next generation. Static members that did not are
    /// expected back, until their session times out.
    private mutating func completeRound(at now: Time) {
        members.removeAll { $0.joining == nil && $0.instanceID == nil }
        if !members.isEmpty, !members.contains(where: { $0.joining != nil }) {
            roundEnd = now + (members.map(\.rebalanceTimeout).max() ?? .zero)
            return
        }
        initialEnd = nil
        generation = generation == .max ? 1 : generation + 1
        guard !members.isEmpty else {
            (phase, leader, protocolName) = (.empty, "", "")
            return
        }
        if index(of: leader).map({ members[$0].joining == nil }) ?? true {
            leader = members.first { $0.joining != nil }?.id ?? ""
        }
        protocolName = chosenProtocol()
        phase = .completing
        roundEnd = now + (members.map(\.rebalanceTimeout).max() ?? .zero)
        for index in members.indices {
            members[index].assignment = []
            members[index].hasSynced = members[index].joining == nil
            guard let ticket = members[index].joining else { continue }
            members[index].joining = nil
            members[index].deadline = now + members[index].sessionTimeout
            answer(.join(ticket, membership(of: members[index])))
        }
    }

    /// Protocols that all members can follow.
    func commonProtocols() -> [String] {
        guard let first = members.first else { return [] }
        return first.protocols.map(\.name).filter { name in
            members.allSatisfy { $0.protocols.contains { $0.name == name } }
        }
    }

    /// The common protocol that most members like best; among equals the first member's choice.
    private func chosenProtocol() -> String {
        let common = commonProtocols()
        var votes: [String: Int] = [:]
        for member in members {
            if let vote = member.protocols.first(where: { common.contains($0.name) }) {
                votes[vote.name, default: 0] += 1
            }
        }
        let most = votes.values.max() ?? 0
        return common.first { votes[$0] == most } ?? ""
    }

    /// What a member is told of the generation.
    func membership(of member: Member) -> JoinGroupResponse {
        JoinGroupResponse(
            throttleMilliseconds: 0, error: .none, generation: generation,
            protocolName: protocolName, leader: leader, member: member.id,
            members: member.id == leader
                ? members.map {
                    .init(
                        id: $0.id, instanceID: $0.instanceID,
                        metadata: $0.metadata(for: protocolName))
                } : [])
    }
}

extension ConsumerGroup {
    /// Bytes of its members' subscriptions and assignments.
    var bytes: Int {
        members.reduce(0) { sum, member in
            member.protocols.reduce(sum + member.assignment.count) {
                $0 + $1.name.utf8.count + $1.metadata.count
            }
        }
    }
}

extension ConsumerGroup.Member {
    /// Its subscription by one protocol.
    func metadata(for name: String) -> [UInt8] {
        protocols.first { $0.name == name }?.metadata ?? []
    }
}

extension JoinGroupResponse {
    /// A refusal.
    static func failure(_ error: KafkaErrorCode, _ member: String) -> JoinGroupResponse {
        JoinGroupResponse(
            throttleMilliseconds: 0, error: error, generation: -1, protocolName: "", leader: "",
            member: member, members: [])
    }
}

extension SyncGroupResponse {
    /// A refusal.
    static func failure(_ error: KafkaErrorCode) -> SyncGroupResponse {
        SyncGroupResponse(throttleMilliseconds: 0, error: error, assignment: [])
    }
}
