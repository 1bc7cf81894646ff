import VarveFormats
import VarveLog
import VarveProtocols

extension NodeAPI {
    /// Streams: appending over HTTP.
    static func streamRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/streams/*/records",
                "Appends NDJSON lines as records; answers the position after them"
            ) { call in
                let (end, count) = try node.append(ndjson: call.request.body, to: call.values[0])
                return .json(
                    .object([
                        .init("appended", .integer(Int64(count))),
                        .init("position", position(end, node)),
                    ]))
            },
            Route("GET", "/v1/streams", "Streams and their number of records") { _ in
                .json([
                    "streams": .array(
                        node.log.streams().map { stream in
                            .object([
                                .init("name", .string(stream.name.name)),
                                .init("partition", .integer(Int64(stream.name.partition))),
                                .init("records", .integer(stream.highWatermark)),
                                .init(
                                    "declared", .bool(node.gate.isDeclared(stream.name.name))),
                            ])
                        })
                ])
            },
        ]
    }
}
