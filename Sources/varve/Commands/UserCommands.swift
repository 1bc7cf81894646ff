import VarveBytes
import VarveFormats
import VarveNode
import VarveSystem

private let roleHelp = "producer, scientist, service, auditor or operator"

/// Who may connect.
let userCommands = [
    Command(
        "user add", "Makes a user known; asks for the password, or reads it from standard input",
        arguments: ["NAME"],
        options: [
            .init("role", "ROLE", roleHelp, repeats: true),
            .init("prefix", "PREFIX", "streams whose names begin so are granted", repeats: true),
            .init("password-file", "FILE", "the password's file; its first line counts"),
        ],
        example: "varve user add ada --role producer --prefix sales. --password-file ada.secret"
    ) { invocation in
        let name = invocation.positional[0]
        guard invocation.has("role") else {
            throw CommandError.usage("--role is missing: \(roleHelp)")
        }
        let password = try password(of: name, invocation)
        return try change(
            invocation, name,
            [
                .init("password", .string(password)), list("roles", invocation.all("role")),
                list("prefixes", invocation.all("prefix")),
            ], "user \(name) may connect; from now on everybody has to log in")
    },
    Command(
        "user grant", "Replaces the roles or the prefixes of a user, those that are given",
        arguments: ["NAME"],
        options: [
            .init("role", "ROLE", roleHelp, repeats: true),
            .init("prefix", "PREFIX", "streams whose names begin so are granted", repeats: true),
        ],
        example: "varve user grant ada --role producer --role scientist --prefix sales."
    ) { invocation in
        let name = invocation.positional[0]
        var members: [JSON.Member] = []
        if invocation.has("role") { members.append(list("roles", invocation.all("role"))) }
        if invocation.has("prefix") { members.append(list("prefixes", invocation.all("prefix"))) }
        guard !members.isEmpty else {
            throw CommandError.usage("--role or --prefix is missing (varve user grant --help)")
        }
        return try change(invocation, name, members, "user \(name) is changed")
    },
    Command(
        "user remove", "Takes a user away; what it has open is closed at its next request",
        arguments: ["NAME"], example: "varve user remove ada"
    ) { invocation in
        try Session.with(invocation) { session in
            let name = invocation.positional[0]
            let json = try session.json("DELETE", "/v1/users/\(name.asSegment)")
            show(invocation.wantsJSON ? json.text : "user \(name) is removed")
            return ExitCode.success
        }
    },
    Command(
        "user list", "Lists users, their roles and prefixes", example: "varve user list"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("GET", "/v1/users")
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(["user", "roles", "prefixes"], right: [])
            for item in json["users"]?.arrayValue ?? [] {
                func words(_ name: String) -> String {
                    (item[name]?.arrayValue ?? []).compactMap(\.stringValue)
                        .joined(separator: ", ")
                }
                table.add([item.text("name"), words("roles"), words("prefixes")])
            }
            show(table.text)
            return ExitCode.success
        }
    },
]

private func list(_ name: String, _ words: [String]) -> JSON.Member {
    .init(name, .array(words.map { .string($0) }))
}

private func change(
    _ invocation: Invocation, _ name: String, _ members: [JSON.Member], _ done: String
) throws -> Int32 {
    try Session.with(invocation, creates: true) { session in
        let json = try session.json(
            "PUT", "/v1/users/\(name.asSegment)", body: Array(JSON.object(members).text.utf8))
        show(invocation.wantsJSON ? json.text : done)
        return ExitCode.success
    }
}

/// The first line of the file that is named, or of standard input; typed twice by people.
private func password(of name: String, _ invocation: Invocation) throws -> String {
    if let path = invocation.value("password-file") {
        let line = try readInput(path).prefix { $0 != UInt8(ascii: "\n") }
        return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
    }
    guard StandardStream.input.isTerminal else { return try StandardStream.input.readSecret() }
    StandardStream.error.write("password of \(name): ")
    let first = try StandardStream.input.readSecret()
    StandardStream.error.write("\nthe same again: ")
    let second = try StandardStream.input.readSecret()
    StandardStream.error.write("\n")
    guard first == second else { throw CommandError.usage("the two passwords differ") }
    return first
}
