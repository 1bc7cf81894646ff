import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveModels
import VarveProjections
import VarveSystem
import VarveTraining

extension Node {
    /// What registering a model version is asked with.
    struct Registration {
        var model: String
        var artifact: [UInt8]
        /// The service whose columns the model takes.
        var service: String
        /// The training set it was fitted on.
        var trainingSet: String?
        /// The output that is the score; nil: the last float output.
        var output: String?
        /// The column of that output; nil: the last one, the positive class of a binary classifier.
        var outputColumn: Int?
        /// Where the artifact came from; stored, never followed.
        var origin: String
        /// Rows and answers of the trainer's own evaluator; empty: no parity check.
        var golden: GoldenRows?
    }

    /// Rows of inputs and the scores that the trainer's evaluator gave them.
    struct GoldenRows {
        var rows: [Float]
        var scores: [Float]
    }

    /// How far scores may lie from those of the trainer's evaluator.
    static let parityTolerance: Float = 1e-6

    /// Registers a version of a model: checks that it can be evaluated, that it takes what the
    /// service gives, and that it answers golden rows as its trainer's evaluator did; then stores
    /// the artifact and the registration. Nothing is appended when a check fails.
    func register(_ request: Registration) throws -> ModelVersion {
        guard !request.model.isEmpty,
            request.model.utf8.allSatisfy({ Self.isNameByte($0) })
        else {
            throw NodeError.badRequest(
                "the model's name is \"\(request.model)\", expected letters, digits, `_`, `-`, `.`")
        }
        guard request.artifact.count <= RegistryProjection.artifactSizeMax else {
            throw NodeError.badRequest(
                "the artifact has \(request.artifact.count) bytes, expected at most"
                    + " \(RegistryProjection.artifactSizeMax)")
        }
        let model = try OnnxModel(decoding: request.artifact.raw)
        let pinned = try PinnedDefinitions(newest: catalog.catalog)
        guard let service = pinned.services[request.service] else {
            throw NodeError.notFound(
                "there is no service \(request.service); the services are "
                    + pinned.services.keys.sorted().joined(separator: ", "))
        }
        try Self.check(model, takes: service.plan.columns, of: request.service)
        let (output, column) = try Self.score(of: model, request)
        if let golden = request.golden { try Self.check(model, golden, output, column) }
        let trained = try request.trainingSet.map {
            try Reproduction(log, catalog.catalog, registry)
                .reproduce(try registry.registry.manifest($0))
        }
        let (digest, batches) = try registry.batches(
            storing: request.artifact, time: clock.now())
        for batch in batches { try record(batch, in: Registry.artifactStream) }
        return try applying.withLock { _ in
            let number = (registry.registry.versions(of: request.model).last?.number ?? 0) + 1
            let version = ModelVersion(
                model: request.model, number: number, artifact: digest,
                size: request.artifact.count,
                service: .init(name: request.service, versions: service.versions),
                columns: service.plan.columns.map(\.name), trainingSet: request.trainingSet, output: output, outputColumn: column,
                numericMode: OnnxModel.numericMode, origin: request.origin,
                scoreProfile: try trained.map {
                    try Self.scoreProfile(model, $0, service.plan.columns, output, column)
                },
                position: log.commitPosition)
            try append(version.json, key: "\(version.model):\(version.number)")
            return version
        }
    }

    /// Makes an alias of a model name one of its versions.
    func setAlias(_ alias: String, of reference: String) throws -> ModelVersion {
        guard !alias.isEmpty, alias.utf8.allSatisfy({ Self.isNameByte($0) }) else {
            throw NodeError.badRequest(
                "the alias is \"\(alias)\", expected letters, digits, `_`, `-`, `.`")
        }
        let version = try registry.registry.resolve(reference)
        let json = JSON.object([
            .init("kind", "alias"), .init("model", .string(version.model)),
            .init("alias", .string(alias)), .init("version", .integer(Int64(version.number))),
        ])
        try append(json, key: "\(version.model)@\(alias)")
        return version
    }

    private func append(_ json: JSON, key: String) throws {
        let batch = try RecordBatch.encode([
            Record(
                key: Array(key.utf8), value: Array(json.text.utf8), timestamp: milliseconds())
        ])
        try record(batch, in: Registry.stream, settling: [registry])
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func check(
        _ model: OnnxModel, takes columns: [Field], of service: String
    ) throws {
        guard model.totalWidth == columns.count else {
            throw NodeError.badRequest(
                "the model takes \(model.totalWidth) values, service \(service) has"
                    + " \(columns.count) columns: \(columns.map(\.name).joined(separator: ", "))")
        }
        if columns.contains(where: { $0.name == Monitoring.score }) {
            throw NodeError.badRequest(
                "service \(service) has a column \(Monitoring.score): monitoring calls the model's"
                    + " answer so; rename the column")
        }
        for column in columns where ![.bool, .int64, .float64].contains(column.type) {
            throw NodeError.badRequest(
                "column \(column.name) of service \(service) is a \(column.type.rawValue), a model"
                    + " takes numbers")
        }
        guard model.ambiguities.isEmpty else {
            throw NodeError.badRequest(
                "evaluators disagree about this model: \(model.ambiguities.joined(separator: "; "))")
        }
    }

    private static func score(
        of model: OnnxModel, _ request: Registration
    ) throws -> (String, Int) {
        let floats = model.outputs.filter { $0.kind == .float32 }
        let names = floats.map(\.name).joined(separator: ", ")
        let wanted = request.output.map { name in floats.first { $0.name == name } } ?? floats.last
        guard let output = wanted else {
            throw NodeError.badRequest(
                "the model has no float output \(request.output ?? ""); it has \(names)")
        }
        let column = request.outputColumn ?? output.width - 1
        guard (0..<output.width).contains(column) else {
            throw NodeError.badRequest(
                "output column \(column) of \(output.name), expected 0 to \(output.width - 1)")
        }
        return (output.name, column)
    }

    private static func check(
        _ model: OnnxModel, _ golden: GoldenRows, _ output: String, _ column: Int
    ) throws {
        let scores = try model.scores(
            golden.rows, count: golden.scores.count, output: output, column: column)
        for (row, (found, expected)) in zip(scores, golden.scores).enumerated()
        where !(abs(found - expected) <= parityTolerance) {
            throw NodeError.refused(
                "the model answers golden row \(row + 1) with \(found), its trainer's evaluator"
                    + " with \(expected)")
        }
    }

    private static func scoreProfile(
        _ model: OnnxModel, _ set: TrainingSet, _ columns: [Field], _ output: String, _ column: Int
    ) throws -> Profile {
        var rows: [Float] = []
        rows.reserveCapacity(set.table.rowCount * columns.count)
        let sources = columns.compactMap { set.table[$0.name] }
        for row in 0..<set.table.rowCount {
            for source in sources {
                rows.append(Profile.number(Value(source.cell(row))).map { Float($0) } ?? .nan)
            }
        }
        let scores = try model.scores(
            rows, count: set.table.rowCount, output: output, column: column)
        return Profile(baseline: scores.map { Double($0) })
    }
}
