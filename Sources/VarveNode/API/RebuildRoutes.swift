import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveTraining

extension NodeAPI {
    /// Keys and predictions listed by a rebuild's answer; all are counted.
    static let examplesOfDifference = 20

    /// New generations beside the live ones.
    static func rebuildRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/rebuild/online",
                "Folds a new generation, compares it with the live one; ?swap=true makes it live,"
                    + " ?rollback=true takes the definitions of the generation before"
            ) { call in
                let report = try node.rebuildOnline(
                    swap: try call.flag("swap"), rollback: try call.flag("rollback"))
                return .json(
                    .object([
                        .init("generation", .integer(Int64(report.generation.number))),
                        .init("position", position(report.position, node)),
                        .init("swapped", .bool(report.isSwapped)),
                        .init("diff", report.diff.json(keyLimit: examplesOfDifference)),
                        .init(
                            "affected",
                            report.radius.json(predictionLimit: examplesOfDifference)),
                    ]))
            },
            Route(
                "POST", "/v1/rebuild/offline",
                "Writes the tables anew; ?swap=true makes them the live ones"
            ) { call in
                let swap = try call.flag("swap")
                let generation = try node.rebuildOffline(swap: swap)
                return .json([
                    "generation": .integer(Int64(generation.number)), "swapped": .bool(swap),
                ])
            },
            Route(
                "POST", "/v1/optimize",
                "Sorts the offline store's newer rows by entity, for training sets to read"
            ) { _ in
                let runs = try node.optimize().map { run in
                    JSON.object([
                        .init("stream", .string(run.stream)),
                        .init("key", .array(run.key.map { .string($0) })),
                        .init("rows", .integer(Int64(run.rowCount))),
                        .init("end", position(run.end, node)),
                    ])
                }
                return .json(["runs": .array(runs)])
            },
        ]
    }
}
