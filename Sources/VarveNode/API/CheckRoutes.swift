import VarveBytes
import VarveFormats
import VarveProjections
import VarveProtocols

extension NodeAPI {
    /// Mismatches listed in an answer; all are counted.
    private static let mismatchLimit = 100

    /// Consistency, checked against the log.
    static func checkRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/check/skew",
                "Computes logged predictions, and ?sample= entities of each view, again by replay"
            ) { call in
                let sample = try call.integer("sample") ?? 1000
                guard (0...1_000_000).contains(sample) else {
                    throw NodeError.badRequest("sample is \(sample), expected 0 to 1000000")
                }
                let report = try node.checkSkew(sample: Int(sample))
                return .json(json(report, node))
            }
        ]
    }

    private static func json(_ report: SkewReport, _ node: Node) -> JSON {
        let mismatches: [JSON] = report.mismatches.prefix(mismatchLimit).map { json($0, node) }
        let unreadable: JSON = report.unreadable.first.map { .string($0) } ?? .null
        return .object([
            .init("predictions", .integer(Int64(report.predictions))),
            .init("reads", .integer(Int64(report.reads))),
            .init("different", .integer(Int64(report.mismatches.count))),
            .init("mismatches", .array(mismatches)),
            .init("unreadable", .integer(Int64(report.unreadable.count))),
            .init("first_unreadable", unreadable),
        ])
    }

    private static func json(_ mismatch: SkewReport.Mismatch, _ node: Node) -> JSON {
        .object([
            .init("subject", .string(mismatch.subject)),
            .init("time", .string(mismatch.time.description)),
            .init("position", position(mismatch.position, node)),
            .init("differences", .array(mismatch.differences.map { .string($0) })),
            .init("first_record", mismatch.record.map { .integer($0) } ?? .null),
        ])
    }
}
