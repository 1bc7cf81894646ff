/// Features of one entity.
public struct ViewDefinition: Sendable, Equatable {
    /// Where the features come from.
    public enum Source: Sendable, Equatable {
        /// Aggregations over a stream's records.
        case derived(DerivedSource)
        /// Values pushed into `varve.features.<view>`; the newest value by (event time, position)
        /// wins, per feature.
        case written([Field])
    }

    /// A stream, which of its records count, and what is computed from them.
    public struct DerivedSource: Sendable, Equatable {
        /// The name of a declared stream.
        public let stream: String
        /// Over the stream's fields; records for which it is not true are left out.
        public let filter: Expression?
        /// In order; their names are unique.
        public let features: [AggregateFeature]

        /// A source that was checked; nothing is checked here.
        public init(stream: String, filter: Expression?, features: [AggregateFeature]) {
            self.stream = stream
            self.filter = filter
            self.features = features
        }
    }

    /// Unique among views.
    public let name: String
    /// The entity's key fields, in order. A derived view's stream has fields of these names and
    /// types.
    public let entity: [Field]
    /// Where the features come from.
    public let source: Source
    /// A value older than this at T is `expired`, microseconds; nil: never.
    public let maxAge: Int64?
    /// Whether a fact at exactly T is visible.
    public let includesCutoff: Bool

    /// A view that was checked; nothing is checked here.
    public init(
        name: String, entity: [Field], source: Source, maxAge: Int64?, includesCutoff: Bool
    ) {
        self.name = name
        self.entity = entity
        self.source = source
        self.maxAge = maxAge
        self.includesCutoff = includesCutoff
    }

    /// Names and types of the features, in order.
    public var features: [Field] {
        switch source {
        case .derived(let source):
            source.features.map { Field(name: $0.name, type: $0.type, isNullable: true) }
        case .written(let fields): fields
        }
    }

    /// The stream whose records it folds.
    public var streamName: String {
        switch source {
        case .derived(let source): source.stream
        case .written: "varve.features.\(name)"
        }
    }
}

/// One aggregation over a window of an entity's facts.
public struct AggregateFeature: Sendable, Equatable {
    /// Unique in the view.
    public let name: String
    /// What is made of the facts in the window.
    public let function: Aggregation
    /// What is aggregated, over the stream's fields; nil: the facts themselves (`count` of `*`).
    public let argument: Expression?
    /// Facts for which it is not true are left out of this feature.
    public let filter: Expression?
    /// Which facts count.
    public let window: Window
    /// How many values `first_k`, `last_k` and `top_k` list; q of a quantile in millionths; else 0.
    public let parameter: Int
    /// What facts are told apart by: the feature is then a map with a value for each category.
    /// Facts whose category is null are in none.
    public let category: Expression?
    /// The type of the feature's values.
    public let type: ValueType

    /// A feature that was checked; nothing is checked here.
    public init(
        name: String, function: Aggregation, argument: Expression?, filter: Expression?,
        window: Window, parameter: Int = 0, category: Expression? = nil, type: ValueType
    ) {
        self.name = name
        self.parameter = parameter
        self.category = category
        self.function = function
        self.argument = argument
        self.filter = filter
        self.window = window
        self.type = type
    }
}

/// What an aggregation makes of the values in its window. Nulls are skipped; of nothing, `count`
/// is 0 and every other one null.
public enum Aggregation: String, Sendable, Hashable, CaseIterable {
    case count, sum, mean, min, max, first, last, latest
    case variance, stddev
    /// Microseconds from the newest fact's event time to T.
    case timeSinceLast = "time_since_last"
    /// How many different values there are; -0 and +0 are one.
    case distinct
    /// The value of the nearest rank.
    case quantile
    /// The oldest, or newest, values as a list in order of (event time, position).
    case firstK = "first_k"
    case lastK = "last_k"
    /// The most frequent values as a list; among equally frequent ones the smaller comes first.
    case topK = "top_k"

    /// The type of its result for an argument of a type (nil for `*`); nil when it does not apply.
    public func resultType(of argument: ValueType?) -> ValueType? {
        switch (self, argument) {
        case (.count, _), (.timeSinceLast, _): .int64
        case (.distinct, _?): .int64
        case (.quantile, .int64?), (.quantile, .float64?), (.quantile, .timestamp?): argument
        case (.firstK, _?), (.lastK, _?): .string
        case (.topK, .float64?): nil
        case (.topK, _?): .string
        case (_, nil): nil
        case (.sum, .int64?): .int64
        case (.sum, .float64?): .float64
        case (.mean, .int64?), (.mean, .float64?): .float64
        case (.variance, .int64?), (.variance, .float64?): .float64
        case (.stddev, .int64?), (.stddev, .float64?): .float64
        case (.min, .bool?), (.max, .bool?): nil
        case (.min, let type?), (.max, let type?): type
        case (.first, let type?), (.last, let type?), (.latest, let type?): type
        default: nil
        }
    }
}

extension Aggregation {
    /// The member that says how many values, or which quantile.
    var parameterName: String? {
        switch self {
        case .firstK, .lastK, .topK: "k"
        case .quantile: "q"
        default: nil
        }
    }

    /// Whether it can be told apart by category.
    var takesCategory: Bool {
        switch self {
        case .latest, .timeSinceLast, .firstK, .lastK, .topK: false
        default: true
        }
    }

    /// Whether its answer is made by `ValueList` even without a category.
    var needsValues: Bool {
        switch self {
        case .distinct, .quantile, .firstK, .lastK, .topK: true
        default: false
        }
    }
}

/// Which of an entity's visible facts an aggregation sees. Bounds are event times, half-open:
/// [T - lag - length, T - lag), or (.., ..] where the view includes the cutoff.
public enum Window: Sendable, Hashable {
    /// Microseconds. `hop` rounds the far edge down to a multiple of itself; 0 does not.
    case length(Int64, lag: Int64, hop: Int64)
    /// Everything before T.
    case lifetime
    /// The newest facts by (event time, position).
    case lastFacts(Int)
}
