public import VarveBytes

/// DeleteGroups (key 42), versions 0-1: forgets groups without members, and their offsets.
///
///     request = group string*
public struct DeleteGroupsRequest: KafkaMessage {
    public var groups: [String]

    /// A request with every field.
    public init(groups: [String]) {
        self.groups = groups
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        groups = try reader.kafkaArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: groups) { $0.kafka($1) }
    }
}

/// The answer to DeleteGroups.
///
///     response = throttle ms i32, result*
///     result   = group string, error i16
public struct DeleteGroupsResponse: KafkaMessage {
    /// What became of one group.
    public struct Result: Sendable, Equatable {
        public var group: String
        public var error: KafkaErrorCode

        /// A result with every field.
        public init(group: String, error: KafkaErrorCode) {
            self.group = group
            self.error = error
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
            Result(group: try reader.kafkaString(), error: try reader.errorCode())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: results) { writer, result in
            writer.kafka(result.group)
            writer.kafka(result.error)
        }
    }
}
