import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// Why a batch, a read or a topic is refused, in Kafka's words. This is the one place where
/// Varve's errors become Kafka's codes.
struct KafkaRefusal: Error, Equatable {
    var code: KafkaErrorCode
    /// For people; clients that can show it do.
    var message: String
    /// The records that are to blame.
    var records: [ProduceResponse.RecordError] = []

    init(_ code: KafkaErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A batch that is not one, or that Varve does not keep.
    init(_ error: RecordBatchError) {
        message = "\(error)"
        switch error {
        case .truncated, .badChecksum: code = .corruptMessage
        case .unsupportedMagic: code = .unsupportedForMessageFormat
        case .badField, .unsupported: code = .invalidRecord
        case .tooLarge: code = .messageTooLarge
        case .badRecord(let index, let reason):
            code = .invalidRecord
            records = [.init(index: Int32(clamping: index), message: reason)]
        }
    }

    /// Records that do not decompress.
    init(_ error: ByteError) {
        code = .corruptMessage
        message = "\(error)"
    }

    /// A batch that the log did not append.
    init(_ error: AppendError) {
        message = "\(error)"
        code =
            switch error {
            case .unknownStream: .unknownTopicOrPartition
            case .invalidBatch: .invalidRecord
            case .tooLarge: .messageTooLarge
            case .outOfOrderSequence: .outOfOrderSequenceNumber
            case .fenced: .invalidProducerEpoch
            // Retriable: appends go on when space returns, or in another process.
            case .outOfSpace, .stopped: .storageError
            }
    }

    /// Records that cannot be read.
    init(_ error: ReadError) {
        message = "\(error)"
        code =
            switch error {
            case .offsetOutOfRange, .removed: .offsetOutOfRange
            case .unknownStream: .unknownTopicOrPartition
            case .system, .damaged: .storageError
            }
    }

    /// A batch that its stream's gate did not let in; nil when it did.
    init?(_ verdict: GateVerdict) {
        switch verdict {
        case .accept: return nil
        case .reject(let reason, let faults):
            code = .invalidRecord
            message = reason
            records = faults.map { .init(index: Int32(clamping: $0.index), message: $0.message) }
        case .refuse(.reservedStream, let reason):
            code = .policyViolation
            message = reason
        case .refuse(.unsupportedCompression, let reason):
            code = .unsupportedCompressionType
            message = reason
        }
    }

    /// Why transactions are refused, and what to do.
    static let transactions =
        "transactions are not supported: leave transactional.id out, and set"
        + " enable.idempotence=true for producers that write nothing twice"

    /// A stream that only the node writes to.
    static func reserved(_ name: String) -> KafkaRefusal {
        KafkaRefusal(
            .policyViolation, "\(name) is written by Varve itself; use another topic name")
    }

    /// A topic that the user may not do this with.
    static func forbidden(_ topic: String) -> KafkaRefusal {
        KafkaRefusal(
            .topicAuthorizationFailed,
            "the user's roles and prefixes do not allow this with topic \(topic)")
    }

    /// A stream that does not exist.
    static func unknown(_ stream: StreamName) -> KafkaRefusal {
        KafkaRefusal(
            .unknownTopicOrPartition,
            "partition \(stream.partition) of topic \(stream.name) does not exist")
    }
}
