public import VarveBytes

/// ListOffsets (key 2), versions 1-5: the offset that a time, or an end of the stream, stands at.
///
///     request   = replica i32, isolation i8 (v2), topic*
///     topic     = name string, partition*
///     partition = index i32, leader epoch i32 (v4), timestamp ms i64
public struct ListOffsetsRequest: KafkaMessage {
    /// A topic and what is asked about it.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What is asked about one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// The leader epoch that the client knows; -1 when it knows none.
        public var leaderEpoch: Int32
        /// A time, `latest` or `earliest`.
        public var timestamp: Int64

        /// A partition with every field.
        public init(index: Int32, leaderEpoch: Int32, timestamp: Int64) {
            self.index = index
            self.leaderEpoch = leaderEpoch
            self.timestamp = timestamp
        }
    }

    /// Asks for the high watermark.
    public static let latest: Int64 = -1
    /// Asks for the first offset.
    public static let earliest: Int64 = -2

    /// -1 for consumers.
    public var replica: Int32
    /// 0: read uncommitted, 1: read committed.
    public var isolation: Int8
    public var topics: [Topic]

    /// A request with every field.
    public init(replica: Int32, isolation: Int8, topics: [Topic]) {
        self.replica = replica
        self.isolation = isolation
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        replica = try reader.bigEndian()
        isolation = version >= 2 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    Partition(
                        index: try reader.bigEndian(),
                        leaderEpoch: version >= 4 ? try reader.bigEndian() : -1,
                        timestamp: try reader.bigEndian())
                })
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(replica)
        if version >= 2 { writer.bigEndian(isolation) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { writer, partition in
                writer.bigEndian(partition.index)
                if version >= 4 { writer.bigEndian(partition.leaderEpoch) }
                writer.bigEndian(partition.timestamp)
            }
        }
    }
}

/// The answer to ListOffsets.
///
///     response  = throttle ms i32 (v2), topic*
///     topic     = name string, partition*
///     partition = index i32, error i16, timestamp ms i64, offset i64, leader epoch i32 (v4)
public struct ListOffsetsResponse: KafkaMessage {
    /// A topic and its answers.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// The answer for one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var error: KafkaErrorCode
        /// The time of the record found; -1 when an end of the stream was asked for.
        public var timestamp: Int64
        /// -1: no record is at or after the time.
        public var offset: Int64
        public var leaderEpoch: Int32

        /// A partition with every field.
        public init(
            index: Int32, error: KafkaErrorCode, timestamp: Int64, offset: Int64,
            leaderEpoch: Int32
        ) {
            self.index = index
            self.error = error
            self.timestamp = timestamp
            self.offset = offset
            self.leaderEpoch = leaderEpoch
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
        throttleMilliseconds = version >= 2 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    Partition(
                        index: try reader.bigEndian(), error: try reader.errorCode(),
                        timestamp: try reader.bigEndian(), offset: try reader.bigEndian(),
                        leaderEpoch: version >= 4 ? try reader.bigEndian() : -1)
                })
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 2 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { writer, partition in
                writer.bigEndian(partition.index)
                writer.kafka(partition.error)
                writer.bigEndian(partition.timestamp)
                writer.bigEndian(partition.offset)
                if version >= 4 { writer.bigEndian(partition.leaderEpoch) }
            }
        }
    }
}
