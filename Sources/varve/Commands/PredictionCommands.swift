import VarveFormats

/// Predictions: asking, auditing, watching, judging.
let predictionCommands = [
    Command(
        "predict", "Asks a model for a prediction; it is durable when answered",
        options: [
            .init("model", "NAME@ALIAS", "the model, by alias or NAME:VERSION"),
            .init("key", "NAME=VALUE", "a key field of the service's views", repeats: true),
            .init("input", "NAME=VALUE", "an input of the service", repeats: true),
            .init("at", "TIME", "the moment to predict for (default: now)"),
            .init("id", "ID", "names the prediction, to be joined with its outcome"),
        ],
        example: "varve predict --model late@champion --key origin=EWR --key carrier=UA"
            + " --key dest=ORD --input distance=719 --input sched_hour=8"
            + " --at 2013-03-17T11:00:00Z"
    ) { invocation in
        let model = try invocation.required("model")
        return try Session.with(invocation) { session in
            var members = [
                JSON.Member("model", .string(model)),
                JSON.Member("keys", .object(try requestMembers(invocation, "key", session))),
                JSON.Member("inputs", .object(try requestMembers(invocation, "input", session))),
            ]
            for name in ["at", "id"] {
                if let value = invocation.value(name) {
                    members.append(.init(name, .string(value)))
                }
            }
            let json = try session.json(
                "POST", "/v1/predict", body: Array(JSON.object(members).text.utf8))
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            show(
                "\(json.text("score"))  (\(json.text("model")):\(json.text("version")), id"
                    + " \(json.text("id")), position \(json.text("position")))")
            if json["definitions_match"]?.boolValue == false {
                note("varve: served with other definitions than the model was registered for")
            }
            return ExitCode.success
        }
    },
    Command(
        "audit", "Computes a prediction again from the log and compares it bit for bit",
        arguments: ["[ID]"],
        options: [.init("all", nil, "audit every prediction of the log")],
        example: "varve audit 2013-03-17-UA-1545-EWR-0515"
    ) { invocation in
        guard invocation.has("all") != (invocation.positional.count == 1) else {
            throw CommandError.usage("audit takes an id, or --all")
        }
        return try Session.with(invocation) { session in
            if invocation.has("all") {
                let json = try session.json("POST", "/v1/audit")
                return showAudits(json, invocation)
            }
            let json = try session.json(
                "POST", "/v1/predictions/\(invocation.positional[0].asSegment)/audit")
            return showAudit(json, invocation)
        }
    },
    Command(
        "monitor", "Shows a model's daily windows against its baseline", arguments: ["MODEL"],
        options: [
            .init("signal", "NAME", "one signal's windows (default: the worst of each)")
        ],
        example: "varve monitor late@champion --signal score"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json(
                "GET", "/v1/monitoring/\(invocation.positional[0].asSegment)")
            if invocation.wantsJSON { show(json.pretty) } else { showDrift(json, invocation) }
            return ExitCode.success
        }
    },
    Command(
        "evaluate", "Joins predictions with outcomes: AUC, log loss, Brier score",
        arguments: ["MODEL"],
        options: [
            .init("stream", "NAME", "the stream that says what happened"),
            .init("id", "FIELD", "its field that names the prediction"),
            .init("label", "FIELD", "its field that is above zero when the outcome is positive"),
        ],
        example: "varve evaluate late@champion --stream arrivals --id flight --label late"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json(
                "GET", "/v1/outcomes/\(invocation.positional[0].asSegment)",
                query: [
                    ("stream", try invocation.required("stream")),
                    ("id", try invocation.required("id")),
                    ("label", try invocation.required("label")),
                ])
            show(
                invocation.wantsJSON
                    ? json.pretty
                    : """
                    \(json.text("joined")) of \(json.text("predictions")) predictions have an \
                    outcome, \(json.fixed("positive_share", 4)) of them positive
                    AUC \(json.fixed("auc", 4))   log loss \(json.fixed("log_loss", 4))   \
                    Brier \(json.fixed("brier", 4))
                    """)
            return ExitCode.success
        }
    },
]

private func showAudit(_ json: JSON, _ invocation: Invocation) -> Int32 {
    let isIdentical = json["verdict"]?.stringValue == "identical"
    if invocation.wantsJSON {
        show(json.pretty)
    } else {
        let prediction = json["prediction"]
        show("prediction \(json.text("id")): \(json.text("verdict"))")
        for difference in (json["differences"]?.arrayValue ?? []).compactMap(\.stringValue) {
            show("  \(difference)")
        }
        show(
            """
              model     \(prediction?.text("model") ?? "-"):\(prediction?.text("version") ?? "-"), \
            artifact \(prediction?.text("artifact").prefix(16) ?? "-")
              read      position \(prediction?.text("position") ?? "-"), time \
            \(prediction?.text("time") ?? "-")
              score     \(prediction?.text("score") ?? "-")
              record    position \(json.text("record_position")), proven under the log's head of \
            \((json["head"]?.stringValue ?? "-").split(separator: "\n").dropFirst().first ?? "-") \
            positions (--json has the proof)
            """)
        var table = TextTable(["feature", "served", "status"], right: [1])
        for feature in prediction?["features"]?.arrayValue ?? [] {
            table.add([feature.text("name"), feature.text("value"), feature.text("status")])
        }
        show(table.text)
    }
    return isIdentical ? ExitCode.success : ExitCode.failure
}

private func showAudits(_ json: JSON, _ invocation: Invocation) -> Int32 {
    let different = json["different"]?.integerValue ?? 0
    if invocation.wantsJSON {
        show(json.pretty)
    } else {
        show(
            "\(json.text("audited")) predictions audited, \(different) differ"
                + (different == 0 ? ": features and scores identical bit for bit" : ""))
        let skewed = json["skewed"]?.integerValue ?? 0
        show(
            "\(skewed) of them differ from their rows in a training set built today"
                + (skewed == 0 ? ": online equals offline" : ""))
        for finding in (json["findings"]?.arrayValue ?? []).prefix(10) {
            let first = finding["differences"]?.arrayValue?.first?.stringValue ?? ""
            show("  \(finding.text("id")): \(first)")
        }
    }
    let unreadable = json["unreadable"]?.integerValue ?? 0
    if unreadable > 0 {
        note("varve: \(unreadable) records cannot be read: \(json.text("first_unreadable"))")
    }
    return different == 0 && unreadable == 0 ? ExitCode.success : ExitCode.failure
}

private func showDrift(_ json: JSON, _ invocation: Invocation) {
    let wanted = invocation.value("signal")
    var table = TextTable(
        ["window", "predictions", "signal", "mean", "null share", "PSI", "noise floor"],
        right: [1, 3, 4, 5, 6])
    for window in json["windows"]?.arrayValue ?? [] {
        let signals = window["signals"]?.arrayValue ?? []
        let worst = signals.max {
            ($0["psi"]?.doubleValue ?? -1) < ($1["psi"]?.doubleValue ?? -1)
        }
        let score = signals.last
        let shown = wanted.map { name in signals.filter { $0["name"]?.stringValue == name } }
            ?? [worst, score].compactMap { $0 }
        for signal in shown {
            table.add([
                String(window.text("start").prefix(10)), window.text("predictions"),
                signal.text("name"), signal.fixed("mean", 3),
                (100 * (signal["null_share"]?.doubleValue ?? 0)).fixed(1) + "%",
                signal.fixed("psi", 3), signal.fixed("noise_floor", 3),
            ])
        }
    }
    show(table.text)
}
