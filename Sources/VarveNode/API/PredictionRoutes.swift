import VarveBytes
import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols

extension NodeAPI {
    /// Predictions, what became of them, and their audits.
    static func predictionRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/predict",
                "A prediction for {model, keys, inputs, at?, id?, min_position?}; durable when"
                    + " answered"
            ) { call in .json(try Self.predict(node, try call.json())) },
            Route("GET", "/v1/predictions/*", "One prediction's record") { call in
                guard let position = node.monitoring.position(ofPrediction: call.values[0]),
                    let record = try PredictionRecord.read(node.log, at: position)
                else { throw NodeError.notFound("there is no prediction \(call.values[0])") }
                return .json(record.json)
            },
            Route("POST", "/v1/predictions/*/audit", "Computes a prediction again and compares") {
                call in .json(try node.audit(call.values[0]).json)
            },
            Route("POST", "/v1/audit", "Audits every prediction of the log") { _ in
                let summary = try node.auditAll()
                return .json(
                    .object([
                        .init("audited", .integer(Int64(summary.count))),
                        .init("different", .integer(Int64(summary.findings.count))),
                        .init("findings", .array(summary.findings.prefix(100).map(\.json))),
                        .init("unreadable", .integer(Int64(summary.unreadable.count))),
                        .init(
                            "first_unreadable",
                            summary.unreadable.first.map { .string($0) } ?? .null),
                        .init("skewed", .integer(Int64(summary.skewed.count))),
                        .init(
                            "skewed_ids",
                            .array(summary.skewed.prefix(100).map { .string($0) })),
                    ]))
            },
            Route("GET", "/v1/monitoring/*", "A model's windows against its baseline") { call in
                let version = try node.registry.registry.resolve(call.values[0])
                let subject = Monitoring.Subject(model: version.model, version: version.number)
                guard let json = node.monitoring.monitoring.json(of: subject) else {
                    throw NodeError.notFound(
                        "model \(version.model):\(version.number) has answered nothing yet")
                }
                return .json(json)
            },
            Route(
                "GET", "/v1/outcomes/*",
                "How good a model's scores were, against ?stream=, id=, label="
            ) { call in
                .json(
                    try node.outcomes(
                        of: call.values[0], in: try call.required("stream"),
                        idField: try call.required("id"), labelField: try call.required("label")
                    ).json)
            },
        ]
    }

    private static func predict(_ node: Node, _ body: JSON) throws -> JSON {
        guard let model = body["model"]?.stringValue else {
            throw NodeError.badRequest("model is missing, expected a text such as \"late@champion\"")
        }
        let known: Set<String> = ["model", "keys", "inputs", "at", "id", "min_position"]
        for member in body.objectValue ?? [] where !known.contains(member.name) {
            throw NodeError.badRequest(
                "\(member.name) is not known; expected \(known.sorted().joined(separator: ", "))")
        }
        let id = body["id"] ?? .null
        guard id == .null || id.stringValue?.isEmpty == false else {
            throw NodeError.badRequest("id is \(id.text), expected a text that is not empty")
        }
        let reply = try node.predict(
            Node.PredictionRequest(
                model: model, keys: try members(body, "keys"),
                inputs: try members(body, "inputs"), time: try time(body),
                id: id.stringValue,
                minimumPosition: try minimumPosition(body, node)))
        return .object([
            .init("id", .string(reply.record.id)),
            .init("score", .number(Double(reply.record.score))),
            .init("model", .string(reply.record.model)),
            .init("version", .integer(Int64(reply.record.version))),
            .init("time", .string(reply.record.time.description)),
            .init("position", position(reply.record.position, node)),
            .init("record_position", position(reply.position, node)),
            .init("definitions_match", .bool(reply.definitionsMatch)),
            .init("latency_us", .integer(reply.record.latencyMicroseconds)),
        ])
    }
}
