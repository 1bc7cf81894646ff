/// The APIs that Varve speaks, and the versions of each.
public enum KafkaAPI: Int16, Sendable, CaseIterable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case saslHandshake = 17
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case deleteRecords = 21
    case initProducerID = 22
    case offsetForLeaderEpoch = 23
    case describeConfigs = 32
    case saslAuthenticate = 36
    case createPartitions = 37
    case deleteGroups = 42
    case incrementalAlterConfigs = 44
    case offsetDelete = 47

    /// The versions offered to clients. None of them is flexible, but ApiVersions 3.
    public var versions: ClosedRange<Int16> {
        switch self {
        // Clients take 0 to 2 for the sign of a broker that understands compression; requests of
        // these versions are answered with error 35, as Kafka 4 does.
        case .produce: 0...8
        case .fetch: 4...11
        case .listOffsets: 1...5
        case .metadata: 0...8
        case .offsetCommit: 1...7
        case .offsetFetch: 1...5
        case .findCoordinator: 0...2
        case .joinGroup: 0...5
        case .heartbeat, .leaveGroup, .syncGroup: 0...3
        case .describeGroups: 0...4
        case .listGroups: 0...2
        case .apiVersions: 0...3
        case .createTopics: 0...4
        case .deleteTopics, .describeConfigs: 0...3
        case .saslHandshake, .saslAuthenticate: 0...1
        case .initProducerID, .deleteRecords, .createPartitions, .deleteGroups: 0...1
        case .offsetForLeaderEpoch: 2...3
        case .incrementalAlterConfigs, .offsetDelete: 0...0
        }
    }

    /// The versions of Produce that carry record batches.
    public static let producibleVersions: ClosedRange<Int16> = 3...8
}
