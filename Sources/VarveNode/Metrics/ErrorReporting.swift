import VarveProtocols

/// A response that can say that something was refused.
protocol ErrorReporting {
    /// The first error in it.
    var firstError: KafkaErrorCode { get }
}

extension Sequence where Element == KafkaErrorCode {
    /// The first that is one.
    fileprivate var first: KafkaErrorCode { self.first { $0 != .none } ?? .none }
}

extension KafkaErrorCode {
    /// This error; the first of the parts when there is none.
    fileprivate func or(_ parts: some Sequence<KafkaErrorCode>) -> KafkaErrorCode {
        self == .none ? parts.first : self
    }
}

extension ProduceResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first }
}

extension ListOffsetsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first }
}

extension OffsetCommitResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first }
}

extension DeleteRecordsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first }
}

extension OffsetForLeaderEpochResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first }
}

extension FetchResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        error.or(topics.lazy.flatMap { $0.partitions.lazy.map(\.error) })
    }
}

extension OffsetFetchResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        error.or(topics.lazy.flatMap { $0.partitions.lazy.map(\.error) })
    }
}

extension OffsetDeleteResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        error.or(topics.lazy.flatMap { $0.partitions.lazy.map(\.error) })
    }
}

extension MetadataResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension CreateTopicsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension DeleteTopicsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension CreatePartitionsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension DeleteGroupsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { results.lazy.map(\.error).first }
}

extension DescribeConfigsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { results.lazy.map(\.error).first }
}

extension IncrementalAlterConfigsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { results.lazy.map(\.error).first }
}

extension DescribeGroupsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { groups.lazy.map(\.error).first }
}

extension LeaveGroupResponse: ErrorReporting {
    var firstError: KafkaErrorCode { error.or(members.lazy.map(\.error)) }
}

extension InitProducerIDResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension FindCoordinatorResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension JoinGroupResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SyncGroupResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension HeartbeatResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension ListGroupsResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SaslHandshakeResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SaslAuthenticateResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension ApiVersionsResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
