import VarveFormats
import VarveSystem

/// New generations of projections.
let rebuildCommands = [
    Command(
        "rebuild", "Folds a projection anew beside the live one and shows what differs",
        arguments: ["online|offline"],
        options: [
            .init("swap", nil, "make the new generation the live one"),
            .init("rollback", nil, "online: with the definitions of the generation before"),
        ],
        example: "varve rebuild online --swap"
    ) { invocation in
        let name = invocation.positional[0]
        guard ["online", "offline"].contains(name) else {
            throw CommandError.usage("\(name) is neither online nor offline")
        }
        if name == "offline", invocation.has("rollback") {
            throw CommandError.usage("tables are made with the newest definitions: no --rollback")
        }
        return try Session.with(invocation) { session in
            let json = try session.json(
                "POST", "/v1/rebuild/\(name)",
                query: ["swap", "rollback"].map { ($0, invocation.has($0) ? "true" : nil) })
            if invocation.wantsJSON {
                show(json.pretty)
            } else {
                if name == "online" { showDiff(json) }
                let isSwapped = json["swapped"]?.boolValue == true
                show(
                    "generation \(json.text("generation")) is "
                        + (isSwapped
                            ? "live" : "not live; --swap folds it again and makes it so"))
            }
            return ExitCode.success
        }
    },
    Command(
        "optimize",
        "Sorts new rows of the offline store by entity now, as a server does by itself now and then:"
            + " training sets take less time",
        example: "varve optimize"
    ) { invocation in
        ProcessMemory.useHugePages()
        return try Session.with(invocation, needsFeatures: false) { session in
            let json = try session.json("POST", "/v1/optimize")
            if invocation.wantsJSON {
                show(json.pretty)
            } else {
                let runs = json["runs"]?.arrayValue ?? []
                var table = TextTable(["stream", "key", "rows"], right: [2])
                for run in runs {
                    let key = (run["key"]?.arrayValue ?? []).compactMap(\.stringValue)
                    table.add([run.text("stream"), key.joined(separator: ","), run.text("rows")])
                }
                show(runs.isEmpty ? "nothing new since the last time" : table.text)
            }
            return ExitCode.success
        }
    },
]

private func showDiff(_ json: JSON) {
    let features = json["diff"]?["features"]?.arrayValue ?? []
    if features.isEmpty {
        show("no value differs at position \(json.text("position"))")
    } else {
        var table = TextTable(
            ["feature", "keys", "largest difference", "example", "stretches", "from", "before", "after"],
            right: [1, 2, 4, 6, 7])
        for feature in features {
            let example = feature["examples"]?.arrayValue?.first
            let key = (example?["key"]?.arrayValue ?? []).map { $0.stringValue ?? $0.text }
            table.add([
                "\(feature.text("view")).\(feature.text("feature"))", feature.text("keys"),
                feature.fixed("largest", 4), key.joined(separator: ","),
                example?.text("intervals") ?? "-", String(example?.text("from").prefix(16) ?? "-"),
                example?.fixed("before", 4) ?? "-", example?.fixed("after", 4) ?? "-",
            ])
        }
        show(table.text)
    }
    for name in ["added", "removed"] {
        let list = (json["diff"]?[name]?.arrayValue ?? []).compactMap(\.stringValue)
        if !list.isEmpty { show("\(name): \(list.joined(separator: ", "))") }
    }
    let affected = json["affected"]
    show(
        "affected: \(affected?.text("predictions") ?? "-") of"
            + " \(affected?.text("predictions_compared") ?? "-") predictions")
    for item in affected?["predictions_by_feature"]?.objectValue ?? [] {
        show("  \(item.name): \(item.value.text)")
    }
    let ids = (affected?["prediction_ids"]?.arrayValue ?? []).compactMap(\.stringValue)
    if !ids.isEmpty { show("  first of them: \(ids.prefix(3).joined(separator: ", "))") }
    for set in affected?["training_sets"]?.arrayValue ?? [] {
        let columns = (set["columns"]?.arrayValue ?? []).compactMap(\.stringValue)
        let reason = set["reason"]?.stringValue
        show("  training set \(set.text("id")): \(reason ?? columns.joined(separator: ", "))")
    }
    let models = (affected?["models"]?.arrayValue ?? []).compactMap(\.stringValue)
    if !models.isEmpty { show("  models trained on them: \(models.joined(separator: ", "))") }
}
