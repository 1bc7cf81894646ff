public import VarveBytes

/// A request of any API, as it arrived.
public enum KafkaRequest: Sendable, Equatable {
    case produce(ProduceRequest)
    case fetch(FetchRequest)
    case listOffsets(ListOffsetsRequest)
    case metadata(MetadataRequest)
    case apiVersions(ApiVersionsRequest)
    case createTopics(CreateTopicsRequest)
    case initProducerID(InitProducerIDRequest)
    case offsetCommit(OffsetCommitRequest)
    case offsetFetch(OffsetFetchRequest)
    case findCoordinator(FindCoordinatorRequest)
    case joinGroup(JoinGroupRequest)
    case heartbeat(HeartbeatRequest)
    case leaveGroup(LeaveGroupRequest)
    case syncGroup(SyncGroupRequest)
    case describeGroups(DescribeGroupsRequest)
    case listGroups(ListGroupsRequest)
    case deleteGroups(DeleteGroupsRequest)
    case offsetDelete(OffsetDeleteRequest)
    case deleteTopics(DeleteTopicsRequest)
    case deleteRecords(DeleteRecordsRequest)
    case offsetForLeaderEpoch(OffsetForLeaderEpochRequest)
    case describeConfigs(DescribeConfigsRequest)
    case createPartitions(CreatePartitionsRequest)
    case incrementalAlterConfigs(IncrementalAlterConfigsRequest)
    case saslHandshake(SaslHandshakeRequest)
    case saslAuthenticate(SaslAuthenticateRequest)

    /// Reads the content of one frame. Bytes after the body are ignored, as Kafka does.
    public static func read(
        _ frame: RawSpan
    ) throws(KafkaRequestError) -> (header: RequestHeader, request: KafkaRequest) {
        var reader = ByteReader(frame)
        let header: RequestHeader
        do {
            header = try RequestHeader(reading: &reader)
        } catch {
            throw .malformed(nil, error)
        }
        guard let api = header.api, header.isSupported else { throw .unsupported(header) }
        do {
            return (header, try body(api, &reader, header.version))
        } catch {
            throw .malformed(header, error)
        }
    }

    private static func body(
        _ api: KafkaAPI, _ reader: inout ByteReader, _ version: Int16
    ) throws(ByteError) -> KafkaRequest {
        switch api {
        case .produce: .produce(try ProduceRequest(reading: &reader, version: version))
        case .fetch: .fetch(try FetchRequest(reading: &reader, version: version))
        case .listOffsets:
            .listOffsets(try ListOffsetsRequest(reading: &reader, version: version))
        case .metadata: .metadata(try MetadataRequest(reading: &reader, version: version))
        case .apiVersions:
            .apiVersions(try ApiVersionsRequest(reading: &reader, version: version))
        case .createTopics:
            .createTopics(try CreateTopicsRequest(reading: &reader, version: version))
        case .initProducerID:
            .initProducerID(try InitProducerIDRequest(reading: &reader, version: version))
        case .offsetCommit:
            .offsetCommit(try OffsetCommitRequest(reading: &reader, version: version))
        case .offsetFetch: .offsetFetch(try OffsetFetchRequest(reading: &reader, version: version))
        case .findCoordinator:
            .findCoordinator(try FindCoordinatorRequest(reading: &reader, version: version))
        case .joinGroup: .joinGroup(try JoinGroupRequest(reading: &reader, version: version))
        case .heartbeat: .heartbeat(try HeartbeatRequest(reading: &reader, version: version))
        case .leaveGroup: .leaveGroup(try LeaveGroupRequest(reading: &reader, version: version))
        case .syncGroup: .syncGroup(try SyncGroupRequest(reading: &reader, version: version))
        case .describeGroups:
            .describeGroups(try DescribeGroupsRequest(reading: &reader, version: version))
        case .listGroups: .listGroups(try ListGroupsRequest(reading: &reader, version: version))
        case .deleteGroups:
            .deleteGroups(try DeleteGroupsRequest(reading: &reader, version: version))
        case .offsetDelete:
            .offsetDelete(try OffsetDeleteRequest(reading: &reader, version: version))
        case .saslHandshake:
            .saslHandshake(try SaslHandshakeRequest(reading: &reader, version: version))
        case .saslAuthenticate:
            .saslAuthenticate(try SaslAuthenticateRequest(reading: &reader, version: version))
        case .deleteTopics:
            .deleteTopics(try DeleteTopicsRequest(reading: &reader, version: version))
        case .deleteRecords:
            .deleteRecords(try DeleteRecordsRequest(reading: &reader, version: version))
        case .offsetForLeaderEpoch:
            .offsetForLeaderEpoch(
                try OffsetForLeaderEpochRequest(reading: &reader, version: version))
        case .describeConfigs:
            .describeConfigs(try DescribeConfigsRequest(reading: &reader, version: version))
        case .createPartitions:
            .createPartitions(try CreatePartitionsRequest(reading: &reader, version: version))
        case .incrementalAlterConfigs:
            .incrementalAlterConfigs(
                try IncrementalAlterConfigsRequest(reading: &reader, version: version))
        }
    }
}

/// Why a frame is not a request that Varve answers.
public enum KafkaRequestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An API or a version that Varve does not speak.
    case unsupported(RequestHeader)
    /// The bytes do not follow the protocol; no header when that itself is not there.
    case malformed(RequestHeader?, ByteError)

    public var description: String {
        switch self {
        case .unsupported(let header):
            "API \(header.apiKey) version \(header.version) of client"
                + " \"\(header.clientID ?? "")\" is not supported;"
                + " ApiVersions names what is"
        case .malformed(let header?, let error):
            "the request of API \(header.apiKey) version \(header.version) is malformed: \(error)"
        case .malformed(nil, let error): "the bytes are no Kafka request: \(error)"
        }
    }
}
