public import VarveBytes

/// DescribeGroups (key 15), versions 0-4: how groups stand.
///
///     request = group string*, includes rights bool (v3)
public struct DescribeGroupsRequest: KafkaMessage {
    public var groups: [String]
    public var includesRights: Bool

    /// A request with every field.
    public init(groups: [String], includesRights: Bool) {
        self.groups = groups
        self.includesRights = includesRights
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        groups = try reader.kafkaArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
        includesRights = version >= 3 ? try reader.kafkaBool() : false
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: groups) { $0.kafka($1) }
        if version >= 3 { writer.kafka(includesRights) }
    }
}

/// The answer to DescribeGroups.
///
///     response = throttle ms i32 (v1), group*
///     group    = error i16, group string, state string, protocol type string,
///                protocol name string, member*, rights i32 (v3)
///     member   = member id string, instance id nullable string (v4), client id string,
///                client host string, metadata bytes, assignment bytes
public struct DescribeGroupsResponse: KafkaMessage {
    /// A group as it stands.
    public struct Group: Sendable, Equatable {
        public var error: KafkaErrorCode
        public var id: String
        /// Empty, PreparingRebalance, CompletingRebalance, Stable or Dead.
        public var state: String
        public var protocolType: String
        public var protocolName: String
        public var members: [Member]
        /// A bit set.
        public var rights: Int32

        /// A group with every field.
        public init(
            error: KafkaErrorCode, id: String, state: String, protocolType: String,
            protocolName: String, members: [Member], rights: Int32
        ) {
            self.error = error
            self.id = id
            self.state = state
            self.protocolType = protocolType
            self.protocolName = protocolName
            self.members = members
            self.rights = rights
        }
    }

    /// A member and its part.
    public struct Member: Sendable, Equatable {
        public var id: String
        /// Of a static member: a name that outlives restarts.
        public var instanceID: String?
        public var clientID: String
        public var clientHost: String
        public var metadata: [UInt8]
        public var assignment: [UInt8]

        /// A member with every field.
        public init(
            id: String, instanceID: String?, clientID: String, clientHost: String,
            metadata: [UInt8], assignment: [UInt8]
        ) {
            self.id = id
            self.instanceID = instanceID
            self.clientID = clientID
            self.clientHost = clientHost
            self.metadata = metadata
            self.assignment = assignment
        }
    }

    public var throttleMilliseconds: Int32
    public var groups: [Group]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, groups: [Group]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.groups = groups
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        groups = try reader.kafkaArray { reader throws(ByteError) in
            try Group(reading: &reader, version: version)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(array: groups) { $1.write(to: &$0, version: version) }
    }
}

extension DescribeGroupsResponse.Group {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        id = try reader.kafkaString()
        state = try reader.kafkaString()
        protocolType = try reader.kafkaString()
        protocolName = try reader.kafkaString()
        members = try reader.kafkaArray { reader throws(ByteError) in
            try DescribeGroupsResponse.Member(reading: &reader, version: version)
        }
        rights = version >= 3 ? try reader.bigEndian() : MetadataResponse.unknownRights
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.kafka(id)
        writer.kafka(state)
        writer.kafka(protocolType)
        writer.kafka(protocolName)
        writer.kafka(array: members) { $1.write(to: &$0, version: version) }
        if version >= 3 { writer.bigEndian(rights) }
    }
}

extension DescribeGroupsResponse.Member {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        id = try reader.kafkaString()
        instanceID = version >= 4 ? try reader.kafkaNullableString() : nil
        clientID = try reader.kafkaString()
        clientHost = try reader.kafkaString()
        metadata = try reader.kafkaBytes()
        assignment = try reader.kafkaBytes()
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(id)
        if version >= 4 { writer.kafka(nullable: instanceID) }
        writer.kafka(clientID)
        writer.kafka(clientHost)
        writer.kafka(bytes: metadata)
        writer.kafka(bytes: assignment)
    }
}
