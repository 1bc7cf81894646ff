public import VarveBytes

/// ListGroups (key 16), versions 0-2: which groups there are.
///
///     request = nothing
public struct ListGroupsRequest: KafkaMessage {
    /// The request.
    public init() {}

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {}

    public func write(to writer: inout ByteWriter, version: Int16) {}
}

/// The answer to ListGroups.
///
///     response = throttle ms i32 (v1), error i16, group*
///     group    = group string, protocol type string
public struct ListGroupsResponse: KafkaMessage {
    /// A group.
    public struct Group: Sendable, Equatable {
        public var id: String
        /// Empty of a group that only has offsets.
        public var protocolType: String

        /// A group with every field.
        public init(id: String, protocolType: String) {
            self.id = id
            self.protocolType = protocolType
        }
    }

    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    public var groups: [Group]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, error: KafkaErrorCode, groups: [Group]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.groups = groups
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
        groups = try reader.kafkaArray { reader throws(ByteError) in
            Group(id: try reader.kafkaString(), protocolType: try reader.kafkaString())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
        writer.kafka(array: groups) { writer, group in
            writer.kafka(group.id)
            writer.kafka(group.protocolType)
        }
    }
}
