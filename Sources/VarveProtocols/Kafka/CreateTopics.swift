public import VarveBytes

/// CreateTopics (key 19), versions 0-4.
///
///     request    = topic*, timeout ms i32, validate only bool (v1)
///     topic      = name string, partitions i32, replicas i16, assignment*, setting*
///     assignment = partition i32, broker i32*
///     setting    = name string, value nullable string
public struct CreateTopicsRequest: KafkaMessage {
    /// A topic to create.
    public struct Topic: Sendable, Equatable {
        public var name: String
        /// -1: as many as the broker thinks best, or as the assignments say.
        public var partitionCount: Int32
        /// -1: as the broker thinks best, or as the assignments say.
        public var replicationFactor: Int16
        public var assignments: [Assignment]
        public var settings: [Setting]

        /// A topic with every field.
        public init(
            name: String, partitionCount: Int32, replicationFactor: Int16,
            assignments: [Assignment], settings: [Setting]
        ) {
            self.name = name
            self.partitionCount = partitionCount
            self.replicationFactor = replicationFactor
            self.assignments = assignments
            self.settings = settings
        }
    }

    /// Which brokers shall hold a partition.
    public struct Assignment: Sendable, Equatable {
        public var partition: Int32
        public var brokers: [Int32]

        /// An assignment with every field.
        public init(partition: Int32, brokers: [Int32]) {
            self.partition = partition
            self.brokers = brokers
        }
    }

    /// A setting of a topic.
    public struct Setting: Sendable, Equatable {
        public var name: String
        public var value: String?

        /// A setting with every field.
        public init(name: String, value: String?) {
            self.name = name
            self.value = value
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
        validatesOnly = version >= 1 ? try reader.kafkaBool() : false
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.bigEndian(topic.partitionCount)
            writer.bigEndian(topic.replicationFactor)
            writer.kafka(array: topic.assignments) { writer, assignment in
                writer.bigEndian(assignment.partition)
                writer.kafka(array: assignment.brokers) { $0.bigEndian($1) }
            }
            writer.kafka(array: topic.settings) { writer, setting in
                writer.kafka(setting.name)
                writer.kafka(nullable: setting.value)
            }
        }
        writer.bigEndian(timeoutMilliseconds)
        if version >= 1 { writer.kafka(validatesOnly) }
    }
}

extension CreateTopicsRequest.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitionCount = try reader.bigEndian()
        replicationFactor = try reader.bigEndian()
        assignments = try reader.kafkaArray { reader throws(ByteError) in
            CreateTopicsRequest.Assignment(
                partition: try reader.bigEndian(),
                brokers: try reader.kafkaArray { reader throws(ByteError) in
                    try reader.bigEndian()
                })
        }
        settings = try reader.kafkaArray { reader throws(ByteError) in
            CreateTopicsRequest.Setting(
                name: try reader.kafkaString(), value: try reader.kafkaNullableString())
        }
    }
}

/// The answer to CreateTopics.
///
///     response  = throttle ms i32 (v2), topic*
///     topic     = name string, error i16, message nullable string (v1)
public struct CreateTopicsResponse: KafkaMessage {
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
        throttleMilliseconds = version >= 2 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(), error: try reader.errorCode(),
                message: version >= 1 ? try reader.kafkaNullableString() : nil)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 2 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(topic.error)
            if version >= 1 { writer.kafka(nullable: topic.message) }
        }
    }
}
