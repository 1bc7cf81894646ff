import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveTraining

extension NodeAPI {
    /// Training sets: the table in the body of the answer, the manifest's id in a header.
    static func trainingRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/training-sets",
                "Builds a set for the spine in the body (CSV, Parquet or Arrow), or ?spine_stream=:"
                    + " service=, mode=, basis=, time=, format=csv|arrow|parquet"
            ) { call in
                let format = try Self.format(call)
                let stream = call.request.query("spine_stream")
                let mode = call.request.query("mode") ?? TrainingMode.asKnown.rawValue
                guard let mode = TrainingMode(rawValue: mode) else {
                    throw NodeError.badRequest(
                        "mode is \"\(mode)\", expected "
                            + TrainingMode.allCases.map(\.rawValue).joined(separator: " or "))
                }
                let set = try node.createTrainingSet(
                    Node.TrainingSetRequest(
                        service: try call.required("service"),
                        spine: stream.map { .stream($0) } ?? .file(call.request.body), mode: mode,
                        basis: try call.request.query("basis").map { try position($0, node) },
                        timeColumn: call.request.query("time") ?? "time"))
                return Self.answer(set, format)
            },
            Route("GET", "/v1/training-sets", "Manifests of all training sets") { _ in
                .json(["training_sets": .array(node.registry.registry.allManifests)])
            },
            Route("GET", "/v1/training-sets/*", "A training set's manifest") { call in
                .json(try node.registry.registry.manifest(call.values[0]))
            },
            Route("GET", "/v1/training-sets/*/report", "A training set as a page to look at") { call in
                let manifest = try node.registry.registry.manifest(call.values[0])
                return HTTPResponse(
                    status: .ok, text: TrainingReport(manifest).html,
                    contentType: "text/html; charset=utf-8")
            },
            Route(
                "POST", "/v1/training-sets/*/verify",
                "Builds a set again and compares every column with its manifest"
            ) { call in
                let set = try node.reproduceTrainingSet(call.values[0])
                return .json([
                    "id": .string(set.manifest.id), "identical": .bool(true),
                    "rows": .integer(Int64(set.manifest.rowCount)),
                    "columns": .integer(Int64(set.manifest.columns.count)),
                ])
            },
            Route(
                "GET", "/v1/training-sets/*/diff/*",
                "How two sets differ, by column, and whether definitions, data or code did it"
            ) { call in
                .json(try node.diffTrainingSets(call.values[0], call.values[1]).json)
            },
            Route(
                "POST", "/v1/training-sets/*/reproduce",
                "Builds a set again from its manifest: the same bytes, or an error"
            ) { call in
                Self.answer(
                    try node.reproduceTrainingSet(call.values[0]), try Self.format(call))
            },
        ]
    }

    private enum Format { case csv, arrow, parquet }

    private static func format(_ call: Call) throws -> Format {
        switch call.request.query("format") ?? "csv" {
        case "csv": return .csv
        case "arrow": return .arrow
        case "parquet": return .parquet
        case let other:
            throw NodeError.badRequest("format is \"\(other)\", expected csv, arrow or parquet")
        }
    }

    private static func answer(_ set: TrainingSet, _ format: Format) -> HTTPResponse {
        let manifest = set.manifest.id
        switch format {
        case .csv:
            return HTTPResponse(
                status: .ok,
                headers: ["Content-Type": "text/csv", "Varve-Training-Set": manifest],
                body: set.table.csv())
        case .arrow:
            return HTTPResponse(
                status: .ok,
                headers: [
                    "Content-Type": "application/vnd.apache.arrow.file",
                    "Varve-Training-Set": manifest,
                ], body: ArrowFile.encode(set.table))
        case .parquet:
            // Not compressed: the bytes are the same with every version of liblz4.
            return HTTPResponse(
                status: .ok,
                headers: [
                    "Content-Type": "application/vnd.apache.parquet",
                    "Varve-Training-Set": manifest,
                ], body: ParquetFile.encode(set.table, .init(compression: .none)))
        }
    }
}
