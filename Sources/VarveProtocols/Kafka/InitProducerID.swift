public import VarveBytes

/// InitProducerId (key 22), versions 0-1: an identity for an idempotent producer.
///
///     request   = transactional id nullable string, transaction timeout ms i32
public struct InitProducerIDRequest: KafkaMessage {
    public var transactionalID: String?
    public var transactionTimeoutMilliseconds: Int32

    /// A request with every field.
    public init(transactionalID: String?, transactionTimeoutMilliseconds: Int32) {
        self.transactionalID = transactionalID
        self.transactionTimeoutMilliseconds = transactionTimeoutMilliseconds
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        transactionalID = try reader.kafkaNullableString()
        transactionTimeoutMilliseconds = try reader.bigEndian()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(nullable: transactionalID)
        writer.bigEndian(transactionTimeoutMilliseconds)
    }
}

/// The answer to InitProducerId.
///
///     response  = throttle ms i32, error i16, producer id i64, producer epoch i16
public struct InitProducerIDResponse: KafkaMessage {
    public var throttleMilliseconds: Int32
    public var error: KafkaErrorCode
    /// -1 when there is an error.
    public var producerID: Int64
    public var producerEpoch: Int16

    /// A response with every field.
    public init(
        throttleMilliseconds: Int32, error: KafkaErrorCode, producerID: Int64, producerEpoch: Int16
    ) {
        self.throttleMilliseconds = throttleMilliseconds
        self.error = error
        self.producerID = producerID
        self.producerEpoch = producerEpoch
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = try reader.bigEndian()
        error = try reader.errorCode()
        producerID = try reader.bigEndian()
        producerEpoch = try reader.bigEndian()
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(error)
        writer.bigEndian(producerID)
        writer.bigEndian(producerEpoch)
    }
}
