public import VarveBytes

/// OffsetDelete (key 47), version 0: forgets offsets of a group.
///
///     request = group string, topic*
///     topic   = name string, partition i32*
public struct OffsetDeleteRequest: KafkaMessage {
    /// A topic and its partitions.
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
    public var topics: [Topic]

    /// A request with every field.
    public init(group: String, topics: [Topic]) {
        self.group = group
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.kafka(array: topics) { $1.write(to: &$0) }
    }
}

extension OffsetDeleteRequest.Topic {
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

/// The answer to OffsetDelete.
///
///     response  = error i16, throttle ms i32, topic*
///     topic     = name string, partition*
///     partition = index i32, error i16
public struct OffsetDeleteResponse: KafkaMessage {
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

    public var error: KafkaErrorCode
    public var throttleMilliseconds: Int32
    public var topics: [Topic]

    /// A response with every field.
    public init(error: KafkaErrorCode, throttleMilliseconds: Int32, topics: [Topic]) {
        self.error = error
        self.throttleMilliseconds = throttleMilliseconds
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        throttleMilliseconds = try reader.bigEndian()
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: topics) { $1.write(to: &$0) }
    }
}

extension OffsetDeleteResponse.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            OffsetDeleteResponse.Partition(
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
