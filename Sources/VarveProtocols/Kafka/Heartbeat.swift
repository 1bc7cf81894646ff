public import VarveBytes

/// Heartbeat (key 12), versions 0-3: a member is alive, and wants to know whether to join again.
///
///     request = group string, generation i32, member id string, instance id nullable string (v3)
public struct HeartbeatRequest: KafkaMessage {
    public var group: String
    public var generation: Int32
    public var member: String
    /// Of a static member: a name that outlives restarts.
    public var instanceID: String?

    /// A request with every field.
    public init(group: String, generation: Int32, member: String, instanceID: String?) {
        self.group = group
        self.generation = generation
        self.member = member
        self.instanceID = instanceID
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        generation = try reader.bigEndian()
        member = try reader.kafkaString()
        instanceID = version >= 3 ? try reader.kafkaNullableString() : nil
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.bigEndian(generation)
        writer.kafka(member)
        if version >= 3 { writer.kafka(nullable: instanceID) }
    }
}

/// The answer to Heartbeat.
///
///     response = throttle ms i32 (v1), error i16
public struct HeartbeatResponse: KafkaMessage {
    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode

    /// A response with every field.
    public init(throttleMilliseconds: Int32, error: KafkaErrorCode) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
    }
}
