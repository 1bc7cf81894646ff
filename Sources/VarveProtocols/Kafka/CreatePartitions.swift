public import VarveBytes

/// CreatePartitions (key 37), versions 0-1: more partitions for topics.
///
///     request    = topic*, timeout ms i32, validate only bool
///     topic      = name string, count i32, assignment* or null
///     assignment = broker i32*
public struct CreatePartitionsRequest: KafkaMessage {
    /// A topic to grow.
    public struct Topic: Sendable, Equatable {
        public var name: String
        /// How many there shall be in all.
        public var count: Int32
        /// Null: as the broker thinks best.
        public var assignments: [Assignment]?

        /// A topic with every field.
        public init(name: String, count: Int32, assignments: [Assignment]?) {
            self.name = name
            self.count = count
            self.assignments = assignments
        }
    }

    /// Which brokers shall hold a new partition.
    public struct Assignment: Sendable, Equatable {
        public var brokers: [Int32]

        /// An assignment with every field.
        public init(brokers: [Int32]) {
            self.brokers = brokers
        }
    }

    public var topics: [Topic]
    public var timeoutMilliseconds: Int32
    /// Whether to answer what would happen, without doing it.
    public var validatesOnly: Bool

    /// A request with every field.
    public init(topics: [Topic], timeoutMilliseconds: Int32, validatesOnly: Bool) {
        self.topics = topics
        self.timeoutMilliseconds = timeoutMilliseconds
        self.validatesOnly = validatesOnly
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
        timeoutMilliseconds = try reader.bigEndian()
        validatesOnly = try reader.kafkaBool()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: topics) { $1.write(to: &$0) }
        writer.bigEndian(timeoutMilliseconds)
        writer.kafka(validatesOnly)
    }
}

extension CreatePartitionsRequest.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        count = try reader.bigEndian()
        assignments = try reader.kafkaNullableArray { reader throws(ByteError) in
            try CreatePartitionsRequest.Assignment(reading: &reader)
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.bigEndian(count)
        writer.kafka(nullable: assignments) { $1.write(to: &$0) }
    }
}

extension CreatePartitionsRequest.Assignment {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        brokers = try reader.kafkaArray { reader throws(ByteError) in
            try reader.bigEndian()
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(array: brokers) { $0.bigEndian($1) }
    }
}

/// The answer to CreatePartitions.
///
///     response = throttle ms i32, topic*
///     topic    = name string, error i16, message nullable string
public struct CreatePartitionsResponse: KafkaMessage {
    /// What became of one topic.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var error: KafkaErrorCode
        /// Why it was refused, for people.
        public var message: String?

        /// A topic with every field.
        public init(name: String, error: KafkaErrorCode, message: String?) {
            self.name = name
            self.error = error
            self.message = message
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
            Topic(
                name: try reader.kafkaString(), error: try reader.errorCode(),
                message: try reader.kafkaNullableString())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(topic.error)
            writer.kafka(nullable: topic.message)
        }
    }
}
