import VarveFormats

/// Consistency, checked against the log.
let checkCommands = [
    Command(
        "check skew", "Computes predictions and online reads again by replay, bit for bit",
        options: [
            .init("sample", "N", "entities of each view to read (default: 1000)")
        ],
        example: "varve check skew --sample 10000"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json(
                "POST", "/v1/check/skew", query: [("sample", invocation.value("sample"))])
            let differing = json["different"]?.integerValue ?? 0
            if invocation.wantsJSON {
                show(json.pretty)
            } else {
                show(
                    "\(json.text("predictions")) predictions and \(json.text("reads")) reads were"
                        + " computed again: \(differing) differ")
                for mismatch in json["mismatches"]?.arrayValue ?? [] {
                    show(
                        "\(mismatch.text("subject")) at \(mismatch.text("time")), position"
                            + " \(mismatch.text("position")), first at record"
                            + " \(mismatch.text("first_record"))")
                    for line in (mismatch["differences"]?.arrayValue ?? []).compactMap(\.stringValue)
                    {
                        show("  \(line)")
                    }
                }
            }
            return differing == 0 ? ExitCode.success : ExitCode.failure
        }
    }
]
