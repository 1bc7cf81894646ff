public import VarveBytes

/// Produce (key 0), versions 0-8: record batches to append. Batches travel as bytes.
///
///     request   = transactional id nullable string (v3), acks i16, timeout ms i32, topic*
///     topic     = name string, partition*
///     partition = index i32, records nullable bytes
public struct ProduceRequest: KafkaMessage {
    /// A topic and what to append to its partitions.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What to append to one partition: one batch.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var records: [UInt8]?

        /// A partition with every field.
        public init(index: Int32, records: [UInt8]?) {
            self.index = index
            self.records = records
        }
    }

    public var transactionalID: String?
    /// -1: answer when durable; 1: when taken in; 0: never.
    public var acks: Int16
    public var timeoutMilliseconds: Int32
    public var topics: [Topic]

    /// A request with every field.
    public init(
        transactionalID: String?, acks: Int16, timeoutMilliseconds: Int32, topics: [Topic]
    ) {
        self.transactionalID = transactionalID
        self.acks = acks
        self.timeoutMilliseconds = timeoutMilliseconds
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        transactionalID = version >= 3 ? try reader.kafkaNullableString() : nil
        acks = try reader.bigEndian()
        timeoutMilliseconds = try reader.bigEndian()
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    Partition(
                        index: try reader.bigEndian(), records: try reader.kafkaNullableBytes())
                })
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 3 { writer.kafka(nullable: transactionalID) }
        writer.bigEndian(acks)
        writer.bigEndian(timeoutMilliseconds)
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { writer, partition in
                writer.bigEndian(partition.index)
                writer.kafka(nullable: partition.records)
            }
        }
    }
}

/// The answer to Produce.
///
///     response  = topic*, throttle ms i32 (v1)
///     topic     = name string, partition*
///     partition = index i32, error i16, base offset i64, log append time ms i64 (v2),
///                 log start offset i64 (v5), record error* (v8), message nullable string (v8)
///     record error = index in the batch i32, message nullable string
public struct ProduceResponse: KafkaMessage {
    /// A topic and what became of its batches.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What became of one batch.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var error: KafkaErrorCode
        /// The offset of the batch's first record; -1 when it was not appended.
        public var baseOffset: Int64
        /// -1: the producer's timestamps stand.
        public var logAppendTime: Int64
        /// The stream's first offset; -1 when unknown.
        public var logStartOffset: Int64
        public var recordErrors: [RecordError]
        /// Why the batch was refused, for people.
        public var message: String?

        /// A partition with every field.
        public init(
            index: Int32, error: KafkaErrorCode, baseOffset: Int64, logAppendTime: Int64,
            logStartOffset: Int64, recordErrors: [RecordError], message: String?
        ) {
            self.index = index
            self.error = error
            self.baseOffset = baseOffset
            self.logAppendTime = logAppendTime
            self.logStartOffset = logStartOffset
            self.recordErrors = recordErrors
            self.message = message
        }
    }

    /// A record that made its batch be refused.
    public struct RecordError: Sendable, Equatable {
        /// The record's number within its batch.
        public var index: Int32
        public var message: String?

        /// An error with every field.
        public init(index: Int32, message: String?) {
            self.index = index
            self.message = message
        }
    }

    public var topics: [Topic]
    public var throttleMilliseconds: Int32

    /// A response with every field.
    public init(topics: [Topic], throttleMilliseconds: Int32) {
        self.topics = topics
        self.throttleMilliseconds = throttleMilliseconds
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    try Partition(reading: &reader, version: version)
                })
        }
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { $1.write(to: &$0, version: version) }
        }
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
    }
}

extension ProduceResponse.Partition {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        index = try reader.bigEndian()
        error = try reader.errorCode()
        baseOffset = try reader.bigEndian()
        logAppendTime = version >= 2 ? try reader.bigEndian() : -1
        logStartOffset = version >= 5 ? try reader.bigEndian() : -1
        recordErrors = []
        message = nil
        guard version >= 8 else { return }
        recordErrors = try reader.kafkaArray { reader throws(ByteError) in
            ProduceResponse.RecordError(
                index: try reader.bigEndian(), message: try reader.kafkaNullableString())
        }
        message = try reader.kafkaNullableString()
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(index)
        writer.kafka(error)
        writer.bigEndian(baseOffset)
        if version >= 2 { writer.bigEndian(logAppendTime) }
        if version >= 5 { writer.bigEndian(logStartOffset) }
        guard version >= 8 else { return }
        writer.kafka(array: recordErrors) { writer, error in
            writer.bigEndian(error.index)
            writer.kafka(nullable: error.message)
        }
        writer.kafka(nullable: message)
    }
}
