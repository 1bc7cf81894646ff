public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog

/// One answered prediction as `varve.predictions` keeps it: enough to compute it again.
public struct PredictionRecord: Sendable, Equatable {
    /// The stream that predictions are kept in.
    public static let stream = StreamName(name: "varve.predictions", partition: 0)

    public let id: String
    public let model: String
    public let version: Int
    public let artifact: Digest
    public let service: String
    /// D.
    public let definitions: ServiceVersions
    public let keys: [Named]
    public let inputs: [Named]
    /// T.
    public let time: Timestamp
    /// The first position that was not known.
    public let position: Position
    /// The model's inputs as they were served, in the order of the service.
    public let features: [Served]
    /// The score.
    public let score: Float
    /// Why this version answered: `champion`, an alias, or `version`.
    public let route: String
    public let numericMode: Int
    public let latencyMicroseconds: Int64

    /// A named value.
    public struct Named: Sendable, Equatable {
        public let name: String
        public let value: Value

        public init(name: String, value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// A feature as it was served.
    public struct Served: Sendable, Equatable {
        public let field: Field
        public let value: FeatureValue

        public init(field: Field, value: FeatureValue) {
            self.field = field
            self.value = value
        }
    }

    public init(
        id: String, model: String, version: Int, artifact: Digest, service: String,
        definitions: ServiceVersions, keys: [Named], inputs: [Named], time: Timestamp,
        position: Position, features: [Served], score: Float, route: String, numericMode: Int,
        latencyMicroseconds: Int64
    ) {
        self.id = id
        self.model = model
        self.version = version
        self.artifact = artifact
        self.service = service
        self.definitions = definitions
        self.keys = keys
        self.inputs = inputs
        self.time = time
        self.position = position
        self.features = features
        self.score = score
        self.route = route
        self.numericMode = numericMode
        self.latencyMicroseconds = latencyMicroseconds
    }

    /// The record's value. Doubles are written shortest, so every bit comes back.
    public var json: JSON {
        func object(_ values: [Named]) -> JSON {
            .object(values.map { .init($0.name, $0.value.json) })
        }
        return .object([
            .init("id", .string(id)), .init("model", .string(model)),
            .init("version", .integer(Int64(version))),
            .init("artifact", .string(artifact.description)),
            .init("service", .string(service)), .init("definitions", definitions.json),
            .init("keys", object(keys)), .init("inputs", object(inputs)),
            .init("time", .string(time.description)), .init("position", .integer(position.value)),
            .init(
                "features",
                .array(
                    features.map { served in
                        .object([
                            .init("name", .string(served.field.name)),
                            .init("type", .string(served.field.type.rawValue)),
                            .init("value", served.value.value.json),
                            .init("status", .string(served.value.status.name)),
                        ])
                    })),
            .init("score", .number(Double(score))), .init("route", .string(route)),
            .init("numeric_mode", .integer(Int64(numericMode))),
            .init("latency_us", .integer(latencyMicroseconds)),
        ])
    }

    /// Reads what `json` wrote.
    /// - Parameters types: of keys and inputs, by name, as the service defines them.
    public init(_ json: JSON) throws(PredictionError) {
        func need<Wanted>(_ name: String, _ value: Wanted?) throws(PredictionError) -> Wanted {
            guard let value else {
                throw .unreadable(
                    reason: "its `\(name)` is \(json[name]?.text ?? "missing")")
            }
            return value
        }
        id = try need("id", json["id"]?.stringValue)
        model = try need("model", json["model"]?.stringValue)
        version = Int(try need("version", json["version"]?.integerValue))
        artifact = try need("artifact", json["artifact"]?.stringValue.flatMap(Digest.init(hex:)))
        service = try need("service", json["service"]?.stringValue)
        definitions = try need("definitions", json["definitions"].flatMap(ServiceVersions.init))
        keys = Self.named(try need("keys", json["keys"]?.objectValue))
        inputs = Self.named(try need("inputs", json["inputs"]?.objectValue))
        time = try need("time", json["time"]?.stringValue.flatMap(Timestamp.init(parsing:)))
        position = Position(try need("position", json["position"]?.integerValue))
        var features: [Served] = []
        for item in try need("features", json["features"]?.arrayValue) {
            let type = try need("features", item["type"]?.stringValue.flatMap(ValueType.init))
            let value = try need("features", item["value"].flatMap { Value($0, as: type) })
            features.append(
                Served(
                    field: Field(
                        name: try need("features", item["name"]?.stringValue), type: type,
                        isNullable: true),
                    value: FeatureValue(
                        value: value,
                        status: try need(
                            "features",
                            item["status"]?.stringValue.flatMap(FeatureStatus.init(name:))))))
        }
        self.features = features
        score = Float(try need("score", json["score"]?.doubleValue))
        route = try need("route", json["route"]?.stringValue)
        numericMode = Int(try need("numeric_mode", json["numeric_mode"]?.integerValue))
        latencyMicroseconds = json["latency_us"]?.integerValue ?? 0
    }

    /// Values as JSON has them; `typed` gives those that JSON cannot tell their types.
    private static func named(_ members: [JSON.Member]) -> [Named] {
        members.map { member in
            let value: Value =
                switch member.value {
                case .bool(let value): .bool(value)
                case .integer(let value): .int64(value)
                case .number(let value): .float64(value)
                case .string(let value): .string(value)
                case .null, .array, .object: .null
                }
            return Named(name: member.name, value: value)
        }
    }

    /// A named value as a field's type; nil when it is none.
    public static func value(_ field: Field, in values: [Named]) -> Value? {
        guard let found = values.first(where: { $0.name == field.name }) else { return nil }
        return Value(found.value.json, as: field.type)
    }
}

/// Why a prediction record cannot be used.
public enum PredictionError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(reason: String)

    public var description: String {
        switch self {
        case .unreadable(let reason): "the prediction's record cannot be read: \(reason)"
        }
    }
}
