public import VarveBytes

/// What every request begins with (big-endian):
///
///      0  API key             i16
///      2  version             i16
///      4  correlation id      i32     comes back in the response
///      8  client id           nullable string
///         tags                        flexible versions only
///
/// A response begins with the correlation id alone, for every API and version here.
public struct RequestHeader: Sendable, Equatable {
    public var apiKey: Int16
    public var version: Int16
    public var correlationID: Int32
    /// What the client calls itself.
    public var clientID: String?

    /// A header with every field.
    public init(apiKey: Int16, version: Int16, correlationID: Int32, clientID: String?) {
        self.apiKey = apiKey
        self.version = version
        self.correlationID = correlationID
        self.clientID = clientID
    }

    /// The API, when it is one that Varve speaks.
    public var api: KafkaAPI? { KafkaAPI(rawValue: apiKey) }

    /// Whether the version is one that Varve speaks.
    public var isSupported: Bool { api?.versions.contains(version) ?? false }

    private var isFlexible: Bool { api == .apiVersions && version >= 3 }

    /// Reads a header and moves to the body. Of APIs and versions that Varve does not speak, tags
    /// may remain.
    public init(reading reader: inout ByteReader) throws(ByteError) {
        apiKey = try reader.bigEndian()
        version = try reader.bigEndian()
        correlationID = try reader.bigEndian()
        clientID = try reader.kafkaNullableString()
        if isFlexible { try reader.skipTags() }
    }

    /// Writes the header.
    public func write(to writer: inout ByteWriter) {
        writer.bigEndian(apiKey)
        writer.bigEndian(version)
        writer.bigEndian(correlationID)
        writer.kafka(nullable: clientID)
        if isFlexible { writer.noTags() }
    }
}
