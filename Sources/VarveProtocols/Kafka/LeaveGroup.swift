public import VarveBytes

/// LeaveGroup (key 13), versions 0-3: members end their part in a group, without waiting for a
/// timeout.
///
///     request = group string, member id string (v0-2), member* (v3)
///     member  = member id string, instance id nullable string
public struct LeaveGroupRequest: KafkaMessage {
    /// A member that leaves.
    public struct Member: Sendable, Equatable {
        /// May be empty when the instance is named.
        public var id: String
        /// Of a static member: a name that outlives restarts.
        public var instanceID: String?

        /// A member with every field.
        public init(id: String, instanceID: String?) {
            self.id = id
            self.instanceID = instanceID
        }
    }

    public var group: String
    /// Up to version 2; empty afterwards.
    public var member: String
    /// From version 3.
    public var members: [Member]

    /// A request with every field.
    public init(group: String, member: String, members: [Member]) {
        self.group = group
        self.member = member
        self.members = members
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        member = version <= 2 ? try reader.kafkaString() : ""
        members = []
        if version >= 3 {
            members = try reader.kafkaArray { reader throws(ByteError) in
                Member(id: try reader.kafkaString(), instanceID: try reader.kafkaNullableString())
            }
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        if version <= 2 { writer.kafka(member) }
        if version >= 3 {
            writer.kafka(array: members) { writer, member in
                writer.kafka(member.id)
                writer.kafka(nullable: member.instanceID)
            }
        }
    }
}

/// The answer to LeaveGroup.
///
///     response = throttle ms i32 (v1), error i16, member* (v3)
///     member   = member id string, instance id nullable string, error i16
public struct LeaveGroupResponse: KafkaMessage {
    /// What became of a member.
    public struct Member: Sendable, Equatable {
        public var id: String
        /// Of a static member: a name that outlives restarts.
        public var instanceID: String?
        public var error: KafkaErrorCode

        /// A member with every field.
        public init(id: String, instanceID: String?, error: KafkaErrorCode) {
            self.id = id
            self.instanceID = instanceID
            self.error = error
        }
    }

    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    public var members: [Member]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, error: KafkaErrorCode, members: [Member]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.members = members
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
        members = []
        if version >= 3 {
            members = try reader.kafkaArray { reader throws(ByteError) in
                Member(
                    id: try reader.kafkaString(), instanceID: try reader.kafkaNullableString(),
                    error: try reader.errorCode())
            }
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
        if version >= 3 {
            writer.kafka(array: members) { writer, member in
                writer.kafka(member.id)
                writer.kafka(nullable: member.instanceID)
                writer.kafka(member.error)
            }
        }
    }
}
