/// What is known about the records of a stream: their fields, and which of them say when, about
/// whom, and known since when.
public struct StreamDefinition: Sendable, Equatable {
    /// Where a record's event time is.
    public enum EventTime: Sendable, Hashable {
        /// The timestamp of the record itself (Kafka's CreateTime), milliseconds.
        case record
        /// A field of type timestamp.
        case field(String)
        /// An int64 field that counts units since 1970 UTC.
        case count(String, TimeUnit)
    }

    /// What one step of a counted time is.
    public enum TimeUnit: String, Sendable, Hashable, CaseIterable {
        case seconds = "s"
        case milliseconds = "ms"
        case microseconds = "us"

        /// Microseconds in one step.
        public var microseconds: Int64 {
            switch self {
            case .seconds: 1_000_000
            case .milliseconds: 1000
            case .microseconds: 1
            }
        }
    }

    /// Since when a fact is known.
    public enum KnownTime: Sendable, Hashable {
        /// Since the log accepted it.
        case ingest
        /// Since the time in a field of type timestamp, as the producer asserts; null means ingest.
        case field(String)
        /// Since this many microseconds after its event time, as the operator asserts.
        case after(Int64)
    }

    /// What happens to a record that violates the definition.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// Its batch is refused; nothing is appended.
        case reject
        /// Its batch is appended with a mark and left out of features.
        case quarantine
    }

    /// How long records are kept in the log: older ones may go, whole segments at a time.
    public struct Retention: Sendable, Hashable {
        /// Microseconds since the log accepted a record; nil: no limit.
        public let age: Int64?
        /// Bytes of the newest records; nil: no limit.
        public let bytes: Int64?

        /// Limits; either is enough for a record to go.
        public init(age: Int64?, bytes: Int64?) {
            self.age = age
            self.bytes = bytes
        }
    }

    /// The name of the topic.
    public let name: String
    /// In the order of the definition.
    public let fields: [Field]
    /// Where a record's event time is.
    public let eventTime: EventTime
    /// Since when a record counts as known.
    public let knownTime: KnownTime
    /// Names of the fields that say which entity a record is about; may be empty.
    public let key: [String]
    /// The field that names the fact: a later record with the same value replaces it.
    public let id: String?
    /// Rules beyond types, with names unique among them.
    public let expectations: [Expectation]
    /// What happens to records that break the definition.
    public let policy: Policy
    /// How long records are kept; nil: for good. Says nothing about what they mean.
    public let retention: Retention?

    /// A stream that was checked; nothing is checked here.
    public init(
        name: String, fields: [Field], eventTime: EventTime, knownTime: KnownTime, key: [String],
        id: String?, expectations: [Expectation], policy: Policy, retention: Retention? = nil
    ) {
        self.name = name
        self.fields = fields
        self.eventTime = eventTime
        self.knownTime = knownTime
        self.key = key
        self.id = id
        self.expectations = expectations
        self.policy = policy
        self.retention = retention
    }

    /// The place of a field in `fields`.
    public func index(of name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

/// A rule beyond types that a stream's records keep.
public struct Expectation: Sendable, Hashable {
    /// The rule's name in error messages.
    public let name: String
    /// A boolean expression over the stream's fields; a record keeps the rule when it is true or
    /// null.
    public let expression: Expression

    /// A rule under a name.
    public init(name: String, expression: Expression) {
        self.name = name
        self.expression = expression
    }
}
