import VarveBytes
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
                .json(["changes": Self.changes(try node.plan(try call.json()))])
            },
        ]
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
