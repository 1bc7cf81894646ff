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
    /// Words beside an offset that are too many.
    public static let offsetMetadataTooLarge = KafkaErrorCode(rawValue: 12)
    /// The group's offsets are being read; clients try again.
    public static let coordinatorLoadInProgress = KafkaErrorCode(rawValue: 14)
    /// There is no coordinator for the group at present.
    public static let coordinatorNotAvailable = KafkaErrorCode(rawValue: 15)
    /// A name that no topic can have.
    public static let invalidTopic = KafkaErrorCode(rawValue: 17)
    /// An `acks` that is not -1, 0 or 1.
    public static let invalidRequiredAcks = KafkaErrorCode(rawValue: 21)
    /// A generation that is not the group's present one; the member joins again.
    public static let illegalGeneration = KafkaErrorCode(rawValue: 22)
    /// No way to share the work that all members can follow.
    public static let inconsistentGroupProtocol = KafkaErrorCode(rawValue: 23)
    /// A name that no group can have.
    public static let invalidGroupID = KafkaErrorCode(rawValue: 24)
    /// No member of the group; it joins as a new one.
    public static let unknownMemberID = KafkaErrorCode(rawValue: 25)
    /// A session timeout that the broker does not take.
    public static let invalidSessionTimeout = KafkaErrorCode(rawValue: 26)
    /// The group is about to have a new generation; members join again.
    public static let rebalanceInProgress = KafkaErrorCode(rawValue: 27)
    /// The user may not do that with the topic.
    public static let topicAuthorizationFailed = KafkaErrorCode(rawValue: 29)
    /// The user may not do that with the group.
    public static let groupAuthorizationFailed = KafkaErrorCode(rawValue: 30)
    /// The user may not do that here.
    public static let clusterAuthorizationFailed = KafkaErrorCode(rawValue: 31)
    /// A way to prove who one is that the broker does not take.
    public static let unsupportedSaslMechanism = KafkaErrorCode(rawValue: 33)
    /// A step of the proof out of turn.
    public static let illegalSaslState = KafkaErrorCode(rawValue: 34)
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
    /// The proof of who one is failed.
    public static let saslAuthenticationFailed = KafkaErrorCode(rawValue: 58)
    /// The group has members.
    public static let nonEmptyGroup = KafkaErrorCode(rawValue: 68)
    /// There is no such group.
    public static let groupIDNotFound = KafkaErrorCode(rawValue: 69)
    /// A fetch session that the broker does not keep.
    public static let fetchSessionIDNotFound = KafkaErrorCode(rawValue: 70)
    /// Topics of this kind are not deleted.
    public static let topicDeletionDisabled = KafkaErrorCode(rawValue: 73)
    /// The client knows an earlier life of the log than the broker.
    public static let fencedLeaderEpoch = KafkaErrorCode(rawValue: 74)
    /// The client knows a later life of the log than the broker.
    public static let unknownLeaderEpoch = KafkaErrorCode(rawValue: 75)
    /// A codec that the stream does not take.
    public static let unsupportedCompressionType = KafkaErrorCode(rawValue: 76)
    /// The member is to join again with the id that it is given.
    public static let memberIDRequired = KafkaErrorCode(rawValue: 79)
    /// The group has as many members as may be.
    public static let groupMaxSizeReached = KafkaErrorCode(rawValue: 81)
    /// Another member has taken the instance over; ends this one.
    public static let fencedInstanceID = KafkaErrorCode(rawValue: 82)
    /// Members of the group read the topic.
    public static let groupSubscribedToTopic = KafkaErrorCode(rawValue: 86)
    /// Records that break their stream's contract, or are not well formed.
    public static let invalidRecord = KafkaErrorCode(rawValue: 87)
}

extension KafkaErrorCode: CustomStringConvertible {
    private static let names: [Int16: String] = [
        0: "NONE", -1: "UNKNOWN_SERVER_ERROR", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE",
        3: "UNKNOWN_TOPIC_OR_PARTITION", 7: "REQUEST_TIMED_OUT", 10: "MESSAGE_TOO_LARGE",
        12: "OFFSET_METADATA_TOO_LARGE", 14: "COORDINATOR_LOAD_IN_PROGRESS",
        15: "COORDINATOR_NOT_AVAILABLE", 17: "INVALID_TOPIC_EXCEPTION", 21: "INVALID_REQUIRED_ACKS",
        22: "ILLEGAL_GENERATION", 23: "INCONSISTENT_GROUP_PROTOCOL", 24: "INVALID_GROUP_ID",
        25: "UNKNOWN_MEMBER_ID", 26: "INVALID_SESSION_TIMEOUT", 27: "REBALANCE_IN_PROGRESS",
        29: "TOPIC_AUTHORIZATION_FAILED", 30: "GROUP_AUTHORIZATION_FAILED",
        31: "CLUSTER_AUTHORIZATION_FAILED", 33: "UNSUPPORTED_SASL_MECHANISM",
        34: "ILLEGAL_SASL_STATE", 35: "UNSUPPORTED_VERSION", 36: "TOPIC_ALREADY_EXISTS",
        37: "INVALID_PARTITIONS", 38: "INVALID_REPLICATION_FACTOR",
        39: "INVALID_REPLICA_ASSIGNMENT", 40: "INVALID_CONFIG", 42: "INVALID_REQUEST",
        43: "UNSUPPORTED_FOR_MESSAGE_FORMAT", 44: "POLICY_VIOLATION",
        45: "OUT_OF_ORDER_SEQUENCE_NUMBER", 47: "INVALID_PRODUCER_EPOCH",
        53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", 56: "KAFKA_STORAGE_ERROR",
        58: "SASL_AUTHENTICATION_FAILED", 68: "NON_EMPTY_GROUP", 69: "GROUP_ID_NOT_FOUND",
        70: "FETCH_SESSION_ID_NOT_FOUND", 73: "TOPIC_DELETION_DISABLED", 74: "FENCED_LEADER_EPOCH",
        75: "UNKNOWN_LEADER_EPOCH", 76: "UNSUPPORTED_COMPRESSION_TYPE", 79: "MEMBER_ID_REQUIRED",
        81: "GROUP_MAX_SIZE_REACHED", 82: "FENCED_INSTANCE_ID", 86: "GROUP_SUBSCRIBED_TO_TOPIC",
        87: "INVALID_RECORD",
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
