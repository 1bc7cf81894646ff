public import VarveBytes

/// OffsetFetch (key 9), versions 1-5: where a group reads on.
///
///     request = group string, topic* or null
///     topic   = name string, partition i32*
public struct OffsetFetchRequest: KafkaMessage {
    /// A topic and the partitions asked for.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Int32]

        /// A topic with every field.
        public init(name: String, partitions: [Int32]) {
            self.name = name
            self.partitions = partitions
        }
    }

    public var group: String
    /// Null, from version 2: all that the group has offsets of.
    public var topics: [Topic]?

    /// A request with every field.
    public init(group: String, topics: [Topic]?) {
        self.group = group
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        topics = try reader.kafkaNullableArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.kafka(nullable: topics) { $1.write(to: &$0) }
    }
}

extension OffsetFetchRequest.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            try reader.bigEndian()
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { $0.bigEndian($1) }
    }
}

/// The answer to OffsetFetch.
///
///     response  = throttle ms i32 (v3), topic*, error i16 (v2)
///     topic     = name string, partition*
///     partition = index i32, offset i64, leader epoch i32 (v5), metadata nullable string,
///                 error i16
public struct OffsetFetchResponse: KafkaMessage {
    /// A topic and where to read on.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// Where a group reads on in one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// The next one to read; -1 when none was committed.
        public var offset: Int64
        public var leaderEpoch: Int32
        public var metadata: String?
        public var error: KafkaErrorCode

        /// A partition with every field.
        public init(
            index: Int32, offset: Int64, leaderEpoch: Int32, metadata: String?,
            error: KafkaErrorCode
        ) {
            self.index = index
            self.offset = offset
            self.leaderEpoch = leaderEpoch
            self.metadata = metadata
            self.error = error
        }
    }

    public var throttleMilliseconds: Int32
    public var topics: [Topic]
    public var error: KafkaErrorCode

    /// A response with every field.
    public init(throttleMilliseconds: Int32, topics: [Topic], error: KafkaErrorCode) {
        self.throttleMilliseconds = throttleMilliseconds
        self.topics = topics
        self.error = error
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 3 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader, version: version)
        }
        error = version >= 2 ? try reader.errorCode() : .none
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 3 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: topics) { $1.write(to: &$0, version: version) }
        if version >= 2 { writer.kafka(error) }
    }
}

extension OffsetFetchResponse.Topic {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            try OffsetFetchResponse.Partition(reading: &reader, version: version)
        }
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(name)
        writer.kafka(array: partitions) { $1.write(to: &$0, version: version) }
    }
}

extension OffsetFetchResponse.Partition {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        index = try reader.bigEndian()
        offset = try reader.bigEndian()
        leaderEpoch = version >= 5 ? try reader.bigEndian() : -1
        metadata = try reader.kafkaNullableString()
        error = try reader.errorCode()
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(index)
        writer.bigEndian(offset)
        if version >= 5 { writer.bigEndian(leaderEpoch) }
        writer.kafka(nullable: metadata)
        writer.kafka(error)
    }
}
