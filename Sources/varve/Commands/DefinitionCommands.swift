import VarveFormats

/// Definitions: what would change, what changes, what is in force.
let definitionCommands = [
    Command(
        "plan", "Shows what applying definitions would change", arguments: ["FILE"],
        example: "varve plan fixtures/flights/definitions.json"
    ) { invocation in
        let document = try readJSON(invocation.positional[0])
        return try Session.with(invocation, creates: true) { session in
            let json = try session.json(
                "POST", "/v1/definitions/plan", body: Array(document.text.utf8))
            showChanges(json, invocation)
            return ExitCode.success
        }
    },
    Command(
        "apply", "Puts definitions in force, all of a document or nothing", arguments: ["FILE"],
        example: "varve apply fixtures/flights/definitions.json"
    ) { invocation in
        let document = try readJSON(invocation.positional[0])
        return try Session.with(invocation, creates: true) { session in
            let json = try session.json(
                "POST", "/v1/definitions", body: Array(document.text.utf8))
            showChanges(json, invocation)
            let stale = (json["needs_rebuild"]?.arrayValue ?? []).compactMap(\.stringValue)
            if !invocation.wantsJSON, !stale.isEmpty {
                show(
                    "\(stale.joined(separator: ", ")): the live store keeps the old version until"
                        + " `varve rebuild online --swap`")
            }
            return ExitCode.success
        }
    },
    Command(
        "definitions", "Lists the definitions in force", example: "varve definitions"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("GET", "/v1/definitions")
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(["type", "name", "version", "digest"], right: [2])
            for item in json["definitions"]?.arrayValue ?? [] {
                table.add([
                    item.text("type"), item.text("name"), item.text("version"),
                    String(item.text("digest").prefix(12)),
                ])
            }
            show(table.text)
            return ExitCode.success
        }
    },
]

private func showChanges(_ json: JSON, _ invocation: Invocation) {
    if invocation.wantsJSON {
        show(json.pretty)
        return
    }
    var table = TextTable(["change", "type", "name", "version"], right: [3])
    for step in json["changes"]?.arrayValue ?? [] {
        table.add([
            step.text("change"), step.text("type"), step.text("name"), step.text("version"),
        ])
    }
    show(table.text)
}

extension JSON {
    /// A member as a table shows it.
    func text(_ name: String) -> String {
        switch self[name] {
        case .string(let text)?: text
        case .number(let value)?: value.description
        case nil, .null?: "-"
        case let other?: other.text
        }
    }

    /// A member that is a number, with some digits after the point; `-` when it is none.
    func fixed(_ name: String, _ digits: Int) -> String {
        self[name]?.doubleValue?.fixed(digits) ?? "-"
    }
}
