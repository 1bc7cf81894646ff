import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// Appends what producers send. One per connection: it keeps a buffer for looking into compressed
/// batches.
struct ProduceWork {
    private var scratch: [UInt8] = []

    /// Checks each batch, hands those that pass to the log, and has the request answered once all
    /// are durable. Batches of one stream are handed over in the order they arrive.
    /// - Parameter size: bytes of the request.
    mutating func append(
        _ request: ProduceRequest, _ header: RequestHeader, size: Int, to broker: KafkaBroker,
        by principal: Principal, on connection: Connection
    ) {
        let round = ProduceRound(
            request, header, connection.remote,
            promised: request.acks == 0 ? nil : connection.promise(cost: size))
        for (topicIndex, topic) in request.topics.enumerated() {
            for (partitionIndex, partition) in topic.partitions.enumerated() {
                let name = StreamName(name: topic.name, partition: partition.index)
                let place = ProduceRound.Place(topic: topicIndex, partition: partitionIndex)
                do throws(KafkaRefusal) {
                    try Self.check(request, header)
                    guard principal.mayWrite(topic.name) else { throw .forbidden(topic.name) }
                    let (stream, flags) = try judge(partition.records, name, broker)
                    broker.log.append(partition.records ?? [], to: stream, flags: flags) {
                        round.finish(place, $0.mapError { KafkaRefusal($0) })
                    }
                } catch {
                    round.finish(place, .failure(error))
                }
            }
        }
        round.finish()
    }

    private static func check(
        _ request: ProduceRequest, _ header: RequestHeader
    ) throws(KafkaRefusal) {
        guard KafkaAPI.producibleVersions.contains(header.version) else {
            throw KafkaRefusal(
                .unsupportedVersion,
                "Produce version \(header.version) is not taken, use \(KafkaAPI.producibleVersions)"
            )
        }
        guard request.transactionalID == nil else {
            throw KafkaRefusal(
                .transactionalIDAuthorizationFailed, KafkaRefusal.transactions)
        }
        guard (-1...1).contains(request.acks) else {
            throw KafkaRefusal(
                .invalidRequiredAcks, "acks is \(request.acks), expected -1, 0 or 1")
        }
    }

    private mutating func judge(
        _ records: [UInt8]?, _ name: StreamName, _ broker: KafkaBroker
    ) throws(KafkaRefusal) -> (StreamID, FrameFlags) {
        guard broker.takes(name) else { throw .reserved(name.name) }
        guard case .stream(let stream)? = broker.stream(name)?.source else { throw .unknown(name) }
        let records = records ?? []
        let limit = broker.batchBytes(name.name)
        guard records.count <= limit else {
            throw KafkaRefusal(
                .messageTooLarge, "the batch is \(records.count) bytes, expected at most \(limit)")
        }
        let header = try verify(records)
        guard let gate = broker.gate else { return (stream, []) }
        let verdict = gate.judge(records.raw, header: header, stream: name)
        if let refusal = KafkaRefusal(verdict) { throw refusal }
        guard case .accept(let flags) = verdict else { return (stream, []) }
        return (stream, flags)
    }

    /// Kafka's own checks of a batch, so that nothing is kept that consumers cannot read.
    private mutating func verify(_ records: [UInt8]) throws(KafkaRefusal) -> RecordBatchHeader {
        let header: RecordBatchHeader
        do {
            header = try RecordBatch.verify(records.raw)
        } catch {
            throw KafkaRefusal(error)
        }
        guard header.totalSize == records.count else {
            throw KafkaRefusal(.invalidRecord, "more than one batch for one partition")
        }
        guard header.baseOffset == 0 else {
            throw KafkaRefusal(
                .invalidRecord, "the batch's base offset is \(header.baseOffset), expected 0")
        }
        guard let codec = header.compression else {
            throw KafkaRefusal(
                .unsupportedCompressionType, "codec \(header.attributes & 7) does not exist")
        }
        // Other codecs pass through: their consumers know them.
        guard codec.isReadable else { return header }
        do {
            try RecordBatch.forEachRecord(records.raw, scratch: &scratch) { _ in }
        } catch let error as RecordBatchError {
            throw KafkaRefusal(error)
        } catch let error as ByteError {
            throw KafkaRefusal(error)
        } catch {
            throw KafkaRefusal(.unknownServerError, "\(error)")
        }
        if scratch.capacity > Self.keptScratch { scratch = [] }
        return header
    }

    /// A larger buffer is given up after use: a connection must not keep what one batch needed.
    private static let keptScratch = 4 << 20
}
