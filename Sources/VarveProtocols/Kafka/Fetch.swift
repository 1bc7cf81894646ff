public import VarveBytes

/// Fetch (key 1), versions 4-11: batches to read. Sessions (version 7) are declined: every request
/// names all it wants.
///
///     request   = replica i32, longest wait ms i32, min bytes i32, max bytes i32, isolation i8,
///                 session i32 (v7), session epoch i32 (v7), topic*, forgotten topic* (v7),
///                 rack string (v11)
///     topic     = name string, partition*
///     partition = index i32, leader epoch i32 (v9), offset i64, log start offset i64 (v5),
///                 max bytes i32
///     forgotten topic = name string, partition index i32*
public struct FetchRequest: KafkaMessage {
    /// A topic and what to read of it.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// Where to read on in one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        /// The leader epoch that the client knows; -1 when it knows none.
        public var leaderEpoch: Int32
        public var offset: Int64
        /// Of replicas only; -1 otherwise.
        public var logStartOffset: Int64
        public var maxBytes: Int32

        /// A partition with every field.
        public init(
            index: Int32, leaderEpoch: Int32, offset: Int64, logStartOffset: Int64, maxBytes: Int32
        ) {
            self.index = index
            self.leaderEpoch = leaderEpoch
            self.offset = offset
            self.logStartOffset = logStartOffset
            self.maxBytes = maxBytes
        }
    }

    /// What a session shall contain no longer.
    public struct ForgottenTopic: Sendable, Equatable {
        public var name: String
        public var partitions: [Int32]

        /// A topic with every field.
        public init(name: String, partitions: [Int32]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// -1 for consumers.
    public var replica: Int32
    public var maxWaitMilliseconds: Int32
    public var minBytes: Int32
    public var maxBytes: Int32
    /// 0: read uncommitted, 1: read committed; the same here, as there are no transactions.
    public var isolation: Int8
    /// 0: no session.
    public var session: Int32
    public var sessionEpoch: Int32
    public var topics: [Topic]
    public var forgotten: [ForgottenTopic]
    public var rack: String

    /// A request with every field.
    public init(
        replica: Int32, maxWaitMilliseconds: Int32, minBytes: Int32, maxBytes: Int32,
        isolation: Int8, session: Int32, sessionEpoch: Int32, topics: [Topic],
        forgotten: [ForgottenTopic], rack: String
    ) {
        self.replica = replica
        self.maxWaitMilliseconds = maxWaitMilliseconds
        self.minBytes = minBytes
        self.maxBytes = maxBytes
        self.isolation = isolation
        self.session = session
        self.sessionEpoch = sessionEpoch
        self.topics = topics
        self.forgotten = forgotten
        self.rack = rack
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        replica = try reader.bigEndian()
        maxWaitMilliseconds = try reader.bigEndian()
        minBytes = try reader.bigEndian()
        maxBytes = try reader.bigEndian()
        isolation = try reader.bigEndian()
        session = version >= 7 ? try reader.bigEndian() : 0
        sessionEpoch = version >= 7 ? try reader.bigEndian() : -1
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    Partition(
                        index: try reader.bigEndian(),
                        leaderEpoch: version >= 9 ? try reader.bigEndian() : -1,
                        offset: try reader.bigEndian(),
                        logStartOffset: version >= 5 ? try reader.bigEndian() : -1,
                        maxBytes: try reader.bigEndian())
                })
        }
        forgotten = []
        if version >= 7 {
            forgotten = try reader.kafkaArray { reader throws(ByteError) in
                ForgottenTopic(
                    name: try reader.kafkaString(),
                    partitions: try reader.kafkaArray { reader throws(ByteError) in
                        try reader.bigEndian()
                    })
            }
        }
        rack = version >= 11 ? try reader.kafkaString() : ""
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(replica)
        writer.bigEndian(maxWaitMilliseconds)
        writer.bigEndian(minBytes)
        writer.bigEndian(maxBytes)
        writer.bigEndian(isolation)
        if version >= 7 { writer.bigEndian(session) }
        if version >= 7 { writer.bigEndian(sessionEpoch) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { writer, partition in
                writer.bigEndian(partition.index)
                if version >= 9 { writer.bigEndian(partition.leaderEpoch) }
                writer.bigEndian(partition.offset)
                if version >= 5 { writer.bigEndian(partition.logStartOffset) }
                writer.bigEndian(partition.maxBytes)
            }
        }
        if version >= 7 {
            writer.kafka(array: forgotten) { writer, topic in
                writer.kafka(topic.name)
                writer.kafka(array: topic.partitions) { $0.bigEndian($1) }
            }
        }
        if version >= 11 { writer.kafka(rack) }
    }
}

/// The answer to Fetch.
///
///     response  = throttle ms i32, error i16 (v7), session i32 (v7), topic*
///     topic     = name string, partition*
///     partition = index i32, error i16, high watermark i64, last stable offset i64,
///                 log start offset i64 (v5), aborted transaction*, preferred replica i32 (v11),
///                 records nullable bytes
///     aborted transaction = producer id i64, first offset i64
public struct FetchResponse: KafkaMessage {
    /// A topic and what was read of it.
    public struct Topic: Sendable, Equatable {
        public var name: String
        public var partitions: [Partition]

        /// A topic with every field.
        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    /// What was read of one partition.
    public struct Partition: Sendable, Equatable {
        public var index: Int32
        public var error: KafkaErrorCode
        /// The offset after the last committed record.
        public var highWatermark: Int64
        /// The stream's first offset; -1 when unknown.
        public var logStartOffset: Int64
        /// Whole batches, one after another.
        public var records: [UInt8]

        /// A partition with every field.
        public init(
            index: Int32, error: KafkaErrorCode, highWatermark: Int64, logStartOffset: Int64,
            records: [UInt8]
        ) {
            self.index = index
            self.error = error
            self.highWatermark = highWatermark
            self.logStartOffset = logStartOffset
            self.records = records
        }
    }

    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    /// 0: no session.
    public var session: Int32
    public var topics: [Topic]

    /// A response with every field.
    public init(
        throttleMilliseconds: Int32, error: KafkaErrorCode, session: Int32, topics: [Topic]
    ) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.session = session
        self.topics = topics
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = try reader.bigEndian()
        error = version >= 7 ? try reader.errorCode() : .none
        session = version >= 7 ? try reader.bigEndian() : 0
        topics = try reader.kafkaArray { reader throws(ByteError) in
            Topic(
                name: try reader.kafkaString(),
                partitions: try reader.kafkaArray { reader throws(ByteError) in
                    try Partition(reading: &reader, version: version)
                })
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        if version >= 7 { writer.kafka(error) }
        if version >= 7 { writer.bigEndian(session) }
        writer.kafka(array: topics) { writer, topic in
            writer.kafka(topic.name)
            writer.kafka(array: topic.partitions) { $1.write(to: &$0, version: version) }
        }
    }
}

extension FetchResponse.Partition {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        index = try reader.bigEndian()
        error = try reader.errorCode()
        highWatermark = try reader.bigEndian()
        // Without transactions the last stable offset is the high watermark, and none is aborted.
        _ = try reader.bigEndian(Int64.self)
        logStartOffset = version >= 5 ? try reader.bigEndian() : -1
        _ = try reader.kafkaNullableArray { reader throws(ByteError) in
            (try reader.bigEndian(Int64.self), try reader.bigEndian(Int64.self))
        }
        if version >= 11 { _ = try reader.bigEndian(Int32.self) }
        records = try reader.kafkaNullableBytes() ?? []
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(index)
        writer.kafka(error)
        writer.bigEndian(highWatermark)
        writer.bigEndian(highWatermark)
        if version >= 5 { writer.bigEndian(logStartOffset) }
        writer.bigEndian(Int32(0))
        if version >= 11 { writer.bigEndian(Int32(-1)) }
        writer.kafka(nullable: records)
    }
}
