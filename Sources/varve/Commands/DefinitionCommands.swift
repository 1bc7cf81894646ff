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
            if invocation.wantsJSON { return ExitCode.success }
            for replay in json["replays"]?.arrayValue ?? [] {
                let records = Int(replay["records"]?.integerValue ?? 0).grouped
                show(
                    "\(replay.text("view")): \(records) records are folded by"
                        + (replay.text("when") == "apply"
                            ? " varve apply" : " varve rebuild online"))
            }
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
        "definitions list", "Lists the definitions in force", example: "varve definitions list"
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
    Command(
        "definitions show", "Shows a definition in its canonical form, every default written out",
        arguments: ["stream|view|service", "NAME"],
        options: [.init("version", "N", "a version (default: the newest)")],
        example: "varve definitions show view airport_traffic --version 1"
    ) { invocation in
        try Session.with(invocation) { session in
            let version = try version(invocation.value("version"), invocation, session)
            show(version["definition"]?.pretty ?? "")
            return ExitCode.success
        }
    },
    Command(
        "definitions diff", "Compares two versions of a definition, line by line",
        arguments: ["stream|view|service", "NAME", "OLD", "NEW"],
        example: "varve definitions diff view carrier_delays 1 2"
    ) { invocation in
        try Session.with(invocation) { session in
            let old = try version(invocation.positional[2], invocation, session)
            let new = try version(invocation.positional[3], invocation, session)
            let lines = [old, new].map { ($0["definition"]?.pretty ?? "").split(separator: "\n") }
            for change in lines[1].difference(from: lines[0]).sorted(by: byLine) {
                switch change {
                case .remove(let line, let text, _): show("- \(line + 1): \(text)")
                case .insert(let line, let text, _): show("+ \(line + 1): \(text)")
                }
            }
            return ExitCode.success
        }
    },
]

/// Removed lines before inserted ones, each in order.
private func byLine(
    _ left: CollectionDifference<Substring>.Change, _ right: CollectionDifference<Substring>.Change
) -> Bool {
    func place(_ change: CollectionDifference<Substring>.Change) -> (Int, Int) {
        switch change {
        case .remove(let line, _, _): (line, 0)
        case .insert(let line, _, _): (line, 1)
        }
    }
    return place(left) < place(right)
}

/// One version of the definition that a command line names; the newest for nil.
private func version(
    _ number: String?, _ invocation: Invocation, _ session: Session
) throws -> JSON {
    let (kind, name) = (invocation.positional[0], invocation.positional[1])
    let json = try session.json("GET", "/v1/definitions/\(kind.asSegment)/\(name.asSegment)")
    let versions = json["versions"]?.arrayValue ?? []
    guard let number else { return versions.last ?? .null }
    guard let found = versions.first(where: { $0.text("version") == number }) else {
        throw CommandError.failure(
            "\(kind) \(name) has no version \(number), expected 1 to \(versions.count)")
    }
    return found
}

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
