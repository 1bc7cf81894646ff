public import VarveBytes

/// SaslHandshake (key 17), versions 0-1: how a client wants to prove who it is.
///
///     request = mechanism string
public struct SaslHandshakeRequest: KafkaMessage {
    public var mechanism: String

    /// A request with every field.
    public init(mechanism: String) {
        self.mechanism = mechanism
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        mechanism = try reader.kafkaString()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(mechanism)
    }
}

/// The answer to SaslHandshake.
///
///     response = error i16, mechanism string*
public struct SaslHandshakeResponse: KafkaMessage {
    public var error: KafkaErrorCode
    /// Those that the broker takes.
    public var mechanisms: [String]

    /// A response with every field.
    public init(error: KafkaErrorCode, mechanisms: [String]) {
        self.error = error
        self.mechanisms = mechanisms
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        mechanisms = try reader.kafkaArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.kafka(array: mechanisms) { $0.kafka($1) }
    }
}
