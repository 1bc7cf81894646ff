public import VarveBytes

/// DeleteRecords (key 21), versions 0-1: moves the first offset that can be read.
///
///     request   = topic*, timeout ms i32
///     topic     = name string, partition*
///     partition = index i32, offset i64
public struct DeleteRecordsRequest: KafkaMessage {
    /// A topic and where it shall begin.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// Where one partition shall begin.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// The first to keep; -1: the high watermark.
        public var offset: Int64

        /// A partition with every field.
        public init(index: Int32, offset: Int64) {
            self.index = index
            self.offset = offset
        }
    }

    public var topics: [Topic]
    public var timeoutMilliseconds: Int32

    /// A request with every field.
    public init(topics: [Topic], timeoutMilliseconds: Int32) {
        self.topics = topics
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        topics = try reader.kafkaArray { reader throws(ByteError) in
            try Topic(reading: &reader)
        }
        timeoutMilliseconds = try reader.bigEndian()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: topics) { $1.write(to: &$0) }
        writer.bigEndian(timeoutMilliseconds)
    }
}

extension DeleteRecordsRequest.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            DeleteRecordsRequest.Partition(
                index: try reader.bigEndian(), offset: try reader.bigEndian())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { writer, partition in
            writer.bigEndian(partition.index)
            writer.bigEndian(partition.offset)
        }
    }
}

/// The answer to DeleteRecords.
///
///     response  = throttle ms i32, topic*
///     topic     = name string, partition*
///     partition = index i32, low watermark i64, error i16
public struct DeleteRecordsResponse: KafkaMessage {
    /// A topic and what became of it.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What became of one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// The first offset that can be read; -1 when there is an error.
        public var lowWatermark: Int64
        public var error: KafkaErrorCode

        /// A partition with every field.
        public init(index: Int32, lowWatermark: Int64, error: KafkaErrorCode) {
            self.index = index
            self.lowWatermark = lowWatermark
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

extension DeleteRecordsResponse.Topic {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        name = try reader.kafkaString()
        partitions = try reader.kafkaArray { reader throws(ByteError) in
            DeleteRecordsResponse.Partition(
                index: try reader.bigEndian(), lowWatermark: try reader.bigEndian(),
                error: try reader.errorCode())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.kafka(name)
        writer.kafka(array: partitions) { writer, partition in
            writer.bigEndian(partition.index)
            writer.bigEndian(partition.lowWatermark)
            writer.kafka(partition.error)
        }
    }
}
