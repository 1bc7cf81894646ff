public import VarveBytes

/// SyncGroup (key 14), versions 0-3: the leader hands over who does what, and everyone learns its
/// part.
///
///     request    = group string, generation i32, member id string,
///                  instance id nullable string (v3), assignment*
///     assignment = member id string, assignment bytes
public struct SyncGroupRequest: KafkaMessage {
    /// What a member is to do.
    public struct Assignment: Sendable, Equatable {
        public var member: String
        /// In a form that only clients know.
        public var assignment: [UInt8]

        /// An assignment with every field.
        public init(member: String, assignment: [UInt8]) {
            self.member = member
            self.assignment = assignment
        }
    }

    public var group: String
    public var generation: Int32
    public var member: String
    /// Of a static member: a name that outlives restarts.
    public var instanceID: String?
    /// Of the leader only.
    public var assignments: [Assignment]

    /// A request with every field.
    public init(
        group: String, generation: Int32, member: String, instanceID: String?,
        assignments: [Assignment]
    ) {
        self.group = group
        self.generation = generation
        self.member = member
        self.instanceID = instanceID
        self.assignments = assignments
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        generation = try reader.bigEndian()
        member = try reader.kafkaString()
        instanceID = version >= 3 ? try reader.kafkaNullableString() : nil
        assignments = try reader.kafkaArray { reader throws(ByteError) in
            Assignment(member: try reader.kafkaString(), assignment: try reader.kafkaBytes())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.bigEndian(generation)
        writer.kafka(member)
        if version >= 3 { writer.kafka(nullable: instanceID) }
        writer.kafka(array: assignments) { writer, assignment in
            writer.kafka(assignment.member)
            writer.kafka(bytes: assignment.assignment)
        }
    }
}

/// The answer to SyncGroup.
///
///     response = throttle ms i32 (v1), error i16, assignment bytes
public struct SyncGroupResponse: KafkaMessage {
    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    /// The member's part; empty when there is an error.
    public var assignment: [UInt8]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, error: KafkaErrorCode, assignment: [UInt8]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.assignment = assignment
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
        assignment = try reader.kafkaBytes()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
        writer.kafka(bytes: assignment)
    }
}
