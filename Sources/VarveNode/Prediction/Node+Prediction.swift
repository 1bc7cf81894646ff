import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem

extension Node {
    /// What a prediction is asked of.
    struct PredictionRequest {
        /// `NAME`, `NAME@alias` or `NAME:version`.
        var model: String
        /// By key field of the service's views.
        var keys: [String: JSON]
        /// By input of the service.
        var inputs: [String: JSON]
        /// T; nil: the clock's time.
        var time: Timestamp?
        /// Names the prediction; nil: a random one.
        var id: String?
        /// The online store must have taken in every record below it.
        var minimumPosition: Position?
    }

    /// An answered prediction.
    struct PredictionReply {
        let record: PredictionRecord
        /// Where its record is, durable.
        let position: Position
        /// Whether it was served with the definitions that the model was registered for.
        let definitionsMatch: Bool
    }

    /// Reads features, evaluates the model, and answers once the record of it is durable.
    func predict(_ request: PredictionRequest) throws -> PredictionReply {
        let started = clock.now()
        if let position = request.minimumPosition { try settle(position, in: [online]) }
        let version = try registry.registry.resolve(request.model)
        let time = request.time ?? started
        let served = try serve(version.service.name, request, time)
        try Self.check(served.row.map(\.field.name), are: version)
        let row = try served.row.map { try Self.number($0, version) }
        let score = try models.model(version.artifact)
            .score(row, output: version.output, column: version.outputColumn)
        guard score.isFinite else {
            let missing = served.row.filter { $0.value.value.isNull }.map {
                "\($0.field.name) (\($0.value.status.name))"
            }
            throw NodeError.refused(
                "model \(version.model):\(version.number) answers \(score), which is no score;"
                    + (missing.isEmpty
                        ? " no feature is missing"
                        : " it was given no \(missing.joined(separator: ", "))"))
        }
        let id = request.id ?? RandomSource.bytes(12).hex
        let record = PredictionRecord(
            id: id, model: version.model, version: version.number, artifact: version.artifact,
            service: version.service.name, definitions: served.versions, keys: served.keys,
            inputs: served.inputs, time: time, position: served.position, features: served.row,
            score: score, route: Self.route(request.model), numericMode: version.numericMode,
            latencyMicroseconds: clock.now().microseconds - started.microseconds)
        let position = try keep(record)
        return PredictionReply(
            record: record, position: position,
            definitionsMatch: served.versions.digest == version.service.versions.digest)
    }

    /// A model takes its columns by place: a service that has others now, or in another order, would
    /// give it one feature for another.
    private static func check(_ columns: [String], are version: ModelVersion) throws {
        let place = zip(columns, version.columns).enumerated().first { $1.0 != $1.1 }
        guard columns.count == version.columns.count, place == nil else {
            let reason =
                if let (number, (now, then)) = place {
                    "column \(number + 1) was \(then) when it was registered, is \(now)"
                } else {
                    "it was registered for \(version.columns.count) columns, there are"
                        + " \(columns.count)"
                }
            throw NodeError.conflict(
                "model \(version.model):\(version.number) does not fit service"
                    + " \(version.service.name) any more: \(reason); register a model made for"
                    + " the service as it is")
        }
    }

    /// A service's row for a request, and what it rests on.
    struct ServedRow: Sendable {
        let row: [PredictionRecord.Served]
        let keys: [PredictionRecord.Named]
        let inputs: [PredictionRecord.Named]
        let position: Position
        let versions: ServiceVersions
    }

    func serve(_ name: String, _ request: PredictionRequest, _ time: Timestamp) throws
        -> ServedRow
    {
        let reader = online.reader
        let service = try service(name, reader)
        let keys = try Self.values(
            service.plan.keyFields, request.keys, what: "key", allowNull: true)
        let inputs = try Self.values(
            service.plan.service.inputs, request.inputs, what: "input", allowNull: false)
        let row = reader.row(
            service, keys: keys.map(\.value), inputs: inputs.map(\.value), at: time)
        try reader.check()
        return ServedRow(
            row: zip(service.plan.columns, row).map { .init(field: $0, value: $1) }, keys: keys,
            inputs: inputs, position: reader.position, versions: service.versions)
    }

    /// A service as the live generation answers it.
    func service(
        _ name: String, _ reader: OnlineReader
    ) throws -> PreparedService {
        if let service = reader.pinned.services[name] { return service }
        try checkCaughtUp()
        guard catalog.catalog.history(.service, name).isEmpty else {
            throw NodeError.conflict(
                "service \(name) needs features that the live generation does not have; run"
                    + " varve rebuild online --swap")
        }
        throw NodeError.notFound(
            "there is no service \(name); the services are "
                + reader.pinned.services.keys.sorted().joined(separator: ", "))
    }

    /// A view's number, by its name.
    func view(_ name: String, _ reader: OnlineReader) throws(NodeError) -> Int {
        guard let index = reader.index(ofView: name) else {
            try checkCaughtUp()
            throw NodeError.notFound(
                "there is no view \(name); the views are "
                    + reader.definitions.views.map(\.name).joined(separator: ", "))
        }
        return index
    }

    /// The values a request gives for some fields, in their order.
    static func values(
        _ fields: [Field], _ given: [String: JSON], what: String, allowNull: Bool
    ) throws -> [PredictionRecord.Named] {
        for name in given.keys.sorted() where !fields.contains(where: { $0.name == name }) {
            throw NodeError.badRequest(
                "\(what) \(name) is not known; expected "
                    + (fields.isEmpty ? "none" : fields.map(\.name).joined(separator: ", ")))
        }
        return try fields.map { field in
            guard let json = given[field.name] else {
                throw NodeError.badRequest(
                    "\(what) \(field.name) is missing, expected a \(field.type.rawValue)")
            }
            guard let value = Value(json, as: field.type),
                allowNull || field.isNullable || !value.isNull
            else {
                throw NodeError.badRequest(
                    "\(what) \(field.name) is \(json.text), expected a \(field.type.rawValue)")
            }
            return .init(name: field.name, value: value)
        }
    }

    /// A feature as the model takes it: null is NaN, ONNX's missing value.
    static func number(_ served: PredictionRecord.Served, _ version: ModelVersion) throws -> Float
    {
        if served.value.value.isNull { return .nan }
        guard let number = Profile.number(served.value.value) else {
            throw NodeError.badRequest(
                "feature \(served.field.name) is a \(served.field.type.rawValue), which model"
                    + " \(version.model):\(version.number) cannot take")
        }
        return Float(number)
    }

    private static func route(_ reference: String) -> String {
        let parts = reference.split(separator: "@", maxSplits: 1)
        return parts.count == 2 ? String(parts[1]) : "version"
    }

    /// Makes a prediction's record durable.
    private func keep(_ record: PredictionRecord) throws -> Position {
        let isNew = idsInFlight.withLock { $0.insert(record.id).inserted }
        defer { if isNew { _ = idsInFlight.withLock { $0.remove(record.id) } } }
        guard isNew, monitoring.position(ofPrediction: record.id) == nil else {
            throw NodeError.conflict("prediction id \(record.id) is used already")
        }
        let batch = try RecordBatch.encode([
            Record(
                key: Array(record.id.utf8), value: Array(record.json.text.utf8),
                timestamp: milliseconds())
        ])
        // Its id must be seen by the next request that uses it.
        let end = try self.record(batch, in: PredictionRecord.stream, settling: [monitoring])
        return Position(end.value - 1)
    }
}
