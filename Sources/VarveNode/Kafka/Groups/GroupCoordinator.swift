import Synchronization
import VarveBytes
import VarveLog
import VarveProtocols
import VarveSystem

/// All consumer groups, on the loop's thread: feeds requests and the time to `ConsumerGroup`, and
/// sends what comes out.
final class GroupCoordinator {
    let broker: KafkaBroker
    private let timers: LoopTimers
    private let limits: ConsumerGroup.Limits
    private let start = ContinuousClock.now
    private var groups: [String: ConsumerGroup] = [:]
    private var alarms: [String: Alarm] = [:]
    private var waiting: [ConsumerGroup.Ticket: Waiting] = [:]
    private var nextTicket: UInt64 = 0
    /// Bytes of subscriptions and assignments, by group and in all.
    private var bytes: [String: Int] = [:]
    private var allBytes = 0

    /// When a group's time has to be looked at.
    private struct Alarm {
        let deadline: Duration
        let timer: TimerQueue.ID
    }

    /// A request that a group has not answered yet.
    private struct Waiting {
        let group: String
        let header: RequestHeader
        let connection: Connection
        let promised: PromisedAnswer
        let started = ContinuousClock.now
    }

    /// The most groups with members at a time.
    static let groupLimit = 10_000
    /// The most bytes of subscriptions and assignments, over all groups.
    static let bytesLimit = 128 << 20
    /// What a waiting JoinGroup or SyncGroup is said to cost in memory.
    private static let ticketCost = 4096

    init(broker: KafkaBroker, timers: LoopTimers) {
        self.broker = broker
        self.timers = timers
        var limits = ConsumerGroup.Limits()
        limits.sessionTimeouts = broker.options.sessionTimeouts
        limits.initialDelay = broker.options.initialRebalanceDelay
        self.limits = limits
    }

    private var now: Duration { start.duration(to: .now) }

    // MARK: Members

    func join(_ request: JoinGroupRequest, _ header: RequestHeader, on connection: Connection) {
        guard !request.group.isEmpty else {
            return refuse(header, connection, JoinGroupResponse.failure(.invalidGroupID, ""))
        }
        guard groups[request.group] != nil || groups.count < Self.groupLimit,
            allBytes < Self.bytesLimit
        else {
            return refuse(
                header, connection, JoinGroupResponse.failure(.coordinatorNotAvailable, ""))
        }
        let ticket = ticket(request.group, header, connection)
        let client = ConsumerGroup.Client(
            id: header.clientID ?? "", host: "/" + connection.peer.host)
        let newID = "\(header.clientID ?? "member")-\(RandomSource.bytes(16).hex)"
        change(request.group) { group, now in
            group.join(
                request, requiresID: header.version >= 4, newID: newID, client: client,
                ticket: ticket, at: now)
        }
        weigh(request.group)
    }

    func sync(_ request: SyncGroupRequest, _ header: RequestHeader, on connection: Connection) {
        guard groups[request.group] != nil else {
            return refuse(header, connection, SyncGroupResponse.failure(.unknownMemberID))
        }
        let ticket = ticket(request.group, header, connection)
        change(request.group) { group, now in group.sync(request, ticket: ticket, at: now) }
        weigh(request.group)
    }

    /// Notes what a group keeps in memory.
    private func weigh(_ name: String) {
        let weight = groups[name]?.bytes ?? 0
        allBytes += weight - (bytes[name] ?? 0)
        bytes[name] = weight == 0 ? nil : weight
    }

    func heartbeat(_ request: HeartbeatRequest) -> HeartbeatResponse {
        HeartbeatResponse(
            throttleMilliseconds: 0,
            error: changeIfKnown(request.group) { group, now in
                group.heartbeat(request, at: now)
            } ?? .unknownMemberID)
    }

    func leave(_ request: LeaveGroupRequest, version: Int16) -> LeaveGroupResponse {
        func leave(_ member: String, _ instance: String?) -> KafkaErrorCode {
            changeIfKnown(request.group) { group, now in
                group.leave(member, instance: instance, at: now)
            } ?? .unknownMemberID
        }
        if version < 3 {
            return LeaveGroupResponse(
                throttleMilliseconds: 0, error: leave(request.member, nil), members: [])
        }
        return LeaveGroupResponse(
            throttleMilliseconds: 0, error: .none,
            members: request.members.map {
                .init(
                    id: $0.id, instanceID: $0.instanceID, error: leave($0.id, $0.instanceID))
            })
    }

    /// Whether a client may commit offsets.
    func mayCommit(_ request: OffsetCommitRequest) -> KafkaErrorCode {
        changeIfKnown(request.group) { group, now in group.mayCommit(request, at: now) }
            ?? (request.generation < 0 ? .none : .illegalGeneration)
    }

    // MARK: Looking

    /// A group's state; nil when it has no members.
    func group(_ name: String) -> ConsumerGroup? {
        changeIfKnown(name) { group, now in group.advance(to: now) }
        return groups[name]
    }

    /// The names of groups with members, and their protocol types.
    func active() -> [String: String] {
        groups.mapValues(\.protocolType)
    }

    // MARK: Connections

    /// The client of a connection has gone.
    func abandon(connection: UInt64) {
        for (ticket, request) in waiting where request.connection.id == connection {
            waiting[ticket] = nil
            changeIfKnown(request.group) { group, now in group.abandon(ticket, at: now) }
        }
    }

    /// Answers what waits: members join again wherever the node comes back.
    func stopping() {
        for ticket in Array(waiting.keys) {
            guard let request = waiting[ticket] else { continue }
            if request.header.api == .joinGroup {
                send(ticket, JoinGroupResponse.failure(.coordinatorNotAvailable, ""))
            } else {
                send(ticket, SyncGroupResponse.failure(.coordinatorNotAvailable))
            }
        }
    }

    private func ticket(
        _ group: String, _ header: RequestHeader, _ connection: Connection
    ) -> ConsumerGroup.Ticket {
        let ticket = ConsumerGroup.Ticket(number: nextTicket)
        nextTicket += 1
        waiting[ticket] = Waiting(
            group: group, header: header, connection: connection,
            promised: connection.promise(cost: Self.ticketCost))
        return ticket
    }

    private func refuse(
        _ header: RequestHeader, _ connection: Connection,
        _ response: some KafkaMessage & ErrorReporting
    ) {
        connection.answer(broker.response(header, response, since: .now))
    }

    // MARK: Changes

    private func changeIfKnown<Result>(
        _ name: String, _ body: (inout ConsumerGroup, Duration) -> Result
    ) -> Result? {
        groups[name] == nil ? nil : change(name, body)
    }

    /// Changes a group, sends its answers, and sees to its next deadline.
    private func change<Result>(
        _ name: String, _ body: (inout ConsumerGroup, Duration) -> Result
    ) -> Result {
        var group = groups.removeValue(forKey: name) ?? ConsumerGroup(id: name, limits: limits)
        let result = body(&group, now)
        for answer in group.takeAnswers() {
            switch answer {
            case .join(let ticket, let response): send(ticket, response)
            case .sync(let ticket, let response): send(ticket, response)
            }
        }
        if group.isForgettable {
            weigh(name)
            if let alarm = alarms.removeValue(forKey: name) { timers.cancel(alarm.timer) }
        } else {
            let deadline = group.nextDeadline
            groups[name] = group
            setAlarm(name, deadline)
        }
        return result
    }

    /// Heartbeats move deadlines away all the time: an alarm that is too early stays, and looks
    /// again.
    private func setAlarm(_ name: String, _ deadline: Duration?) {
        guard let deadline else { return }
        if let alarm = alarms[name] {
            if alarm.deadline <= deadline { return }
            timers.cancel(alarm.timer)
        }
        let timer = timers.add(at: start + deadline) { [weak self] in
            guard let self else { return }
            alarms[name] = nil
            changeIfKnown(name) { group, now in group.advance(to: now) }
        }
        alarms[name] = Alarm(deadline: deadline, timer: timer)
    }

    private func send(
        _ ticket: ConsumerGroup.Ticket, _ response: some KafkaMessage & ErrorReporting
    ) {
        guard let request = waiting.removeValue(forKey: ticket) else { return }
        request.connection.fulfil(
            request.promised,
            broker.response(request.header, response, since: request.started))
    }
}

extension String {
    /// An address without its port.
    fileprivate var host: String { String(prefix(upTo: lastIndex(of: ":") ?? endIndex)) }
}
