public import VarveBytes

/// DeleteTopics (key 20), versions 0-3.
///
///     request = name string*, timeout ms i32
public struct DeleteTopicsRequest: KafkaMessage {
    public var names: [String]
    public var timeoutMilliseconds: Int32

    /// A request with every field.
    public init(names: [String], timeoutMilliseconds: Int32) {
        self.names = names
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        names = try reader.kafkaArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
        timeoutMilliseconds = try reader.bigEndian()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: names) { $0.kafka($1) }
        writer.bigEndian(timeoutMilliseconds)
    }
}

/// The answer to DeleteTopics.
///
///     response = throttle ms i32 (v1), topic*
///     topic    = name string, error i16
public struct DeleteTopicsResponse: KafkaMessage {
    /// What became of one topic.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var error: KafkaErrorCode

        /// A topic with every field.
        public init(name: String, error: KafkaErrorCode) {
            self.name = name
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
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(name: try reader.kafkaString(), error: try reader.errorCode())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(topic.error)
        }
    }
}
