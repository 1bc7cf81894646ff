import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// The log itself: verifying it, and proofs of what is in it.
let logCommands = [
    Command(
        "log verify", "Checks every frame, footer and hash of the log; changes nothing",
        options: [.init("head", "FILE", "a head note kept from earlier", repeats: true)],
        example: "varve log verify --head head-of-last-week.txt"
    ) { invocation in
        let heads = try invocation.all("head").map { try readHead($0) }
        var progress: Progress?
        let result: LogVerifier.Result
        do {
            result = try LogVerifier(directory: invocation.directory)
                .verify(against: heads) { now in
                    var shown =
                        progress ?? Progress("verifying", total: Int(now.totalBytes))
                    shown.advance(Int(now.bytes) - shown.done)
                    progress = shown
                    return true
                }
        } catch {
            throw CommandError.unavailable("\(error)")
        }
        progress?.finish()
        showVerification(result, progress?.seconds, invocation)
        return result.isSound ? ExitCode.success : ExitCode.failure
    },
    Command(
        "log head", "Prints a checkpoint note over the whole log, to be kept elsewhere",
        example: "varve log head > head-$(date +%F).txt"
    ) { invocation in
        try Session.with(invocation) { session in
            let note = try session.send("GET", "/v1/log/head").body
            try writeOutput("-", note)
            return ExitCode.success
        }
    },
    Command(
        "log prove", "Writes a proof that a record is in the log", arguments: ["POSITION"],
        options: [
            .init("head", "FILE", "a head note kept from earlier: the proof can be checked with it"),
            .init("out", "FILE", "where the proof goes (default: standard output)"),
        ],
        example: "varve log prove 41003 --head head.txt --out proof.json"
    ) { invocation in
        let note = try invocation.value("head").map { try readInput($0) }
        return try Session.with(invocation) { session in
            let proof = try session.json(
                note == nil ? "GET" : "POST",
                "/v1/log/proofs/\(invocation.positional[0].asSegment)", body: note ?? [])
            try writeOutput(invocation.value("out") ?? "-", Array(proof.pretty.utf8))
            return ExitCode.success
        }
    },
    Command(
        "log check-proof", "Checks a proof with nothing but a head note", arguments: ["FILE"],
        options: [.init("head", "FILE", "the head note, had from elsewhere")],
        example: "varve log check-proof proof.json --head head.txt"
    ) { invocation in
        let head = try readHead(try invocation.required("head"))
        let bytes = try readInput(invocation.positional[0])
        do {
            let evidence = try checkProof(bytes, head)
            show(
                "the proof holds: positions \(evidence.positions.lowerBound) to"
                    + " \(evidence.positions.upperBound - 1), accepted \(evidence.ingestTime),"
                    + " \(evidence.isRedacted ? "redacted" : "\(evidence.batch.count) bytes")")
            return ExitCode.success
        } catch {
            throw CommandError.failure("\(error)")
        }
    },
    Command(
        "log consistency", "Proves that the log only grew since a head note was taken",
        arguments: ["FILE"], example: "varve log consistency head-of-last-week.txt"
    ) { invocation in
        let note = try readInput(invocation.positional[0])
        return try Session.with(invocation) { session in
            let proof = try session.json("POST", "/v1/log/consistency", body: note)
            show(invocation.wantsJSON ? proof.pretty : "the log only grew since that head")
            return ExitCode.success
        }
    },
]

/// Checks a proof against a head: one for that head, or one for a later head with the proof that
/// the later one grew from it.
private func checkProof(_ bytes: [UInt8], _ head: LogHead) throws -> InclusionProof.Evidence {
    let json = try JSON(parsing: bytes.raw)
    guard let inner = json["proof"], let grown = json["consistency"] else {
        return try InclusionProof(json: json).check(headHash: head.root)
    }
    let proof = try InclusionProof(json: inner)
    try ConsistencyProof(json: grown).check(oldHash: head.root, newHash: proof.head.root)
    return try proof.check(headHash: proof.head.root)
}

private func readHead(_ path: String) throws(CommandError) -> LogHead {
    let text = String(decoding: try readInput(path), as: UTF8.self)
    do {
        return try LogHead(note: text)
    } catch {
        throw .failure("\(path): \(error)")
    }
}

private func showVerification(
    _ result: LogVerifier.Result, _ seconds: Double?, _ invocation: Invocation
) {
    if invocation.wantsJSON {
        show(
            JSON.object([
                .init("sound", .bool(result.isSound)),
                .init("segments", .integer(Int64(result.progress.segments))),
                .init("retired_segments", .integer(Int64(result.retiredSegments))),
                .init("frames", .integer(result.frames)),
                .init("records", .integer(result.progress.records)),
                .init("bytes", .integer(result.progress.bytes)),
                .init("torn_bytes", .integer(result.tornBytes)),
                .init("head", result.head.map { .string($0.note) } ?? .null),
                .init("findings", .array(result.findings.map { .string("\($0)") })),
            ]).pretty)
        return
    }
    for finding in result.findings { show("\(finding)") }
    let rate = seconds.map { Double(result.progress.bytes) / 1e6 / max($0, 1e-9) }
    show(
        "\(result.progress.segments) segments, \(Int(result.frames).grouped) frames,"
            + " \(Int(result.progress.records).grouped) records,"
            + " \(Int(result.progress.bytes).grouped) bytes"
            + (rate.map { ", \($0.fixed(0)) MB/s" } ?? "")
            + (result.isSound ? ": sound" : ": \(result.findings.count) findings"))
    if result.retiredSegments > 0 {
        show("of \(result.retiredSegments) segments retention removed the records: footers checked")
    }
    if result.tornBytes > 0 {
        show("\(result.tornBytes) bytes of an unfinished tail: opening the log deals with them")
    }
}
