public import VarveBytes

/// JoinGroup (key 11), versions 0-5: takes part in the next generation of a group. The answer comes
/// once all members have asked.
///
///     request  = group string, session timeout ms i32, rebalance timeout ms i32 (v1),
///                member id string, instance id nullable string (v5), protocol type string,
///                protocol*
///     protocol = name string, metadata bytes
public struct JoinGroupRequest: KafkaMessage {
    /// A way to share the work that a member can follow.
    public struct GroupProtocol: Sendable, Equatable {
        public var name: String
        /// The member's subscription, in a form that only clients know.
        public var metadata: [UInt8]

        /// A group protocol with every field.
        public init(name: String, metadata: [UInt8]) {
            self.name = name
            self.metadata = metadata
        }
    }

    public var group: String
    /// A member that is silent for longer is given up.
    public var sessionTimeoutMilliseconds: Int32
    /// How long the others are waited for; -1: as long as the session timeout.
    public var rebalanceTimeoutMilliseconds: Int32
    /// Empty when it has none yet.
    public var member: String
    /// Of a static member: a name that outlives restarts.
    public var instanceID: String?
    /// "consumer", or "connect".
    public var protocolType: String
    /// In order of preference.
    public var protocols: [GroupProtocol]

    /// A request with every field.
    public init(
        group: String, sessionTimeoutMilliseconds: Int32, rebalanceTimeoutMilliseconds: Int32,
        member: String, instanceID: String?, protocolType: String, protocols: [GroupProtocol]
    ) {
        self.group = group
        self.sessionTimeoutMilliseconds = sessionTimeoutMilliseconds
        self.rebalanceTimeoutMilliseconds = rebalanceTimeoutMilliseconds
        self.member = member
        self.instanceID = instanceID
        self.protocolType = protocolType
        self.protocols = protocols
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        group = try reader.kafkaString()
        sessionTimeoutMilliseconds = try reader.bigEndian()
        rebalanceTimeoutMilliseconds = version >= 1 ? try reader.bigEndian() : -1
        member = try reader.kafkaString()
        instanceID = version >= 5 ? try reader.kafkaNullableString() : nil
        protocolType = try reader.kafkaString()
        protocols = try reader.kafkaArray { reader throws(ByteError) in
            GroupProtocol(name: try reader.kafkaString(), metadata: try reader.kafkaBytes())
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(group)
        writer.bigEndian(sessionTimeoutMilliseconds)
        if version >= 1 { writer.bigEndian(rebalanceTimeoutMilliseconds) }
        writer.kafka(member)
        if version >= 5 { writer.kafka(nullable: instanceID) }
        writer.kafka(protocolType)
        writer.kafka(array: protocols) { writer, offered in
            writer.kafka(offered.name)
            writer.kafka(bytes: offered.metadata)
        }
    }
}

/// The answer to JoinGroup: to the leader with all members, to the others without.
///
///     response = throttle ms i32 (v2), error i16, generation i32, protocol name string,
///                leader id string, member id string, member*
///     member   = member id string, instance id nullable string (v5), metadata bytes
public struct JoinGroupResponse: KafkaMessage {
    /// A member, as its leader sees it.
    public struct Member: Sendable, Equatable {
        public var id: String
        /// Of a static member: a name that outlives restarts.
        public var instanceID: String?
        /// Its subscription, by the protocol that was chosen.
        public var metadata: [UInt8]

        /// A member with every field.
        public init(id: String, instanceID: String?, metadata: [UInt8]) {
            self.id = id
            self.instanceID = instanceID
            self.metadata = metadata
        }
    }

    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    /// -1 when there is an error.
    public var generation: Int32
    public var protocolName: String
    public var leader: String
    public var member: String
    public var members: [Member]

    /// A response with every field.
    public init(
        throttleMilliseconds: Int32, error: KafkaErrorCode, generation: Int32, protocolName: String,
        leader: String, member: String, members: [Member]
    ) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.member = member
        self.members = members
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 2 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
        generation = try reader.bigEndian()
        protocolName = try reader.kafkaString()
        leader = try reader.kafkaString()
        member = try reader.kafkaString()
        members = try reader.kafkaArray { reader throws(ByteError) in
            try Member(reading: &reader, version: version)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 2 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
        writer.bigEndian(generation)
        writer.kafka(protocolName)
        writer.kafka(leader)
        writer.kafka(member)
        writer.kafka(array: members) { $1.write(to: &$0, version: version) }
    }
}

extension JoinGroupResponse.Member {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        id = try reader.kafkaString()
        instanceID = version >= 5 ? try reader.kafkaNullableString() : nil
        metadata = try reader.kafkaBytes()
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(id)
        if version >= 5 { writer.kafka(nullable: instanceID) }
        writer.kafka(bytes: metadata)
    }
}
