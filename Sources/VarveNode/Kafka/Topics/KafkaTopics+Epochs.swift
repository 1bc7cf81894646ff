import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

extension KafkaTopics {
    /// Answers where earlier lives of the log ended. A batch carries the epoch in which it was
    /// appended, and epochs ascend along a stream, so a binary search over offsets finds it.
    static func epochs(
        _ request: OffsetForLeaderEpochRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> OffsetForLeaderEpochResponse {
        OffsetForLeaderEpochResponse(
            throttleMilliseconds: 0,
            topics: request.topics.map { topic in
                OffsetForLeaderEpochResponse.Topic(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        principal.mayDescribe(topic.name)
                            ? epoch($0, topic.name, broker)
                            : .init(
                                error: .topicAuthorizationFailed, index: $0.index,
                                leaderEpoch: -1, endOffset: -1)
                    })
            })
    }

    private static func epoch(
        _ asked: OffsetForLeaderEpochRequest.Partition, _ topic: String, _ broker: KafkaBroker
    ) -> OffsetForLeaderEpochResponse.Partition {
        var answer = OffsetForLeaderEpochResponse.Partition(
            error: .none, index: asked.index, leaderEpoch: -1, endOffset: -1)
        let name = StreamName(name: topic, partition: asked.index)
        guard let stream = broker.stream(name) else {
            answer.error = .unknownTopicOrPartition
            return answer
        }
        answer.error = broker.checkEpoch(asked.currentLeaderEpoch)
        guard answer.error == .none, (0...broker.leaderEpoch).contains(asked.leaderEpoch) else {
            return answer
        }
        guard case .stream(let id) = stream.source else {
            (answer.leaderEpoch, answer.endOffset) = (broker.leaderEpoch, stream.highWatermark)
            return answer
        }
        do throws(KafkaRefusal) {
            // The first offset of a later epoch.
            var (low, high) = (stream.startOffset, stream.highWatermark)
            var last = asked.leaderEpoch
            while low < high {
                let middle = low + (high - low) / 2
                let batch = try batch(at: middle, id, broker)
                if batch.leaderEpoch > asked.leaderEpoch {
                    high = min(middle, max(low, batch.baseOffset))
                } else {
                    last = batch.leaderEpoch
                    low = max(middle, batch.baseOffset + Int64(batch.lastOffsetDelta)) + 1
                }
            }
            (answer.leaderEpoch, answer.endOffset) = (last, min(low, stream.highWatermark))
            if asked.leaderEpoch == broker.leaderEpoch {
                (answer.leaderEpoch, answer.endOffset) = (asked.leaderEpoch, stream.highWatermark)
            }
        } catch {
            answer.error = error.code
        }
        return answer
    }

    private static func batch(
        at offset: Int64, _ stream: StreamID, _ broker: KafkaBroker
    ) throws(KafkaRefusal) -> (leaderEpoch: Int32, baseOffset: Int64, lastOffsetDelta: Int32) {
        var bytes: [UInt8] = []
        do throws(ReadError) {
            try broker.log.readStream(stream, from: offset, maxBytes: 1, into: &bytes)
        } catch {
            throw KafkaRefusal(error)
        }
        guard bytes.count >= RecordBatchHeader.size else {
            throw KafkaRefusal(.storageError, "nothing is at offset \(offset)")
        }
        // A redacted batch has no records, which the header's own reader does not take.
        return (
            bytes.raw.bigEndian(at: 12), bytes.raw.bigEndian(at: 0), bytes.raw.bigEndian(at: 23)
        )
    }
}

extension KafkaBroker {
    /// Holds the leader epoch that a client knows against the present one.
    func checkEpoch(_ known: Int32) -> KafkaErrorCode {
        if known < 0 || known == leaderEpoch { return .none }
        return known > leaderEpoch ? .unknownLeaderEpoch : .fencedLeaderEpoch
    }
}
