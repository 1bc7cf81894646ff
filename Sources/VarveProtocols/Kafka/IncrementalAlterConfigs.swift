public import VarveBytes

/// IncrementalAlterConfigs (key 44), version 0: changes single settings.
///
///     request  = resource*, validate only bool
///     resource = type i8, name string, change*
///     change   = name string, operation i8, value nullable string
public struct IncrementalAlterConfigsRequest: KafkaMessage {
    /// What is to be changed.
    public struct Resource: Sendable, Equatable {
        /// 2: a topic, 4: a broker.
        public var type: Int8
        public var name: String
        public var changes: [Change]

        /// A resource with every field.
        public init(type: Int8, name: String, changes: [Change]) {
            self.type = type
            self.name = name
            self.changes = changes
        }
    }

    /// A change of one setting.
    public struct Change: Sendable, Equatable {
        public var name: String
        /// 0: set, 1: back to the default, 2: append, 3: subtract.
        public var operation: Int8
        public var value: String?

        /// A change with every field.
        public init(name: String, operation: Int8, value: String?) {
            self.name = name
            self.operation = operation
            self.value = value
        }
    }

    public var resources: [Resource]
    /// Whether to answer what would happen, without doing it.
    public var validatesOnly: Bool

    /// A request with every field.
    public init(resources: [Resource], validatesOnly: Bool) {
        self.resources = resources
        self.validatesOnly = validatesOnly
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        resources = try reader.kafkaArray { reader throws(ByteError) in
            try Resource(reading: &reader)
        }
        validatesOnly = try reader.kafkaBool()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: resources) { $1.write(to: &$0) }
        writer.kafka(validatesOnly)
    }
}

extension IncrementalAlterConfigsRequest.Resource {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        type = try reader.integer()
        name = try reader.kafkaString()
        changes = try reader.kafkaArray { reader throws(ByteError) in
            IncrementalAlterConfigsRequest.Change(
                name: try reader.kafkaString(), operation: try reader.integer(),
                value: try reader.kafkaNullableString())
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.integer(type)
        writer.kafka(name)
        writer.kafka(array: changes) { writer, change in
            writer.kafka(change.name)
            writer.integer(change.operation)
            writer.kafka(nullable: change.value)
        }
    }
}

/// The answer to IncrementalAlterConfigs.
///
///     response = throttle ms i32, result*
///     result   = error i16, message nullable string, type i8, name string
public struct IncrementalAlterConfigsResponse: KafkaMessage {
    /// What became of one resource.
    public struct Result: Sendable, Equatable {
        public var error: KafkaErrorCode
        /// Why it was refused, for people.
        public var message: String?
        public var type: Int8
        public var name: String

        /// A result with every field.
        public init(error: KafkaErrorCode, message: String?, type: Int8, name: String) {
            self.error = error
            self.message = message
            self.type = type
            self.name = name
        }
    }

    public var throttleMilliseconds: Int32
    public var results: [Result]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, results: [Result]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.results = results
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = try reader.bigEndian()
        results = try reader.kafkaArray { reader throws(ByteError) in
            Result(
                error: try reader.errorCode(), message: try reader.kafkaNullableString(),
                type: try reader.integer(), name: try reader.kafkaString())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: results) { writer, result in
            writer.kafka(result.error)
            writer.kafka(nullable: result.message)
            writer.integer(result.type)
            writer.kafka(result.name)
        }
    }
}
