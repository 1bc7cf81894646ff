import Synchronization
import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// Answers about topics and producers. Functions of the log: any thread may call them.
enum KafkaTopics {
    // MARK: Metadata

    /// The topics asked for that could be created, in order.
    static func missing(
        _ names: [String], _ broker: KafkaBroker, by principal: Principal
    ) -> [String] {
        names.filter {
            let stream = StreamName(name: $0, partition: 0)
            return isValid($0) && principal.mayWrite($0) && broker.takes(stream)
                && broker.stream(stream) == nil
        }
    }

    /// Answers which topics there are. Creates those that are missing, if the client wants that:
    /// then it waits for the disk.
    static func metadata(
        _ request: MetadataRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> MetadataResponse {
        var failure: KafkaRefusal?
        if request.allowsCreation, broker.options.createsTopics, let names = request.topics {
            do throws(KafkaRefusal) {
                for name in missing(names, broker, by: principal) {
                    try broker.catalog.make(name, broker.options.partitions, settings: [:])
                }
            } catch {
                failure = error
                broker.report("topics cannot be created: \(error.message)")
            }
        }
        var partitions: [String: [Int32]] = [:]
        var order: [String] = []
        for stream in broker.streams() where principal.mayDescribe(stream.name.name) {
            if partitions[stream.name.name] == nil { order.append(stream.name.name) }
            partitions[stream.name.name, default: []].append(stream.name.partition)
        }
        let topics = (request.topics ?? order).map { name in
            let error: KafkaErrorCode =
                if partitions[name] != nil {
                    .none
                } else if !isValid(name) {
                    .invalidTopic
                } else if !principal.mayDescribe(name) {
                    .topicAuthorizationFailed
                } else if let failure {
                    failure.code
                } else {
                    .unknownTopicOrPartition
                }
            return topic(name, partitions[name] ?? [], error, broker)
        }
        let broker0 = MetadataResponse.Broker(
            node: KafkaBroker.node,
            host: broker.advertisedHost, port: broker.advertisedPort, rack: nil)
        return MetadataResponse(
            throttleMilliseconds: 0, brokers: [broker0], clusterID: broker.log.id.bytes.hex,
            controller: KafkaBroker.node, topics: topics,
            clusterRights: MetadataResponse.unknownRights)
    }

    private static func topic(
        _ name: String, _ partitions: [Int32], _ error: KafkaErrorCode, _ broker: KafkaBroker
    ) -> MetadataResponse.Topic {
        MetadataResponse.Topic(
            error: error, name: name,
            isInternal: StreamName(name: name, partition: 0).isReserved,
            partitions: partitions.sorted().map {
                MetadataResponse.Partition(
                    error: .none, index: $0, leader: KafkaBroker.node,
                    leaderEpoch: broker.leaderEpoch, replicas: [KafkaBroker.node],
                    inSyncReplicas: [KafkaBroker.node], offlineReplicas: [])
            }, rights: MetadataResponse.unknownRights)
    }

    static func streams(_ name: String, _ partitions: Int32) -> [StreamName] {
        (0..<partitions).map { StreamName(name: name, partition: $0) }
    }

    /// Kafka's rule for names: 1 to 249 letters, digits, dots, underscores and hyphens.
    static func isValid(_ name: String) -> Bool {
        (1...249).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "._-".utf8.contains(byte)
                }
            }
    }

    // MARK: CreateTopics

    /// Creates topics; waits for the disk.
    static func create(
        _ request: CreateTopicsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> CreateTopicsResponse {
        var names: Set<String> = []
        let topics = request.topics.map { topic in
            do throws(KafkaRefusal) {
                guard names.insert(topic.name).inserted else {
                    throw KafkaRefusal(.invalidRequest, "\(topic.name) is named twice")
                }
                guard principal.mayWrite(topic.name) else { throw .forbidden(topic.name) }
                try create(topic, validatesOnly: request.validatesOnly, broker)
                return CreateTopicsResponse.Topic(name: topic.name, error: .none, message: nil)
            } catch {
                return CreateTopicsResponse.Topic(
                    name: topic.name, error: error.code, message: error.message)
            }
        }
        return CreateTopicsResponse(throttleMilliseconds: 0, topics: topics)
    }

    private static func create(
        _ topic: CreateTopicsRequest.Topic, validatesOnly: Bool, _ broker: KafkaBroker
    ) throws(KafkaRefusal) {
        guard isValid(topic.name) else { throw .invalidName(topic.name) }
        let stream = StreamName(name: topic.name, partition: 0)
        guard broker.takes(stream) else { throw .reserved(topic.name) }
        guard broker.stream(stream) == nil else {
            throw KafkaRefusal(.topicAlreadyExists, "\(topic.name) exists")
        }
        try checkReplicas(topic)
        var settings: [String: String] = [:]
        for setting in topic.settings {
            try TopicSetting.check(setting.name, setting.value, broker.options)
            settings[setting.name] = setting.value
        }
        var count =
            topic.assignments.isEmpty ? topic.partitionCount : Int32(topic.assignments.count)
        if count == -1 { count = broker.options.partitions }
        guard (1...broker.options.maxPartitions).contains(count) else {
            throw KafkaRefusal(
                .invalidPartitions,
                "\(count) partitions, expected 1 to \(broker.options.maxPartitions)")
        }
        if validatesOnly { return }
        try broker.catalog.make(topic.name, count, settings: settings)
    }

    private static func checkReplicas(
        _ topic: CreateTopicsRequest.Topic
    ) throws(KafkaRefusal) {
        guard topic.replicationFactor == -1 || topic.replicationFactor == 1 else {
            throw KafkaRefusal(
                .invalidReplicationFactor,
                "replication factor \(topic.replicationFactor), expected 1: Varve is one node")
        }
        let partitions = topic.assignments.map(\.partition).sorted()
        guard partitions == (0..<Int32(partitions.count)).map(\.self),
            topic.assignments.allSatisfy({ $0.brokers == [KafkaBroker.node] })
        else {
            throw KafkaRefusal(
                .invalidReplicaAssignment,
                "replicas are assigned elsewhere than to broker \(KafkaBroker.node)")
        }
    }

    // MARK: ListOffsets

    /// Answers where times and ends are.
    static func offsets(
        _ request: ListOffsetsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> ListOffsetsResponse {
        ListOffsetsResponse(
            throttleMilliseconds: 0,
            topics: request.topics.map { topic in
                ListOffsetsResponse.Topic(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        principal.mayDescribe(topic.name)
                            ? offset($0, topic.name, broker)
                            : .init(
                                index: $0.index, error: .topicAuthorizationFailed, timestamp: -1,
                                offset: -1, leaderEpoch: -1)
                    })
            })
    }

    private static func offset(
        _ asked: ListOffsetsRequest.Partition, _ topic: String, _ broker: KafkaBroker
    ) -> ListOffsetsResponse.Partition {
        var answer = ListOffsetsResponse.Partition(
            index: asked.index, error: .none, timestamp: -1, offset: -1, leaderEpoch: -1)
        guard let stream = broker.stream(StreamName(name: topic, partition: asked.index)) else {
            answer.error = .unknownTopicOrPartition
            return answer
        }
        answer.error = broker.checkEpoch(asked.leaderEpoch)
        guard answer.error == .none else { return answer }
        answer.leaderEpoch = broker.leaderEpoch
        switch asked.timestamp {
        case ListOffsetsRequest.latest: answer.offset = stream.highWatermark
        case ListOffsetsRequest.earliest: answer.offset = stream.startOffset
        case let time where time >= 0:
            // Of all streams the time goes by positions: their first record has to do.
            guard case .stream(let id) = stream.source else {
                answer.offset = stream.startOffset
                break
            }
            guard let found = broker.log.offset(ofTimestamp: time, in: id) else { break }
            (answer.offset, answer.timestamp) =
                record(at: time, id, from: found.offset, broker) ?? found
            answer.offset = max(answer.offset, stream.startOffset)
        // Such as that of the greatest timestamp, which belongs to later versions.
        default: answer.error = .unsupportedVersion
        }
        return answer
    }

    /// The first record at or after a time in the batch at `offset`; nil when its codec cannot be
    /// read: then the batch has to do.
    private static func record(
        at time: Int64, _ stream: StreamID, from offset: Int64, _ broker: KafkaBroker
    ) -> (offset: Int64, timestamp: Int64)? {
        var batch: [UInt8] = []
        var scratch: [UInt8] = []
        var found: (offset: Int64, timestamp: Int64)?
        do {
            try broker.log.readStream(stream, from: offset, maxBytes: 1, into: &batch)
            let base = try RecordBatchHeader(reading: batch.raw).baseOffset
            try RecordBatch.forEachRecord(batch.raw, scratch: &scratch) { record in
                if found == nil, record.timestamp >= time {
                    found = (base + Int64(record.offsetDelta), record.timestamp)
                }
            }
        } catch {
            return nil
        }
        return found
    }

    // MARK: InitProducerId

    /// Gives an idempotent producer its identity. Transactional ones are refused with the one code
    /// that ends them at once; with any other they would go on asking.
    static func producer(
        _ request: InitProducerIDRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> InitProducerIDResponse {
        let isTransactional = request.transactionalID != nil
        let error: KafkaErrorCode =
            if isTransactional {
                .transactionalIDAuthorizationFailed
            } else {
                principal.mayProduce ? .none : .clusterAuthorizationFailed
            }
        return InitProducerIDResponse(
            throttleMilliseconds: 0,
            error: error, producerID: error == .none ? broker.newProducerID() : -1,
            producerEpoch: error == .none ? 0 : -1)
    }
}
