import VarveFormats

/// Where a value comes from.
let explainCommands = [
    Command(
        "explain", "Shows the facts behind a feature's value, and why others do not count",
        arguments: ["VIEW", "FEATURE"],
        options: [
            .init("key", "NAME=VALUE", "a field of the entity's key", repeats: true),
            .init("at", "TIME", "the moment to answer for (default: now)"),
            .init("known", "MODE", "as-corrected (default), or as-known: only what was known then"),
            .init("limit", "N", "facts listed of either kind (default 20)"),
        ],
        example: "varve explain airport_traffic mean_delay_6h --key origin=EWR"
            + " --at 2013-03-15T12:00:00Z"
    ) { invocation in
        try Session.with(invocation) { session in
            var members = [
                JSON.Member("feature", .string(invocation.positional[1])),
                JSON.Member("keys", .object(try requestMembers(invocation, "key", session))),
                JSON.Member("limit", .integer(Int64(try invocation.integer("limit", default: 20)))),
            ]
            for name in ["at", "known"] {
                if let value = invocation.value(name) { members.append(.init(name, .string(value))) }
            }
            let json = try session.json(
                "POST", "/v1/views/\(invocation.positional[0].asSegment)/explain",
                body: Array(JSON.object(members).text.utf8))
            if invocation.wantsJSON { show(json.pretty) } else { showExplanation(json) }
            return ExitCode.success
        }
    }
]

private func showExplanation(_ json: JSON) {
    show("\(json.text("feature")) = \(json.text("value")) (\(json.text("status")))")
    let from = json["window"]?["from"]?.stringValue ?? "the beginning"
    show(
        "at \(json.text("time")), \(json.text("known")), window from \(from) to"
            + " \(json["window"]?.text("to") ?? "-"), position \(json.text("position"))")
    let facts = json["facts"]?.arrayValue ?? []
    show("\n\(json.text("fact_count")) facts count" + (facts.isEmpty ? "" : ":"))
    var counted = TextTable(["position", "event time", "value"], right: [0, 2])
    for fact in facts { counted.add(["position", "event_time", "value"].map { fact.text($0) }) }
    if !counted.isEmpty { show(counted.text) }
    let misses = json["near_misses"]?.arrayValue ?? []
    show("\n\(json.text("miss_count")) do not" + (misses.isEmpty ? "" : ", nearest first:"))
    var missed = TextTable(["position", "event time", "value", "why"], right: [0, 2])
    for fact in misses {
        missed.add(["position", "event_time", "value", "why"].map { fact.text($0) })
    }
    if !missed.isEmpty { show(missed.text) }
}
