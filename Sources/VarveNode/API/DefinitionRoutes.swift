import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols

extension NodeAPI {
    /// Definitions: what is in force, what a document would change, and putting it in force.
    static func definitionRoutes(_ node: Node) -> [Route] {
        [
            Route("GET", "/v1/definitions", "Definitions in force, in their canonical form") { _ in
                let inForce = node.catalog.catalog.inForce()
                return .json(["definitions": .array(inForce.map(Self.json))])
            },
            Route("POST", "/v1/definitions", "Puts a document of definitions in force") { call in
                let application = try node.apply(try call.json())
                return .json(
                    .object([
                        .init("changes", Self.changes(application.plan)),
                        .init(
                            "position",
                            application.position.map { position($0, node) } ?? .null),
                        .init(
                            "needs_rebuild",
                            .array(application.needsRebuild.map { .string($0) })),
                    ]))
            },
            Route("POST", "/v1/definitions/plan", "What a document of definitions would change") {
                call in
                let plan = try node.plan(try call.json())
                return .json([
                    "changes": Self.changes(plan), "replays": Self.replays(plan, node),
                ])
            },
            Route("GET", "/v1/definitions/*/*", "Every version of a definition, oldest first") {
                call in
                guard let kind = Catalog.Kind(rawValue: call.values[0]) else {
                    throw NodeError.badRequest(
                        "type is \"\(call.values[0])\", expected "
                            + Catalog.Kind.allCases.map(\.rawValue).joined(separator: ", "))
                }
                let history = node.catalog.catalog.history(kind, call.values[1])
                guard !history.isEmpty else {
                    throw NodeError.notFound("there is no \(kind.rawValue) \(call.values[1])")
                }
                return .json(["versions": .array(history.map(Self.json))])
            },
        ]
    }

    /// The views that a plan makes or changes, and how many records each of them folds: a new one
    /// when it is applied, a changed one when it is rebuilt.
    private static func replays(_ plan: CatalogPlan, _ node: Node) -> JSON {
        .array(
            plan.changes.filter { $0.kind == .view }.compactMap { step in
                guard let view = plan.definitions.view(step.name) else { return nil }
                let records = node.log.streams()
                    .filter { $0.name.name == view.streamName }
                    .reduce(Int64(0)) { $0 + $1.highWatermark }
                return .object([
                    .init("view", .string(step.name)),
                    .init("when", .string(step.change == .created ? "apply" : "rebuild")),
                    .init("records", .integer(records)),
                ])
            })
    }

    private static func json(_ version: Catalog.Version) -> JSON {
        .object([
            .init("type", .string(version.kind.rawValue)), .init("name", .string(version.name)),
            .init("version", .integer(Int64(version.number))),
            .init("digest", .string(version.digest.description)),
            .init("position", .integer(version.position.value)),
            .init("definition", version.canonical),
        ])
    }

    private static func changes(_ plan: CatalogPlan) -> JSON {
        .array(
            plan.steps.map { step in
                .object([
                    .init("type", .string(step.kind.rawValue)),
                    .init("name", .string(step.name)),
                    .init("change", .string(step.change.rawValue)),
                    .init("version", .integer(Int64(step.version))),
                    .init("digest", .string(step.digest.description)),
                ])
            })
    }
}
