public import VarveBytes

/// ApiVersions (key 18), versions 0-3: what every client asks first.
///
///     request   = nothing                                                     (v0-2)
///                 software name compact, software version compact, tags       (v3)
public struct ApiVersionsRequest: KafkaMessage {
    /// The client's library; empty below version 3.
    public var softwareName: String
    public var softwareVersion: String

    /// A request with every field.
    public init(softwareName: String, softwareVersion: String) {
        self.softwareName = softwareName
        self.softwareVersion = softwareVersion
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        softwareName = version >= 3 ? try reader.compactString() : ""
        softwareVersion = version >= 3 ? try reader.compactString() : ""
        if version >= 3 { try reader.skipTags() }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        guard version >= 3 else { return }
        writer.compact(softwareName)
        writer.compact(softwareVersion)
        writer.noTags()
    }
}

/// The answer to ApiVersions. A request of a version above 3 is answered in version 0 with error
/// 35: every client reads that, and asks again with a version it finds there.
///
///     response  = error i16, api*, throttle ms i32 (v1)
///     api       = key i16, lowest version i16, highest version i16
///
/// In version 3 the array is compact, and tags follow each API and the whole.
public struct ApiVersionsResponse: KafkaMessage {
    /// An API and its versions.
    public struct API: Sendable, Equatable {
        public var key: Int16
        public var minVersion: Int16
        public var maxVersion: Int16

        /// An entry with every field.
        public init(key: Int16, minVersion: Int16, maxVersion: Int16) {
            self.key = key
            self.minVersion = minVersion
            self.maxVersion = maxVersion
        }
    }

    public var error: KafkaErrorCode
    public var apis: [API]
    public var throttleMilliseconds: Int32

    /// A response with every field.
    public init(error: KafkaErrorCode, apis: [API], throttleMilliseconds: Int32) {
        self.error = error
        self.apis = apis
        self.throttleMilliseconds = throttleMilliseconds
    }

    /// What Varve offers.
    public static func offer(error: KafkaErrorCode) -> ApiVersionsResponse {
        let apis = KafkaAPI.allCases.map {
            API(
                key: $0.rawValue, minVersion: $0.versions.lowerBound,
                maxVersion: $0.versions.upperBound)
        }
        return ApiVersionsResponse(error: error, apis: apis, throttleMilliseconds: 0)
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        let api = { (reader: inout ByteReader) throws(ByteError) -> API in
            let api = API(
                key: try reader.bigEndian(), minVersion: try reader.bigEndian(),
                maxVersion: try reader.bigEndian())
            if version >= 3 { try reader.skipTags() }
            return api
        }
        apis = version >= 3 ? try reader.compactArray(api) : try reader.kafkaArray(api)
        throttleMilliseconds = version >= 1 ? try reader.bigEndian() : 0
        if version >= 3 { try reader.skipTags() }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        let api = { (writer: inout ByteWriter, api: API) in
            writer.bigEndian(api.key)
            writer.bigEndian(api.minVersion)
            writer.bigEndian(api.maxVersion)
            if version >= 3 { writer.noTags() }
        }
        if version >= 3 {
            writer.compact(array: apis, api)
        } else {
            writer.kafka(array: apis, api)
        }
        if version >= 1 { writer.bigEndian(throttleMilliseconds) }
        if version >= 3 { writer.noTags() }
    }
}
