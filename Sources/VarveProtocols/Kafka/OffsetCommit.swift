public import VarveBytes

/// OffsetCommit (key 8), versions 1-7: keeps how far a group has read.
///
///     request   = group string, generation i32, member id string,
///                 instance id nullable string (v7), retention ms i64 (v2-4), topic*
///     topic     = name string, partition*
///     partition = index i32, offset i64, leader epoch i32 (v6), timestamp i64 (v1),
///                 metadata nullable string
public struct OffsetCommitRequest: KafkaMessage {
    /// A topic and how far it was read.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// How far one partition was read.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var offset: Int64
        /// Of the last record that was read; -1 when unknown.
        public var leaderEpoch: Int32
        /// Of version 1 only; -1: now.
        public var timestamp: Int64
        /// The client's own words.
        public var metadata: String?

        /// A partition with every field.
        public init(
            index: Int32, offset: Int64, leaderEpoch: Int32, timestamp: Int64, metadata: String?
        ) {
            self.index = index
            self.offset = offset
            self.leaderEpoch = leaderEpoch
            self.timestamp = timestamp
            self.metadata = metadata
        }
    }

    public var group: String
    /// -1 of a client that is no member.
    public var generation: Int32
    public var member: String
    /// Of a static member: a name that outlives restarts.
    public var instanceID: String?
    /// -1: as the broker thinks best. Varve keeps all.
    public var retentionMilliseconds: Int64
    public var topics: [Topic]

    /// A request with every field.
    public init(
        group: String, generation: Int32, member: String, instanceID: String?,
        retentionMilliseconds: Int64, topics: [Topic]
    ) {
        self.group = group
        self.generation = generation
        self.member = member
        self.instanceID = instanceID
        self.retentionMilliseconds = retentionMilliseconds
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        generation = try reader.bigEndian()
        member = try reader.kafkaString()
        instanceID = version >= 7 ? try reader.kafkaNullableString() : nil
        retentionMilliseconds = (2...4).contains(version) ? try reader.bigEndian() : -1
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader, version: version)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.bigEndian(generation)
        writer.kafka(member)
        if version >= 7 { writer.kafka(nullable: instanceID) }
        if (2...4).contains(version) { writer.bigEndian(retentionMilliseconds) }
        writer.kafka(array: topics) { $1.write(to: &$0, version: version) }
    }
}

extension OffsetCommitRequest.Topic {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            try OffsetCommitRequest.Partition(reading: &reader, version: version)
        }
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(name)
        writer.kafka(array: partitions) { $1.write(to: &$0, version: version) }
    }
}

extension OffsetCommitRequest.Partition {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        index = try reader.bigEndian()
        offset = try reader.bigEndian()
        leaderEpoch = version >= 6 ? try reader.bigEndian() : -1
        timestamp = version == 1 ? try reader.bigEndian() : -1
        metadata = try reader.kafkaNullableString()
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(index)
        writer.bigEndian(offset)
        if version >= 6 { writer.bigEndian(leaderEpoch) }
        if version == 1 { writer.bigEndian(timestamp) }
        writer.kafka(nullable: metadata)
    }
}

/// The answer to OffsetCommit: the offsets without error are durable.
///
///     response  = throttle ms i32 (v3), topic*
///     topic     = name string, partition*
///     partition = index i32, error i16
public struct OffsetCommitResponse: KafkaMessage {
    /// A topic and what became of its offsets.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What became of one partition's offset.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var error: KafkaErrorCode

        /// A partition with every field.
        public init(index: Int32, error: KafkaErrorCode) {
            self.index = index
            self.error = error
        }
    }

    public var throttleMilliseconds: Int32
    public var topics: [Topic]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, topics: [Topic]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 3 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 3 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: topics) { $1.write(to: &$0) }
    }
}

extension OffsetCommitResponse.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            OffsetCommitResponse.Partition(
                index: try reader.bigEndian(), error: try reader.errorCode())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { writer, partition in
            writer.bigEndian(partition.index)
            writer.kafka(partition.error)
        }
    }
}
