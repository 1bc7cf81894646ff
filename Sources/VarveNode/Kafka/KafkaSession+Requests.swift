import VarveBytes
import VarveProtocols

extension KafkaSession {
    /// Has a request answered: at once, by another thread, or when what it waits for has happened.
    func serve(
        _ request: KafkaRequest, _ header: RequestHeader, size: Int, by principal: Principal,
        on connection: Connection
    ) {
        switch request {
        case .apiVersions, .saslHandshake, .saslAuthenticate: break
        case .produce(let request):
            producing.append(
                request, header, size: size, to: broker, by: principal, on: connection)
        case .fetch(let request):
            service.fetch(request, header, by: principal, on: connection)
        case .listOffsets(let request):
            answer(header, KafkaTopics.offsets(request, broker, by: principal), connection)
        case .initProducerID(let request):
            answer(header, KafkaTopics.producer(request, broker, by: principal), connection)
        case .metadata(let request):
            if mayCreate(request, principal) {
                job(header, connection) { KafkaTopics.metadata(request, $0, by: principal) }
            } else {
                answer(header, KafkaTopics.metadata(request, broker, by: principal), connection)
            }
        case .createTopics(let request):
            job(header, connection) { KafkaTopics.create(request, $0, by: principal) }
        case .deleteTopics(let request):
            job(header, connection) { KafkaTopics.delete(request, $0, by: principal) }
        case .deleteRecords(let request):
            job(header, connection) { KafkaTopics.deleteRecords(request, $0, by: principal) }
        case .createPartitions(let request):
            job(header, connection) { KafkaTopics.grow(request, $0, by: principal) }
        case .offsetForLeaderEpoch(let request):
            job(header, connection) { KafkaTopics.epochs(request, $0, by: principal) }
        case .describeConfigs(let request):
            answer(header, KafkaConfigs.describe(request, broker, by: principal), connection)
        case .incrementalAlterConfigs(let request):
            job(header, connection) { KafkaConfigs.alter(request, $0, by: principal) }
        case .findCoordinator, .joinGroup, .syncGroup, .heartbeat, .leaveGroup, .offsetCommit,
            .offsetFetch, .describeGroups, .listGroups, .deleteGroups, .offsetDelete:
            if principal.mayConsume {
                serveGroup(request, header, size: size, by: principal, on: connection)
            } else {
                refuseGroup(request, header, on: connection)
            }
        }
    }

    private func mayCreate(_ request: MetadataRequest, _ principal: Principal) -> Bool {
        request.allowsCreation && broker.options.createsTopics
            && !KafkaTopics.missing(request.topics ?? [], broker, by: principal).isEmpty
    }

    private func serveGroup(
        _ request: KafkaRequest, _ header: RequestHeader, size: Int, by principal: Principal,
        on connection: Connection
    ) {
        switch request {
        case .findCoordinator(let request):
            answer(header, GroupCoordinator.find(request, broker), connection)
        case .joinGroup(let request): groups.join(request, header, on: connection)
        case .syncGroup(let request): groups.sync(request, header, on: connection)
        case .heartbeat(let request): answer(header, groups.heartbeat(request), connection)
        case .leaveGroup(let request):
            answer(header, groups.leave(request, version: header.version), connection)
        case .offsetCommit(let request):
            groups.commit(
                request, header, size: size, since: started, by: principal, on: connection)
        case .offsetFetch(let request):
            answer(header, GroupCoordinator.fetch(request, broker), connection)
        case .describeGroups(let request): answer(header, groups.describe(request), connection)
        case .listGroups: answer(header, groups.list(), connection)
        case .deleteGroups(let request) where principal.mayAdminister:
            groups.delete(request, header, since: started, on: connection)
        case .offsetDelete(let request) where principal.mayAdminister:
            groups.deleteOffsets(request, header, since: started, on: connection)
        default: refuseGroup(request, header, on: connection)
        }
    }

    /// Refuses a request about groups in the form that its answer has.
    private func refuseGroup(
        _ request: KafkaRequest, _ header: RequestHeader, on connection: Connection
    ) {
        let code = KafkaErrorCode.groupAuthorizationFailed
        func answer(_ response: some KafkaMessage & ErrorReporting) {
            self.answer(header, response, connection)
        }
        switch request {
        case .findCoordinator:
            answer(
                FindCoordinatorResponse(
                    throttleMilliseconds: 0, error: code,
                    message: "the user's roles do not allow taking part in groups", node: -1,
                    host: "", port: -1))
        case .joinGroup: answer(JoinGroupResponse.failure(code, ""))
        case .syncGroup: answer(SyncGroupResponse.failure(code))
        case .heartbeat: answer(HeartbeatResponse(throttleMilliseconds: 0, error: code))
        case .leaveGroup:
            answer(LeaveGroupResponse(throttleMilliseconds: 0, error: code, members: []))
        case .offsetCommit(let request):
            answer(OffsetCommitResponse(refusing: request, code))
        case .offsetFetch:
            answer(OffsetFetchResponse(throttleMilliseconds: 0, topics: [], error: code))
        case .describeGroups(let request):
            answer(
                DescribeGroupsResponse(
                    throttleMilliseconds: 0,
                    groups: request.groups.map {
                        .init(
                            error: code, id: $0, state: "", protocolType: "", protocolName: "",
                            members: [], rights: MetadataResponse.unknownRights)
                    }))
        case .listGroups:
            answer(ListGroupsResponse(throttleMilliseconds: 0, error: code, groups: []))
        case .deleteGroups(let request):
            answer(
                DeleteGroupsResponse(
                    throttleMilliseconds: 0,
                    results: request.groups.map { .init(group: $0, error: code) }))
        case .offsetDelete:
            answer(OffsetDeleteResponse(error: code, throttleMilliseconds: 0, topics: []))
        default: connection.closeAfterAnswers()
        }
    }
}

extension OffsetCommitResponse {
    fileprivate init(refusing request: OffsetCommitRequest, _ code: KafkaErrorCode) {
        self.init(
            throttleMilliseconds: 0,
            topics: request.topics.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map { .init(index: $0.index, error: code) })
            })
    }
}
