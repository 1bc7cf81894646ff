import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveSystem

extension NodeAPI {
    /// How the node is doing.
    static func statusRoutes(_ node: Node) -> [Route] {
        [
            Route("GET", "/", "What can be asked of this node") { _ in
                .json(["service": "varve", "routes": index(NodeAPI(node).routes)])
            },
            Route("GET", "/openapi.json", "This interface as an OpenAPI 3 document") { _ in
                .json(OpenAPI.document(NodeAPI(node).routes))
            },
            Route("GET", "/health", "200 while the log appends and no projection stands still") {
                _ in
                let problems = Self.problems(node)
                return .json(
                    [
                        "healthy": .bool(problems.isEmpty),
                        "problems": .array(problems.map { .string($0) }),
                    ], status: problems.isEmpty ? .ok : .serviceUnavailable)
            },
            Route("GET", "/metrics", "Counts and times for Prometheus") { _ in
                HTTPResponse(
                    status: .ok, headers: ["Content-Type": MetricsText.contentType],
                    body: Array(node.metrics.text(node.log).utf8))
            },
            Route("GET", "/v1/position", "The commit position: every record below it is durable") {
                _ in .json(["position": position(node.log.commitPosition, node)])
            },
            Route("POST", "/v1/retention", "Removes now what retention lets go; says why the rest stays")
            { _ in
                try node.retain()
                return .json(retention(node))
            },
            Route("GET", "/v1/status", "Positions of log and projections, streams, generations") {
                _ in .json(Self.status(node))
            },
        ]
    }

    private static func problems(_ node: Node) -> [String] {
        var problems = node.projector.status().compactMap { status in
            status.blocked.map { "projection \(status.name) stands still: \($0)" }
        }
        if let failure = node.log.failure ?? node.log.shortage { problems.append("\(failure)") }
        do {
            try node.online.check()
        } catch {
            problems.append("\(error)")
        }
        let unreadable = node.monitoring.unreadable
        if unreadable.count > 0 {
            problems.append(
                "\(unreadable.count) predictions cannot be read, the first at \(unreadable.first)")
        }
        return problems
    }

    /// What retention removed when it last looked, and why other segments stay.
    static func retention(_ node: Node) -> JSON {
        guard let report = node.retention.withLock({ $0 }) else { return .null }
        return .object([
            .init("time", .string("\(report.time)")),
            .init("removed_segments", .integer(Int64(report.plan.segments.count))),
            .init("removed_bytes", .integer(report.plan.bytes)),
            .init(
                "kept",
                .array(
                    report.plan.refusals.map {
                        ["reason": .string($0.reason), "segments": .integer(Int64($0.segments))]
                    })),
        ])
    }

    /// The limit of the views' memory, and the file that facts beyond it are in.
    private static func memory(_ node: Node) -> JSON {
        guard let memory = node.online.memory else { return .null }
        return .object([
            .init("limit", memory.limit.map { .integer(Int64($0)) } ?? .null),
            .init("file_bytes", .integer(memory.fileBytes)),
            .init("unmoved", memory.unmoved.map { .string($0) } ?? .null),
        ])
    }

    private static func status(_ node: Node) -> JSON {
        let recovery = node.log.recovery
        let online = node.online.reader
        let views = online.definitions.views.enumerated().map { index, view in
            let size = online.size(ofView: index)
            return JSON.object([
                .init("view", .string(view.name)), .init("keys", .integer(Int64(size.keys))),
                .init("facts", .integer(Int64(size.facts))),
                .init("bytes", .integer(Int64(size.bytes))),
                .init("paged_bytes", .integer(Int64(size.pagedBytes))),
            ])
        }
        let unreadable = online.unreadable.sorted { $0.key < $1.key }.map { stream, found in
            JSON.object([
                .init("stream", .string(stream)), .init("records", .integer(Int64(found.count))),
                .init("first", position(found.position, node)),
                .init("reason", .string(found.reason)),
            ])
        }
        let offline = node.offline.unreadable.sorted { $0.key < $1.key }.map { stream, found in
            JSON.object([
                .init("stream", .string(stream)), .init("records", .integer(Int64(found.count))),
                .init("first", position(found.first, node)),
            ])
        }
        return .object([
            .init("log", position(node.log.commitPosition, node)),
            .init("epoch", .integer(Int64(node.log.epoch))),
            .init("torn_bytes_at_start", .integer(recovery.tornBytes)),
            .init(
                "projections",
                .array(
                    node.projector.status().map { status in
                        .object([
                            .init("name", .string(status.name)),
                            .init("position", position(status.position, node)),
                            .init(
                                "lag",
                                .integer(node.log.commitPosition.value - status.position.value)),
                            .init("blocked", status.blocked.map { .string($0) } ?? .null),
                            .init("unsaved", status.unsaved.map { .string($0) } ?? .null),
                        ])
                    })),
            .init("lag_ms", .integer(node.lagMilliseconds)),
            .init("online_generation", .integer(Int64(online.generation.number))),
            .init("snapshot_problem", node.online.snapshotProblem.map { .string($0) } ?? .null),
            .init("views", .array(views)), .init("online_memory", memory(node)),
            .init("unreadable", .array(unreadable)),
            .init("offline_unreadable", .array(offline)),
            .init(
                "needs_rebuild", .array(node.viewsToRebuild().map { .string($0) })),
            .init("retention", retention(node)),
            .init(
                "streams",
                .array(
                    node.log.streams().map { stream in
                        .object([
                            .init("name", .string(stream.name.name)),
                            .init("partition", .integer(Int64(stream.name.partition))),
                            .init("records", .integer(stream.highWatermark)),
                        ])
                    })),
        ])
    }
}
