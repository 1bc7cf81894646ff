public import VarveBytes

/// FindCoordinator (key 10), versions 0-2: which broker looks after a group.
///
///     request = key string, key type i8 (v1)
public struct FindCoordinatorRequest: KafkaMessage {
    /// The group's name, or a transactional id.
    public var key: String
    /// 0: a group, 1: transactions.
    public var keyType: Int8

    /// A request with every field.
    public init(key: String, keyType: Int8) {
        self.key = key
        self.keyType = keyType
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        key = try reader.kafkaString()
        keyType = version >= 1 ? try reader.integer() : 0
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(key)
        if version >= 1 { writer.integer(keyType) }
    }
}

/// The answer to FindCoordinator.
///
///     response = throttle ms i32 (v1), error i16, message nullable string (v1), node i32,
///                host string, port i32
public struct FindCoordinatorResponse: KafkaMessage {
    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    /// Why it was refused, for people.
    public var message: String?
    /// -1 when there is an error.
    public var node: Int32
    public var host: String
    public var port: Int32

    /// A response with every field.
    public init(
        throttleMilliseconds: Int32, error: KafkaErrorCode, message: String?, node: Int32,
        host: String, port: Int32
    ) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.message = message
        self.node = node
        self.host = host
        self.port = port
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        error = try reader.errorCode()
        message = version >= 1 ? try reader.kafkaNullableString() : nil
        node = try reader.bigEndian()
        host = try reader.kafkaString()
        port = try reader.bigEndian()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        writer.kafka(error)
        if version >= 1 { writer.kafka(nullable: message) }
        writer.bigEndian(node)
        writer.kafka(host)
        writer.bigEndian(port)
    }
}
