import VarveFormats

/// Reading and pushing features.
let featureCommands = [
    Command(
        "get", "Reads the features of a view or service", arguments: ["view|service", "NAME"],
        options: [
            .init("key", "NAME=VALUE", "a field of the entity's key", repeats: true),
            .init("input", "NAME=VALUE", "an input of the service", repeats: true),
            .init("at", "TIME", "the moment to answer for (default: now)"),
            .init("min-position", "POSITION", "wait until this position is in the store"),
        ],
        example: "varve get view airport_traffic --key origin=EWR --at 2013-03-15T12:00:00Z"
    ) { invocation in
        let kind = invocation.positional[0]
        guard ["view", "service"].contains(kind) else {
            throw CommandError.usage("\(kind) is neither view nor service")
        }
        return try Session.with(invocation) { session in
            let name = invocation.positional[1]
            var members = [
                JSON.Member("keys", .object(try requestMembers(invocation, "key", session)))
            ]
            if kind == "service" {
                members.append(
                    .init("inputs", .object(try requestMembers(invocation, "input", session))))
            }
            if let at = invocation.value("at") { members.append(.init("at", .string(at))) }
            if let position = invocation.value("min-position") {
                members.append(.init("min_position", .string(position)))
            }
            let json = try session.json(
                "POST", "/v1/\(kind)s/\(name.asSegment)/read",
                body: Array(JSON.object(members).text.utf8))
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(["feature", "value", "status"], right: [1])
            for feature in json["features"]?.objectValue ?? [] {
                table.add([
                    feature.name, json["features"]?.text(feature.name) ?? "-",
                    json["statuses"]?.text(feature.name) ?? "-",
                ])
            }
            show(table.text)
            show("at \(json.text("time")), position \(json.text("position"))")
            return ExitCode.success
        }
    },
    Command(
        "write", "Pushes NDJSON values into a written view", arguments: ["VIEW", "FILE"],
        example: "echo '{\"user\":\"u1\",\"time\":\"2026-11-25T12:00:00Z\",\"score\":0.5}'"
            + " | varve write risk -"
    ) { invocation in
        let body = try readInput(invocation.positional[1])
        return try Session.with(invocation) { session in
            let json = try session.json(
                "POST", "/v1/views/\(invocation.positional[0].asSegment)/write", body: body)
            show(
                invocation.wantsJSON
                    ? json.text : "\(json.text("appended")) values, up to \(json.text("position"))")
            return ExitCode.success
        }
    },
]

/// `NAME=VALUE` options as members of a request. The words of a command line have no types: those
/// of the service's definitions decide.
func requestMembers(
    _ invocation: Invocation, _ option: String, _ session: Session
) throws -> [JSON.Member] {
    let pairs = try invocation.pairs(option)
    if pairs.isEmpty { return [] }
    let definitions = try session.json("GET", "/v1/definitions")["definitions"]?.arrayValue ?? []
    return pairs.map { name, value in
        JSON.Member(name, typed(value, as: fieldType(name, definitions)))
    }
}

/// The type that any view's entity or any service's inputs give a name; `string` when none does.
private func fieldType(_ name: String, _ definitions: [JSON]) -> String {
    for item in definitions {
        for group in ["entity", "inputs"] {
            if let type = item["definition"]?[group]?[name]?.stringValue {
                return type.hasSuffix("?") ? String(type.dropLast()) : type
            }
        }
    }
    return "string"
}

/// A word as a JSON value of a type; the word itself where it is none, for the node to refuse.
private func typed(_ word: String, as type: String) -> JSON {
    if word == "null" { return .null }
    switch type {
    case "int64": return Int64(word).map { .integer($0) } ?? .string(word)
    case "float64":
        guard let value = Double(word), value.isFinite else { return .string(word) }
        return .number(value)
    case "bool": return Bool(word).map { .bool($0) } ?? .string(word)
    default: return .string(word)
    }
}
