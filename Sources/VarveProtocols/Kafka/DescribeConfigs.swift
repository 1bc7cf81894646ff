public import VarveBytes

/// DescribeConfigs (key 32), versions 0-3: the settings of topics and of the broker.
///
///     request  = resource*, includes synonyms bool (v1), includes documentation bool (v3)
///     resource = type i8, name string, setting name string* or null
public struct DescribeConfigsRequest: KafkaMessage {
    /// What is asked about.
    public struct Resource: Sendable, Equatable {
        /// 2: a topic, 4: a broker.
        public var type: Int8
        public var name: String
        /// Null: all.
        public var settings: [String]?

        /// A resource with every field.
        public init(type: Int8, name: String, settings: [String]?) {
            self.type = type
            self.name = name
            self.settings = settings
        }
    }

    public var resources: [Resource]
    public var includesSynonyms: Bool
    public var includesDocumentation: Bool

    /// A request with every field.
    public init(resources: [Resource], includesSynonyms: Bool, includesDocumentation: Bool) {
        self.resources = resources
        self.includesSynonyms = includesSynonyms
        self.includesDocumentation = includesDocumentation
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        resources = try reader.kafkaArray { reader throws(ByteError) in
            try Resource(reading: &reader)
        }
        includesSynonyms = version >= 1 ? try reader.kafkaBool() : false
        includesDocumentation = version >= 3 ? try reader.kafkaBool() : false
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(array: resources) { $1.write(to: &$0) }
        if version >= 1 { writer.kafka(includesSynonyms) }
        if version >= 3 { writer.kafka(includesDocumentation) }
    }
}

extension DescribeConfigsRequest.Resource {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        type = try reader.integer()
        name = try reader.kafkaString()
        settings = try reader.kafkaNullableArray { reader throws(ByteError) in
            try reader.kafkaString()
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.integer(type)
        writer.kafka(name)
        writer.kafka(nullable: settings) { $0.kafka($1) }
    }
}

/// The answer to DescribeConfigs.
///
///     response = throttle ms i32, result*
///     result   = error i16, message nullable string, type i8, name string, setting*
///     setting  = name string, value nullable string, read only bool, default bool (v0),
///                source i8 (v1), sensitive bool, synonym* (v1), type i8 (v3),
///                documentation nullable string (v3)
///     synonym  = name string, value nullable string, source i8
public struct DescribeConfigsResponse: KafkaMessage {
    /// What was asked about, and its settings.
    public struct Result: Sendable, Equatable {
        public var error: KafkaErrorCode
        /// Why it was refused, for people.
        public var message: String?
        public var type: Int8
        public var name: String
        public var settings: [Setting]

        /// A result with every field.
        public init(
            error: KafkaErrorCode, message: String?, type: Int8, name: String, settings: [Setting]
        ) {
            self.error = error
            self.message = message
            self.type = type
            self.name = name
            self.settings = settings
        }
    }

    /// A setting and its value.
    public struct Setting: Sendable, Equatable {
        public var name: String
        public var value: String?
        public var isReadOnly: Bool
        public var isDefault: Bool
        /// 1: set for this topic, 4: set for the broker, 5: by default.
        public var source: Int8
        public var isSensitive: Bool
        public var synonyms: [Synonym]
        /// 1: boolean, 2: string, 3: int, 5: long, 7: list.
        public var type: Int8
        public var documentation: String?

        /// A setting with every field.
        public init(
            name: String, value: String?, isReadOnly: Bool, isDefault: Bool, source: Int8,
            isSensitive: Bool, synonyms: [Synonym], type: Int8, documentation: String?
        ) {
            self.name = name
            self.value = value
            self.isReadOnly = isReadOnly
            self.isDefault = isDefault
            self.source = source
            self.isSensitive = isSensitive
            self.synonyms = synonyms
            self.type = type
            self.documentation = documentation
        }
    }

    /// Another place that the value may come from.
    public struct Synonym: Sendable, Equatable {
        public var name: String
        public var value: String?
        public var source: Int8

        /// A synonym with every field.
        public init(name: String, value: String?, source: Int8) {
            self.name = name
            self.value = value
            self.source = source
        }
    }

    public var throttleMilliseconds: Int32
    public var results: [Result]

    /// A response with every field.
    public init(throttleMilliseconds: Int32, results: [Result]) {
        self.throttleMilliseconds = throttleMilliseconds
        self.results = results
    }

    public init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        throttleMilliseconds = try reader.bigEndian()
        results = try reader.kafkaArray { reader throws(ByteError) in
            try Result(reading: &reader, version: version)
        }
    }

    public func write(to writer: inout ByteWriter, version: Int16) {
        writer.bigEndian(throttleMilliseconds)
        writer.kafka(array: results) { $1.write(to: &$0, version: version) }
    }
}

extension DescribeConfigsResponse.Result {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        error = try reader.errorCode()
        message = try reader.kafkaNullableString()
        type = try reader.integer()
        name = try reader.kafkaString()
        settings = try reader.kafkaArray { reader throws(ByteError) in
            try DescribeConfigsResponse.Setting(reading: &reader, version: version)
        }
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(error)
        writer.kafka(nullable: message)
        writer.integer(type)
        writer.kafka(name)
        writer.kafka(array: settings) { $1.write(to: &$0, version: version) }
    }
}

extension DescribeConfigsResponse.Setting {
    fileprivate init(reading reader: inout ByteReader, version: Int16) throws(ByteError) {
        name = try reader.kafkaString()
        value = try reader.kafkaNullableString()
        isReadOnly = try reader.kafkaBool()
        isDefault = version == 0 ? try reader.kafkaBool() : false
        source = version >= 1 ? try reader.integer() : 5
        isSensitive = try reader.kafkaBool()
        synonyms = []
        if version >= 1 {
            synonyms = try reader.kafkaArray { reader throws(ByteError) in
                DescribeConfigsResponse.Synonym(
                    name: try reader.kafkaString(), value: try reader.kafkaNullableString(),
                    source: try reader.integer())
            }
        }
        type = version >= 3 ? try reader.integer() : 0
        documentation = version >= 3 ? try reader.kafkaNullableString() : nil
    }

    fileprivate func write(to writer: inout ByteWriter, version: Int16) {
        writer.kafka(name)
        writer.kafka(nullable: value)
        writer.kafka(isReadOnly)
        if version == 0 { writer.kafka(isDefault) }
        if version >= 1 { writer.integer(source) }
        writer.kafka(isSensitive)
        if version >= 1 {
            writer.kafka(array: synonyms) { writer, synonym in
                writer.kafka(synonym.name)
                writer.kafka(nullable: synonym.value)
                writer.integer(synonym.source)
            }
        }
        if version >= 3 { writer.integer(type) }
        if version >= 3 { writer.kafka(nullable: documentation) }
    }
}
