import VarveBytes
import VarveLog
import VarveProtocols

/// Answers about groups and their offsets, on the loop's thread.
extension GroupCoordinator {
    // MARK: FindCoordinator

    /// There is one broker, so it looks after every group. Transactions are refused with the one
    /// code that ends a producer at once; with any other it would go on looking.
    static func find(
        _ request: FindCoordinatorRequest, _ broker: KafkaBroker
    ) -> FindCoordinatorResponse {
        let isGroup = request.keyType == 0
        return FindCoordinatorResponse(
            throttleMilliseconds: 0,
            error: isGroup ? .none : .transactionalIDAuthorizationFailed,
            message: isGroup ? nil : KafkaRefusal.transactions,
            node: isGroup ? KafkaBroker.node : -1, host: isGroup ? broker.advertisedHost : "",
            port: isGroup ? broker.advertisedPort : -1)
    }

    // MARK: Offsets

    /// Keeps offsets, and answers once they are durable.
    func commit(
        _ request: OffsetCommitRequest, _ header: RequestHeader, size: Int,
        since started: ContinuousClock.Instant, by principal: Principal,
        on connection: Connection
    ) {
        let refusal = mayCommit(request)
        let now = broker.now
        var changes: [OffsetChange] = []
        let topics = request.topics.map { topic in
            OffsetCommitResponse.Topic(
                name: topic.name,
                partitions: topic.partitions.map { partition in
                    let stream = StreamName(name: topic.name, partition: partition.index)
                    var error = refusal
                    if error == .none, !principal.mayRead(topic.name) {
                        error = .topicAuthorizationFailed
                    }
                    if error == .none, broker.stream(stream) == nil {
                        error = .unknownTopicOrPartition
                    }
                    if error == .none,
                        partition.metadata?.utf8.count ?? 0 > broker.options.offsetMetadataBytes
                    {
                        error = .offsetMetadataTooLarge
                    }
                    if error == .none {
                        changes.append(
                            OffsetChange(
                                group: request.group, stream: stream,
                                committed: CommittedOffset(
                                    offset: partition.offset,
                                    leaderEpoch: partition.leaderEpoch,
                                    metadata: partition.metadata, time: now)))
                    }
                    return .init(index: partition.index, error: error)
                })
        }
        let response = OffsetCommitResponse(throttleMilliseconds: 0, topics: topics)
        if changes.isEmpty { return answer(header, response, since: started, connection) }
        let promised = connection.promise(cost: size)
        broker.offsets.commit(changes) { [broker] isDurable in
            var response = response
            if !isDurable { response.refuseAll(.coordinatorNotAvailable) }
            promised.fulfil(broker.response(header, response, since: started))
        }
    }

    private func answer(
        _ header: RequestHeader, _ response: some KafkaMessage & ErrorReporting,
        since started: ContinuousClock.Instant, _ connection: Connection
    ) {
        connection.answer(broker.response(header, response, since: started))
    }

    /// Where a group reads on.
    static func fetch(
        _ request: OffsetFetchRequest, _ broker: KafkaBroker
    ) -> OffsetFetchResponse {
        let offsets = broker.offsets.offsets(of: request.group)
        let asked =
            request.topics?.map { topic in
                (topic.name, topic.partitions)
            } ?? Dictionary(grouping: offsets.keys, by: \.name).sorted { $0.key < $1.key }.map {
                ($0.key, $0.value.map(\.partition).sorted())
            }
        return OffsetFetchResponse(
            throttleMilliseconds: 0,
            topics: asked.map { name, partitions in
                OffsetFetchResponse.Topic(
                    name: name,
                    partitions: partitions.map { index in
                        let found = offsets[StreamName(name: name, partition: index)]
                        return .init(
                            index: index, offset: found?.offset ?? -1,
                            leaderEpoch: found?.leaderEpoch ?? -1,
                            metadata: found?.metadata ?? "", error: .none)
                    })
            }, error: .none)
    }

    // MARK: Groups

    /// All groups: those with members, and those with offsets.
    func list() -> ListGroupsResponse {
        var types = active()
        for group in broker.offsets.groups() where types[group] == nil { types[group] = "" }
        return ListGroupsResponse(
            throttleMilliseconds: 0, error: .none,
            groups: types.sorted { $0.key < $1.key }.map {
                .init(id: $0.key, protocolType: $0.value)
            })
    }

    /// How groups stand.
    func describe(_ request: DescribeGroupsRequest) -> DescribeGroupsResponse {
        DescribeGroupsResponse(
            throttleMilliseconds: 0, groups: request.groups.map { describe($0) })
    }

    private func describe(_ name: String) -> DescribeGroupsResponse.Group {
        let group = group(name)
        let hasOffsets = !broker.offsets.offsets(of: name).isEmpty
        let isStable = group?.phase == .stable
        return DescribeGroupsResponse.Group(
            error: .none, id: name,
            state: group?.phase.rawValue ?? (hasOffsets ? "Empty" : "Dead"),
            protocolType: group?.protocolType ?? "",
            protocolName: isStable ? group?.protocolName ?? "" : "",
            members: (group?.members ?? []).map { member in
                .init(
                    id: member.id, instanceID: member.instanceID, clientID: member.client.id,
                    clientHost: member.client.host,
                    metadata: isStable ? member.metadata(for: group?.protocolName ?? "") : [],
                    assignment: isStable ? member.assignment : [])
            }, rights: MetadataResponse.unknownRights)
    }

    /// Forgets groups, and answers once that is durable.
    func delete(
        _ request: DeleteGroupsRequest, _ header: RequestHeader,
        since started: ContinuousClock.Instant, on connection: Connection
    ) {
        var changes: [OffsetChange] = []
        let results = request.groups.map { name in
            let offsets = broker.offsets.offsets(of: name)
            let error: KafkaErrorCode =
                if !(group(name)?.members.isEmpty ?? true) {
                    .nonEmptyGroup
                } else {
                    offsets.isEmpty ? .groupIDNotFound : .none
                }
            if error == .none {
                changes += offsets.keys.map {
                    OffsetChange(group: name, stream: $0, committed: nil)
                }
            }
            return DeleteGroupsResponse.Result(group: name, error: error)
        }
        let response = DeleteGroupsResponse(throttleMilliseconds: 0, results: results)
        if changes.isEmpty { return answer(header, response, since: started, connection) }
        let promised = connection.promise(cost: 1024)
        broker.offsets.commit(changes) { [broker] isDurable in
            var response = response
            if !isDurable {
                for index in response.results.indices {
                    response.results[index].error = .coordinatorNotAvailable
                }
            }
            promised.fulfil(broker.response(header, response, since: started))
        }
    }

    /// Forgets offsets of streams that the group's members do not read.
    func deleteOffsets(
        _ request: OffsetDeleteRequest, _ header: RequestHeader,
        since started: ContinuousClock.Instant, on connection: Connection
    ) {
        let group = group(request.group)
        let offsets = broker.offsets.offsets(of: request.group)
        var response = OffsetDeleteResponse(error: .none, throttleMilliseconds: 0, topics: [])
        if group == nil, offsets.isEmpty {
            response.error = .groupIDNotFound
            return answer(header, response, since: started, connection)
        }
        var changes: [OffsetChange] = []
        response.topics = request.topics.map { topic in
            let isRead = group?.reads(topic.name) ?? false
            return OffsetDeleteResponse.Topic(
                name: topic.name,
                partitions: topic.partitions.map { index in
                    if isRead { return .init(index: index, error: .groupSubscribedToTopic) }
                    let stream = StreamName(name: topic.name, partition: index)
                    if offsets[stream] != nil {
                        changes.append(
                            OffsetChange(group: request.group, stream: stream, committed: nil))
                    }
                    return .init(index: index, error: .none)
                })
        }
        if changes.isEmpty { return answer(header, response, since: started, connection) }
        let promised = connection.promise(cost: 1024)
        broker.offsets.commit(changes) { [broker, response] isDurable in
            var response = response
            if !isDurable { response.error = .coordinatorNotAvailable }
            promised.fulfil(broker.response(header, response, since: started))
        }
    }
}

extension OffsetCommitResponse {
    fileprivate mutating func refuseAll(_ error: KafkaErrorCode) {
        for topic in topics.indices {
            for partition in topics[topic].partitions.indices
            where topics[topic].partitions[partition].error == .none {
                topics[topic].partitions[partition].error = error
            }
        }
    }
}

extension ConsumerGroup {
    /// Whether a member reads a topic. A consumer's subscription begins with a version and the
    /// topics; of members that say it in another way nothing is known, so they may.
    ///
    ///     version i16, topic string*, ...
    func reads(_ topic: String) -> Bool {
        members.contains { member in
            guard protocolType == "consumer",
                let topics = Subscription.topics(in: member.metadata(for: protocolName))
            else { return true }
            return topics.contains(topic)
        }
    }
}
