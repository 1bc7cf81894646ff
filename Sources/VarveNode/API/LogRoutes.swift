import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

extension NodeAPI {
    /// The log's head, and proofs under it.
    static func logRoutes(_ node: Node) -> [Route] {
        [
            Route("GET", "/v1/log/head", "A checkpoint note over everything committed") { _ in
                HTTPResponse(status: .ok, text: node.log.reader.head().note)
            },
            Route("GET", "/v1/log/proofs/*", "An inclusion proof of the record at a position") {
                call in
                .json(try node.log.reader.prove(try position(call.values[0], node)).json)
            },
            Route(
                "POST", "/v1/log/proofs/*",
                "The same, with the proof that its head grew from the head note in the body"
            ) { call in
                let old = try head(call)
                let position = try position(call.values[0], node)
                // The log may grow between the two: they must be of one head.
                while true {
                    let consistency = try node.log.reader.proveConsistency(since: old)
                    let proof = try node.log.reader.prove(position)
                    guard proof.head == consistency.new else { continue }
                    return .json(["proof": proof.json, "consistency": consistency.json])
                }
            },
            Route(
                "POST", "/v1/log/consistency",
                "Proves that the log only grew since the head note in the body"
            ) { call in
                .json(try node.log.reader.proveConsistency(since: try head(call)).json)
            },
        ]
    }

    private static func head(_ call: Call) throws -> LogHead {
        try LogHead(note: String(decoding: call.request.body, as: UTF8.self))
    }
}
