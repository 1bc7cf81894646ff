public import VarveBytes

/// Metadata (key 3), versions 0-8: which topics there are, and which broker to ask for them.
///
///     request   = topic name* (nil: all; v0: none of them also means all),
///                 create missing topics bool (v4), ask for cluster rights bool (v8),
///                 ask for topic rights bool (v8)
public struct MetadataRequest: KafkaMessage {
    /// The topics asked for; nil is all.
    public var topics: [String]?
    /// Whether topics that are missing may be created; true below version 4.
    public var allowsCreation: Bool
    public var includesClusterRights: Bool
    public var includesTopicRights: Bool

    /// A request with every field.
    public init(
        topics: [String]?, allowsCreation: Bool, includesClusterRights: Bool,
        includesTopicRights: Bool
    ) {
        self.topics = topics
        self.allowsCreation = allowsCreation
        self.includesClusterRights = includesClusterRights
        self.includesTopicRights = includesTopicRights
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        topics = try reader.kafkaNullableArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
        if version == 0, topics?.isEmpty ?? false { topics = nil }
        allowsCreation = version >= 4 ? try reader.kafkaBool() : true
        includesClusterRights = version >= 8 ? try reader.kafkaBool() : false
        includesTopicRights = version >= 8 ? try reader.kafkaBool() : false
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        let wanted = version == 0 ? topics ?? [] : topics
        writer.kafka(nullable: wanted) { $0.kafka($1) }
        if version >= 4 { writer.kafka(allowsCreation) }
        if version >= 8 { writer.kafka(includesClusterRights) }
        if version >= 8 { writer.kafka(includesTopicRights) }
    }
}

/// The answer to Metadata.
///
///     response  = throttle ms i32 (v3), broker*, cluster id nullable string (v2),
///                 controller i32 (v1), topic*, cluster rights i32 (v8)
///     broker    = node i32, host string, port i32, rack nullable string (v1)
///     topic     = error i16, name string, is internal bool (v1), partition*,
///                 topic rights i32 (v8)
///     partition = error i16, index i32, leader i32, leader epoch i32 (v7), replica i32*,
///                 in-sync replica i32*, offline replica i32* (v5)
public struct MetadataResponse: KafkaMessage {
    /// A broker and where clients reach it.
    public struct Broker: Sendable, Equatable {
        public var node: Int32
        public var host: String
        public var port: Int32
        public var rack: String?

        /// A broker with every field.
        public init(node: Int32, host: String, port: Int32, rack: String?) {
            self.node = node
            self.host = host
            self.port = port
            self.rack = rack
        }
    }

    /// A topic and its partitions.
    public struct Topic: Sendable, Equatable {
        public var error: KafkaErrorCode
        public var name: String
        public var isInternal: Bool
        public var partitions: [Partition]
        /// A set of operation numbers; `unknownRights` when nobody asked.
        public var rights: Int32

        /// A topic with every field.
        public init(
            error: KafkaErrorCode, name: String, isInternal: Bool, partitions: [Partition],
            rights: Int32
        ) {
            self.error = error
            self.name = name
            self.isInternal = isInternal
            self.partitions = partitions
            self.rights = rights
        }
    }

    /// A partition and the broker that leads it.
    public struct Partition: Sendable, Equatable {
        public var error: KafkaErrorCode
        public var index: Int32
        public var leader: Int32
        /// -1 when unknown.
        public var leaderEpoch: Int32
        public var replicas: [Int32]
        public var inSyncReplicas: [Int32]
        public var offlineReplicas: [Int32]

        /// A partition with every field.
        public init(
            error: KafkaErrorCode, index: Int32, leader: Int32, leaderEpoch: Int32,
            replicas: [Int32], inSyncReplicas: [Int32], offlineReplicas: [Int32]
        ) {
            self.error = error
            self.index = index
            self.leader = leader
            self.leaderEpoch = leaderEpoch
            self.replicas = replicas
            self.inSyncReplicas = inSyncReplicas
            self.offlineReplicas = offlineReplicas
        }
    }

    /// Stands for a set of rights that is not told.
    public static let unknownRights = Int32.min

    public var throttleMilliseconds: Int32
    public var brokers: [Broker]
    public var clusterID: String?
    public var controller: Int32
    public var topics: [Topic]
    public var clusterRights: Int32

    /// A response with every field.
    public init(
        throttleMilliseconds: Int32, brokers: [Broker], clusterID: String?, controller: Int32,
        topics: [Topic], clusterRights: Int32
    ) {
        self.throttleMilliseconds = throttleMilliseconds
        self.brokers = brokers
        self.clusterID = clusterID
        self.controller = controller
        self.topics = topics
        self.clusterRights = clusterRights
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 3 ? try reader.bigEndian() : 0
        brokers = try reader.kafkaArray { reader throws(ByteError) in
            Broker(
                node: try reader.bigEndian(), host: try reader.kafkaString(),
                port: try reader.bigEndian(),
                rack: version >= 1 ? try reader.kafkaNullableString() : nil)
        }
        clusterID = version >= 2 ? try reader.kafkaNullableString() : nil
        controller = version >= 1 ? try reader.bigEndian() : -1
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader, version: version)
        }
        clusterRights = version >= 8 ? try reader.bigEndian() : Self.unknownRights
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 3 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: brokers) { writer, broker in
            writer.bigEndian(broker.node)
            writer.kafka(broker.host)
            writer.bigEndian(broker.port)
            if version >= 1 { writer.kafka(nullable: broker.rack) }
        }
        if version >= 2 { writer.kafka(nullable: clusterID) }
        if version >= 1 { writer.bigEndian(controller) }
        writer.kafka(array: topics) { $1.write(to: &$0, version: version) }
        if version >= 8 { writer.bigEndian(clusterRights) }
    }
}

extension MetadataResponse.Topic {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        name = try reader.kafkaString()
        isInternal = version >= 1 ? try reader.kafkaBool() : false
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            try MetadataResponse.Partition(reading: &reader, version: version)
        }
        rights = version >= 8 ? try reader.bigEndian() : MetadataResponse.unknownRights
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.kafka(name)
        if version >= 1 { writer.kafka(isInternal) }
        writer.kafka(array: partitions) { writer, partition in
            writer.kafka(partition.error)
            writer.bigEndian(partition.index)
            writer.bigEndian(partition.leader)
            if version >= 7 { writer.bigEndian(partition.leaderEpoch) }
            writer.kafka(array: partition.replicas) { $0.bigEndian($1) }
            writer.kafka(array: partition.inSyncReplicas) { $0.bigEndian($1) }
            if version >= 5 { writer.kafka(array: partition.offlineReplicas) { $0.bigEndian($1) } }
        }
        if version >= 8 { writer.bigEndian(rights) }
    }
}

extension MetadataResponse.Partition {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        index = try reader.bigEndian()
        leader = try reader.bigEndian()
        leaderEpoch = version >= 7 ? try reader.bigEndian() : -1
        replicas = try reader.kafkaArray { reader throws(ByteError) in try reader.bigEndian() }
        inSyncReplicas = try reader.kafkaArray { reader throws(ByteError) in
            try reader.bigEndian()
        }
        offlineReplicas =
            version >= 5
            ? try reader.kafkaArray { reader throws(ByteError) in try reader.bigEndian() } : []
    }
}
