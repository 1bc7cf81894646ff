public import VarveBytes

/// OffsetForLeaderEpoch (key 23), versions 2-3: where an earlier life of the log ended, so that
/// consumers notice when records they read were cut off (KIP-320).
///
///     request   = replica i32 (v3), topic*
///     topic     = name string, partition*
///     partition = index i32, current leader epoch i32, leader epoch i32
public struct OffsetForLeaderEpochRequest: KafkaMessage {
    /// A topic and what a client has read of it.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What a client has read of one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// What the client takes for the broker's; -1 when it knows none.
        public var currentLeaderEpoch: Int32
        /// Of the last record that the client has read.
        public var leaderEpoch: Int32

        /// A partition with every field.
        public init(index: Int32, currentLeaderEpoch: Int32, leaderEpoch: Int32) {
            self.index = index
            self.currentLeaderEpoch = currentLeaderEpoch
            self.leaderEpoch = leaderEpoch
        }
    }

    /// -1 for consumers.
    public var replica: Int32
    public var topics: [Topic]

    /// A request with every field.
    public init(replica: Int32, topics: [Topic]) {
        self.replica = replica
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        replica = version >= 3 ? try reader.bigEndian() : -1
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 3 { writer.bigEndian(replica) }
        writer.kafka(array: topics) { $1.write(to: &$0) }
    }
}

extension OffsetForLeaderEpochRequest.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            OffsetForLeaderEpochRequest.Partition(
                index: try reader.bigEndian(), currentLeaderEpoch: try reader.bigEndian(),
                leaderEpoch: try reader.bigEndian())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { writer, partition in
            writer.bigEndian(partition.index)
            writer.bigEndian(partition.currentLeaderEpoch)
            writer.bigEndian(partition.leaderEpoch)
        }
    }
}

/// The answer to OffsetForLeaderEpoch.
///
///     response  = throttle ms i32, topic*
///     topic     = name string, partition*
///     partition = error i16, index i32, leader epoch i32, end offset i64
public struct OffsetForLeaderEpochResponse: KafkaMessage {
    /// A topic and where an epoch ended.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// Where an epoch ended in one partition.
    public struct Partition: Sendable, Equatable {
        public var error: KafkaErrorCode
        public var index: Int32
        /// The largest that is not above the one asked for; -1 when there is none.
        public var leaderEpoch: Int32
        /// The offset after its last record; -1 when there is none.
        public var endOffset: Int64

        /// A partition with every field.
        public init(error: KafkaErrorCode, index: Int32, leaderEpoch: Int32, endOffset: Int64) {
            self.error = error
            self.index = index
            self.leaderEpoch = leaderEpoch
            self.endOffset = endOffset
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
        throttleMilliseconds = try reader.bigEndian()
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: topics) { $1.write(to: &$0) }
    }
}

extension OffsetForLeaderEpochResponse.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            OffsetForLeaderEpochResponse.Partition(
                error: try reader.errorCode(), index: try reader.bigEndian(),
                leaderEpoch: try reader.bigEndian(), endOffset: try reader.bigEndian())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { writer, partition in
            writer.kafka(partition.error)
            writer.bigEndian(partition.index)
            writer.bigEndian(partition.leaderEpoch)
            writer.bigEndian(partition.endOffset)
        }
    }
}
