public import VarveBytes

/// SaslAuthenticate (key 36), versions 0-1: one step of the proof.
///
///     request = token bytes
public struct SaslAuthenticateRequest: KafkaMessage {
    public var token: [UInt8]

    /// A request with every field.
    public init(token: [UInt8]) {
        self.token = token
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        token = try reader.kafkaBytes()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(bytes: token)
    }
}

/// The answer to SaslAuthenticate.
///
///     response = error i16, message nullable string, token bytes, session lifetime ms i64 (v1)
public struct SaslAuthenticateResponse: KafkaMessage {
    public var error: KafkaErrorCode
    /// Why it was refused, for people.
    public var message: String?
    public var token: [UInt8]
    /// 0: as long as the connection.
    public var sessionLifetimeMilliseconds: Int64

    /// A response with every field.
    public init(
        error: KafkaErrorCode, message: String?, token: [UInt8], sessionLifetimeMilliseconds: Int64
    ) {
        self.error = error
        self.message = message
        self.token = token
        self.sessionLifetimeMilliseconds = sessionLifetimeMilliseconds
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        message = try reader.kafkaNullableString()
        token = try reader.kafkaBytes()
        sessionLifetimeMilliseconds = version >= 1 ? try reader.bigEndian() : 0
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.kafka(nullable: message)
        writer.kafka(bytes: token)
        if version >= 1 { writer.bigEndian(sessionLifetimeMilliseconds) }
    }
}
