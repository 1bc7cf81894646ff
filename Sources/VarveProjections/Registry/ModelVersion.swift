public import VarveBytes
public import VarveFormats
public import VarveLog

/// One registered version of a model: an artifact, what it consumes, where it came from, and how
/// its answer is read.
public struct ModelVersion: Sendable, Equatable {
    public let model: String
    /// From 1.
    public let number: Int
    /// SHA-256 of the artifact's bytes.
    public let artifact: Digest
    /// Bytes.
    public let size: Int
    /// The service whose columns are the model's inputs.
    public let service: ServiceReference
    /// The names of those columns, in the order in which the model takes them.
    public let columns: [String]
    /// The training set it was fitted on; nil when unknown.
    public let trainingSet: String?
    /// The output that is the score, and which of its columns.
    public let output: String
    public let outputColumn: Int
    /// Version of the numeric contract that evaluates it.
    public let numericMode: Int
    /// Where the artifact came from, as the client said; never followed.
    public let origin: String
    /// What the score looked like on the training set; nil when there is none.
    public let scoreProfile: Profile?
    /// Where it was registered.
    public let position: Position

    /// A service by name and D.
    public struct ServiceReference: Sendable, Equatable {
        public let name: String
        public let versions: ServiceVersions

        public init(name: String, versions: ServiceVersions) {
            self.name = name
            self.versions = versions
        }
    }

    public init(
        model: String, number: Int, artifact: Digest, size: Int, service: ServiceReference,
        columns: [String], trainingSet: String?, output: String, outputColumn: Int, numericMode: Int, origin: String,
        scoreProfile: Profile?, position: Position
    ) {
        self.model = model
        self.number = number
        self.artifact = artifact
        self.size = size
        self.service = service
        self.columns = columns
        self.trainingSet = trainingSet
        self.output = output
        self.outputColumn = outputColumn
        self.numericMode = numericMode
        self.origin = origin
        self.scoreProfile = scoreProfile
        self.position = position
    }

    /// The record of `varve.registry` that registers it; its position is the record's.
    public var json: JSON {
        .object([
            .init("kind", "model_version"), .init("model", .string(model)),
            .init("version", .integer(Int64(number))),
            .init("artifact", .string(artifact.description)),
            .init("size", .integer(Int64(size))), .init("service", .string(service.name)),
            .init("definitions", service.versions.json),
            .init("columns", .array(columns.map { .string($0) })),
            .init("training_set", trainingSet.map { .string($0) } ?? .null),
            .init("output", .string(output)),
            .init("output_column", .integer(Int64(outputColumn))),
            .init("numeric_mode", .integer(Int64(numericMode))),
            .init("origin", .string(origin)),
            .init("score_profile", scoreProfile?.json ?? .null),
        ])
    }

    /// Reads what `json` wrote; nil when it is something else.
    init?(_ json: JSON, position: Position) {
        guard let model = json["model"]?.stringValue, let number = json["version"]?.integerValue,
            let artifact = json["artifact"]?.stringValue.flatMap(Digest.init(hex:)),
            let size = json["size"]?.integerValue, let service = json["service"]?.stringValue,
            let versions = json["definitions"].flatMap(ServiceVersions.init),
            let columns = json["columns"]?.arrayValue?.compactMap(\.stringValue),
            let output = json["output"]?.stringValue,
            let column = json["output_column"]?.integerValue,
            let mode = json["numeric_mode"]?.integerValue
        else { return nil }
        self.init(
            model: model, number: Int(number), artifact: artifact, size: Int(size),
            service: ServiceReference(name: service, versions: versions), columns: columns,
            trainingSet: json["training_set"]?.stringValue, output: output,
            outputColumn: Int(column), numericMode: Int(mode),
            origin: json["origin"]?.stringValue ?? "",
            scoreProfile: json["score_profile"].flatMap(Profile.init), position: position)
    }
}
