import VarveLog
import VarveProtocols

/// Answers that change topics. They wait for the disk, on a worker thread.
extension KafkaTopics {
    /// Whether a topic's records may be hidden from clients.
    private static func mayHide(_ name: String, _ broker: KafkaBroker) -> KafkaErrorCode {
        let stream = StreamName(name: name, partition: 0)
        guard broker.stream(stream) != nil else { return .unknownTopicOrPartition }
        // Definitions, features and models rest on these.
        let isKept = stream.isReserved || broker.gate?.isDeclared(stream) ?? false
        return isKept ? .topicDeletionDisabled : .none
    }

    /// Hides topics, and forgets what groups have read of them.
    static func delete(
        _ request: DeleteTopicsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> DeleteTopicsResponse {
        let topics = request.names.map { name in
            var error =
                principal.mayAdminister ? mayHide(name, broker) : .topicAuthorizationFailed
            if error == .none {
                do throws(KafkaRefusal) {
                    try broker.catalog.change { topics throws(KafkaRefusal) in
                        [name: .init(partitions: 0, starts: broker.catalog.ends(name))]
                    }
                    broker.offsets.forget(topic: name)
                } catch let refusal {
                    error = refusal.code
                }
            }
            return DeleteTopicsResponse.Topic(name: name, error: error)
        }
        return DeleteTopicsResponse(throttleMilliseconds: 0, topics: topics)
    }

    /// Hides the oldest records of partitions.
    static func deleteRecords(
        _ request: DeleteRecordsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> DeleteRecordsResponse {
        let topics = request.topics.map { topic in
            DeleteRecordsResponse.Topic(
                name: topic.name,
                partitions: topic.partitions.map { partition in
                    do throws(KafkaRefusal) {
                        guard principal.mayAdminister else { throw .forbidden(topic.name) }
                        let start = try deleteRecords(partition, topic.name, broker)
                        return .init(
                            index: partition.index, lowWatermark: start, error: .none)
                    } catch {
                        return .init(
                            index: partition.index, lowWatermark: -1, error: error.code)
                    }
                })
        }
        return DeleteRecordsResponse(throttleMilliseconds: 0, topics: topics)
    }

    private static func deleteRecords(
        _ asked: DeleteRecordsRequest.Partition, _ topic: String, _ broker: KafkaBroker
    ) throws(KafkaRefusal) -> Int64 {
        let name = StreamName(name: topic, partition: asked.index)
        guard let stream = broker.stream(name) else { throw .unknown(name) }
        guard mayHide(topic, broker) == .none else {
            throw KafkaRefusal(
                .policyViolation, "\(topic) is declared or reserved: its records are kept")
        }
        let start = asked.offset == -1 ? stream.highWatermark : asked.offset
        guard (0...stream.highWatermark).contains(start) else {
            throw KafkaRefusal(
                .offsetOutOfRange, "offset \(start), expected 0 to \(stream.highWatermark)")
        }
        if start <= stream.startOffset { return stream.startOffset }
        try broker.catalog.change { topics throws(KafkaRefusal) in
            var changed = topics[topic]
            let index = Int(asked.index)
            while changed.starts.count <= index { changed.starts.append(0) }
            changed.starts[index] = max(changed.starts[index], start)
            return [topic: changed]
        }
        return start
    }

    /// Adds partitions to topics.
    static func grow(
        _ request: CreatePartitionsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> CreatePartitionsResponse {
        let topics = request.topics.map { topic in
            do throws(KafkaRefusal) {
                guard principal.mayAdminister else { throw .forbidden(topic.name) }
                try grow(topic, validatesOnly: request.validatesOnly, broker)
                return CreatePartitionsResponse.Topic(
                    name: topic.name, error: .none, message: nil)
            } catch {
                return CreatePartitionsResponse.Topic(
                    name: topic.name, error: error.code, message: error.message)
            }
        }
        return CreatePartitionsResponse(throttleMilliseconds: 0, topics: topics)
    }

    private static func grow(
        _ topic: CreatePartitionsRequest.Topic, validatesOnly: Bool, _ broker: KafkaBroker
    ) throws(KafkaRefusal) {
        let first = StreamName(name: topic.name, partition: 0)
        let count = broker.partitionCount(topic.name)
        guard count > 0 else { throw .unknown(first) }
        guard !first.isReserved else { throw .reserved(topic.name) }
        guard topic.count > count, topic.count <= broker.options.maxPartitions else {
            throw KafkaRefusal(
                .invalidPartitions,
                "\(topic.count) partitions, expected more than the \(count) that are there and at"
                    + " most \(broker.options.maxPartitions)")
        }
        if let assignments = topic.assignments {
            guard assignments.count == Int(topic.count - count),
                assignments.allSatisfy({ $0.brokers == [KafkaBroker.node] })
            else {
                throw KafkaRefusal(
                    .invalidReplicaAssignment,
                    "expected each new partition to be assigned to broker \(KafkaBroker.node)")
            }
        }
        if validatesOnly { return }
        do {
            try broker.log.createStreams(streams(topic.name, topic.count))
        } catch {
            throw KafkaRefusal(error)
        }
        try broker.catalog.change { topics throws(KafkaRefusal) in
            guard var changed = topics.topics[topic.name] else { return [:] }
            changed.partitions = topic.count
            return [topic.name: changed]
        }
    }
}
