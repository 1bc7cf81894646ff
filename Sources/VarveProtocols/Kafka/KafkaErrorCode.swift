import VarveBytes

/// What a broker answers when something is not as asked. The names are Kafka's.
/// Source: the protocol guide's table of error codes.
public struct KafkaErrorCode: RawRepresentable, Sendable, Hashable {
    public let rawValue: Int16

    public init(rawValue: Int16) { self.rawValue = rawValue }

    /// Success.
    public static let none = KafkaErrorCode(rawValue: 0)
    /// The broker failed in a way no other code describes.
    public static let unknownServerError = KafkaErrorCode(rawValue: -1)
    /// No such offset in the stream; consumers start over by their reset policy.
    public static let offsetOutOfRange = KafkaErrorCode(rawValue: 1)
    /// A batch that does not match its checksum.
    public static let corruptMessage = KafkaErrorCode(rawValue: 2)
    /// No such stream; clients refresh their metadata and try again.
    public static let unknownTopicOrPartition = KafkaErrorCode(rawValue: 3)
    /// The broker did not answer in time; the batch may have been appended.
    public static let requestTimedOut = KafkaErrorCode(rawValue: 7)
    /// A batch above the size limit.
    public static let messageTooLarge = KafkaErrorCode(rawValue: 10)
    /// There is no coordinator for the group at present.
    public static let coordinatorNotAvailable = KafkaErrorCode(rawValue: 15)
    /// A name that no topic can have.
    public static let invalidTopic = KafkaErrorCode(rawValue: 17)
    /// An `acks` that is not -1, 0 or 1.
    public static let invalidRequiredAcks = KafkaErrorCode(rawValue: 21)
    /// A version of an API that the broker does not speak.
    public static let unsupportedVersion = KafkaErrorCode(rawValue: 35)
    /// The topic exists.
    public static let topicAlreadyExists = KafkaErrorCode(rawValue: 36)
    /// A number of partitions that cannot be had.
    public static let invalidPartitions = KafkaErrorCode(rawValue: 37)
    /// A number of replicas that one broker cannot give.
    public static let invalidReplicationFactor = KafkaErrorCode(rawValue: 38)
    /// A placement of replicas that one broker cannot give.
    public static let invalidReplicaAssignment = KafkaErrorCode(rawValue: 39)
    /// A setting that the broker does not have, or not with that value.
    public static let invalidConfig = KafkaErrorCode(rawValue: 40)
    /// A request that contradicts itself.
    public static let invalidRequest = KafkaErrorCode(rawValue: 42)
    /// A batch in an older format.
    public static let unsupportedForMessageFormat = KafkaErrorCode(rawValue: 43)
    /// A rule of the broker's forbids it.
    public static let policyViolation = KafkaErrorCode(rawValue: 44)
    /// A batch of an idempotent producer that does not follow its last one.
    public static let outOfOrderSequenceNumber = KafkaErrorCode(rawValue: 45)
    /// The producer id has a later epoch.
    public static let invalidProducerEpoch = KafkaErrorCode(rawValue: 47)
    /// Transactions are refused; ends transactional producers at once.
    public static let transactionalIDAuthorizationFailed = KafkaErrorCode(rawValue: 53)
    /// The disk is full or broken.
    public static let storageError = KafkaErrorCode(rawValue: 56)
    /// A fetch session that the broker does not keep.
    public static let fetchSessionIDNotFound = KafkaErrorCode(rawValue: 70)
    /// The client knows a later life of the log than the broker.
    public static let unknownLeaderEpoch = KafkaErrorCode(rawValue: 75)
    /// A codec that the stream does not take.
    public static let unsupportedCompressionType = KafkaErrorCode(rawValue: 76)
    /// Records that break their stream's contract, or are not well formed.
    public static let invalidRecord = KafkaErrorCode(rawValue: 87)
}

extension KafkaErrorCode: CustomStringConvertible {
    private static let names: [Int16: String] = [
        0: "NONE", -1: "UNKNOWN_SERVER_ERROR", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE",
        3: "UNKNOWN_TOPIC_OR_PARTITION", 7: "REQUEST_TIMED_OUT", 10: "MESSAGE_TOO_LARGE",
        15: "COORDINATOR_NOT_AVAILABLE", 17: "INVALID_TOPIC_EXCEPTION",
        21: "INVALID_REQUIRED_ACKS", 35: "UNSUPPORTED_VERSION", 36: "TOPIC_ALREADY_EXISTS",
        37: "INVALID_PARTITIONS", 38: "INVALID_REPLICATION_FACTOR",
        39: "INVALID_REPLICA_ASSIGNMENT", 40: "INVALID_CONFIG", 42: "INVALID_REQUEST",
        43: "UNSUPPORTED_FOR_MESSAGE_FORMAT", 44: "POLICY_VIOLATION",
        45: "OUT_OF_ORDER_SEQUENCE_NUMBER", 47: "INVALID_PRODUCER_EPOCH",
        53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", 56: "KAFKA_STORAGE_ERROR",
        70: "FETCH_SESSION_ID_NOT_FOUND", 75: "UNKNOWN_LEADER_EPOCH",
        76: "UNSUPPORTED_COMPRESSION_TYPE", 87: "INVALID_RECORD",
    ]

    /// Kafka's name, or the number where there is none here.
    public var description: String { Self.names[rawValue] ?? "Kafka error \(rawValue)" }
}

extension ByteReader {
    mutating func errorCode() throws(ByteError) -> KafkaErrorCode {
        KafkaErrorCode(rawValue: try bigEndian())
    }
}

extension ByteWriter {
    mutating func kafka(_ code: KafkaErrorCode) { bigEndian(code.rawValue) }
}
