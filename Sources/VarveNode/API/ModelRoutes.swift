import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols

extension NodeAPI {
    /// The registry.
    static func modelRoutes(_ node: Node) -> [Route] {
        [
            Route("GET", "/v1/models", "Models, versions and aliases") { _ in
                let registry = node.registry.registry
                return .json([
                    "models": .array(
                        registry.models.map { name in
                            .object([
                                .init("name", .string(name)),
                                .init(
                                    "aliases",
                                    .object(
                                        registry.aliases(of: name).map {
                                            .init($0.alias, .integer(Int64($0.version)))
                                        })),
                                .init(
                                    "versions",
                                    .array(registry.versions(of: name).map(\.json))),
                            ])
                        })
                ])
            },
            Route(
                "POST", "/v1/models/*/versions",
                "Registers the ONNX file in the body as a version: ?service=, training_set=,"
                    + " output=, output_column=, origin="
            ) { call in
                let version = try node.register(
                    Node.Registration(
                        model: call.values[0], artifact: call.request.body,
                        service: try call.required("service"),
                        trainingSet: call.request.query("training_set"),
                        output: call.request.query("output"),
                        outputColumn: try call.integer("output_column").map { Int($0) },
                        origin: call.request.query("origin") ?? "", golden: nil))
                return .json(version.json, status: .created)
            },
            Route("PUT", "/v1/models/*/aliases/*", "Makes an alias mean ?version=N") { call in
                let number = try call.required("version")
                let version = try node.setAlias(
                    call.values[1], of: "\(call.values[0]):\(number)")
                return .json([
                    "model": .string(version.model), "alias": .string(call.values[1]),
                    "version": .integer(Int64(version.number)),
                ])
            },
        ]
    }
}
