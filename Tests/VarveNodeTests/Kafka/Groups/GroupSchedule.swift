import Testing
import VarveTestSupport
import VarveBytes
import VarveProtocols

@testable import VarveNode

/// A group and simulated members that follow a random schedule: they join, sync, beat, leave, go
/// silent and come back, at virtual times. Checks the group's invariants after every step.
struct GroupSchedule {
    typealias Ticket = ConsumerGroup.Ticket

    /// A member's side of the protocol.
    struct Client {
        let number: Int
        let instance: String?
        var member = ""
        var generation: Int32 = -1
        var waitsFor: Waits?
        /// What it was told to assign, when it leads.
        var toAssign: [String]?
        var hasPart = false
        /// The last time it was heard.
        var heard = Duration.zero
        var isDead = false
    }

    enum Waits: Equatable {
        case join(Ticket)
        case sync(Ticket)
    }

    static let session = Duration.seconds(10)
    static let rebalance = Duration.seconds(30)

    var random: SplitMix64
    let seed: UInt64
    var group: ConsumerGroup
    var clients: [Client]
    var now = Duration.zero
    private var nextTicket: UInt64 = 0
    private var nextID = 0
    /// Requests without an answer.
    private(set) var open: Set<Ticket> = []
    /// By generation: its leader and protocol, as every member was told.
    private var told: [Int32: String] = [:]
    /// By generation and member: the part that the leader gave it.
    private var assigned: [Int32: [String: [UInt8]]] = [:]
    private var lastGeneration: Int32 = 0

    init(seed: UInt64, clients count: Int, statics: Int) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        var limits = ConsumerGroup.Limits()
        limits.initialDelay = .milliseconds(500)
        group = ConsumerGroup(id: "readers", limits: limits)
        clients = (0..<count).map { Client(number: $0, instance: $0 < statics ? "i\($0)" : nil) }
    }

    private mutating func ticket() -> Ticket {
        defer { nextTicket += 1 }
        let ticket = Ticket(number: nextTicket)
        open.insert(ticket)
        return ticket
    }

    // MARK: Requests

    mutating func join(_ index: Int) {
        let ticket = ticket()
        let client = clients[index]
        clients[index].waitsFor = .join(ticket)
        clients[index].hasPart = false
        clients[index].heard = now
        nextID += 1
        let request = JoinGroupRequest(
            group: "readers", sessionTimeoutMilliseconds: 10_000,
            rebalanceTimeoutMilliseconds: 30_000, member: client.member,
            instanceID: client.instance, protocolType: "consumer",
            protocols: [
                .init(name: random.below(20) == 0 ? "odd" : "even", metadata: [UInt8(index)]),
                .init(name: "range", metadata: [UInt8(random.below(2))]),
            ])
        group.join(
            request, requiresID: random.below(2) == 0, newID: "m\(nextID)",
            client: .init(id: "c", host: "h"), ticket: ticket, at: now)
        takeAnswers()
    }

    mutating func sync(_ index: Int) {
        let ticket = ticket()
        let client = clients[index]
        var assignments: [SyncGroupRequest.Assignment] = []
        if let members = client.toAssign {
            assignments = members.map {
                .init(member: $0, assignment: Array("\(client.generation)/\($0)".utf8))
            }
        }
        clients[index].waitsFor = .sync(ticket)
        clients[index].heard = now
        group.sync(
            SyncGroupRequest(
                group: "readers", generation: client.generation, member: client.member,
                instanceID: client.instance, assignments: assignments), ticket: ticket, at: now)
        takeAnswers()
    }

    mutating func beat(_ index: Int) {
        let client = clients[index]
        let error = group.heartbeat(
            HeartbeatRequest(
                group: "readers", generation: client.generation, member: client.member,
                instanceID: client.instance), at: now)
        if error == .none || error == .rebalanceInProgress { clients[index].heard = now }
        react(index, to: error)
        takeAnswers()
    }

    mutating func leave(_ index: Int) {
        _ = group.leave(clients[index].member, instance: clients[index].instance, at: now)
        forget(index)
        takeAnswers()
    }

    /// A client is killed: its connection closes, whatever waits on it.
    mutating func kill(_ index: Int) {
        switch clients[index].waitsFor {
        case .join(let ticket), .sync(let ticket):
            group.abandon(ticket, at: now)
            open.remove(ticket)
        case nil: break
        }
        clients[index].isDead = true
        takeAnswers()
    }

    private mutating func forget(_ index: Int) {
        let old = clients[index]
        clients[index] = Client(number: old.number, instance: old.instance)
        clients[index].heard = now
    }

    /// A killed client starts again, without what it knew.
    mutating func restart(_ index: Int) { forget(index) }

    private mutating func react(_ index: Int, to error: KafkaErrorCode) {
        switch error {
        case .none: break
        case .rebalanceInProgress, .illegalGeneration: clients[index].generation = -1
        case .unknownMemberID, .fencedInstanceID: forget(index)
        default: Issue.record("seed \(seed): unexpected \(error)")
        }
    }

    mutating func advance(by step: Duration) {
        now += step
        group.advance(to: now)
        takeAnswers()
    }

    // MARK: Answers

    mutating func takeAnswers() {
        for answer in group.takeAnswers() {
            switch answer {
            case .join(let ticket, let response): take(ticket, response)
            case .sync(let ticket, let response): take(ticket, response)
            }
        }
        check()
    }

    private mutating func take(_ ticket: Ticket, _ response: JoinGroupResponse) {
        #expect(open.remove(ticket) != nil, "I6, seed \(seed): answered twice")
        guard let index = clients.firstIndex(where: { $0.waitsFor == .join(ticket) }),
            !clients[index].isDead
        else { return }
        clients[index].waitsFor = nil
        if response.error == .memberIDRequired {
            clients[index].member = response.member
            return
        }
        react(index, to: response.error)
        guard response.error == .none else { return }
        clients[index].member = response.member
        clients[index].generation = response.generation
        clients[index].heard = now
        clients[index].toAssign =
            response.members.isEmpty ? nil : response.members.map(\.id)
        let story = response.protocolName
        #expect(told[response.generation] ?? story == story, "I1, seed \(seed)")
        told[response.generation] = story
        if !response.members.isEmpty {
            #expect(response.leader == response.member, "I1, seed \(seed)")
        }
    }

    private mutating func take(_ ticket: Ticket, _ response: SyncGroupResponse) {
        #expect(open.remove(ticket) != nil, "I6, seed \(seed): answered twice")
        guard let index = clients.firstIndex(where: { $0.waitsFor == .sync(ticket) }),
            !clients[index].isDead
        else { return }
        clients[index].waitsFor = nil
        react(index, to: response.error)
        guard response.error == .none else { return }
        let client = clients[index]
        clients[index].heard = now
        clients[index].hasPart = true
        // A static member that came back has the part of the one before.
        if client.instance == nil {
            #expect(
                String(decoding: response.assignment, as: UTF8.self)
                    == "\(client.generation)/\(client.member)", "I2, seed \(seed)")
        }
        let earlier = assigned[client.generation]?[client.member]
        #expect(earlier ?? response.assignment == response.assignment, "I2, seed \(seed)")
        assigned[client.generation, default: [:]][client.member] = response.assignment
    }

    private mutating func check() {
        #expect(group.generation >= lastGeneration, "I1, seed \(seed)")
        lastGeneration = group.generation
        let instances = group.members.compactMap(\.instanceID)
        #expect(Set(instances).count == instances.count, "I5, seed \(seed)")
        #expect(Set(group.members.map(\.id)).count == group.members.count, "seed \(seed)")
        if let next = group.nextDeadline {
            #expect(next > now || group.phase == .empty, "seed \(seed): \(next) at \(now)")
        }
        for client in clients where !client.isDead && client.hasPart {
            let silence = now - client.heard
            let isMember = group.members.contains { $0.id == client.member }
            if silence < Self.session, client.generation == group.generation {
                #expect(isMember, "I4, seed \(seed): client \(client.number) was given up")
            }
        }
    }

    // MARK: Schedules

    /// One step of a client that follows the protocol.
    mutating func follow(_ index: Int) {
        let client = clients[index]
        if client.isDead || client.waitsFor != nil { return }
        if client.generation < 0 { return join(index) }
        if !client.hasPart { return sync(index) }
        beat(index)
    }

    /// A random step.
    mutating func step() {
        let index = random.below(clients.count)
        switch random.below(20) {
        case 0: clients[index].isDead ? restart(index) : kill(index)
        case 1 where clients[index].waitsFor == nil && !clients[index].isDead: leave(index)
        case 2: advance(by: .seconds(random.below(12)))
        case 3...6: advance(by: .milliseconds(random.below(2000)))
        default: follow(index)
        }
    }

    /// Whether everyone alive has a part of one generation.
    var isSettled: Bool {
        let alive = clients.filter { !$0.isDead }
        return group.phase == (alive.isEmpty ? .empty : .stable)
            && alive.allSatisfy { $0.hasPart && $0.generation == group.generation }
            && group.members.count == alive.count
    }
}
