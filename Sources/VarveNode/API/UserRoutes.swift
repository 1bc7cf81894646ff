import VarveFormats
import VarveProtocols

extension NodeAPI {
    /// Users of the Kafka protocol. HTTP is served on loopback only, so whoever gets here is on
    /// this machine.
    static func userRoutes(_ node: Node) -> [Route] {
        [
            Route("GET", "/v1/users", "Users, their roles and the prefixes granted to them") { _ in
                let users = try UserTable(node.log).users.values.sorted { $0.name < $1.name }
                return .json([
                    "users": .array(
                        users.map { user in
                            .object([
                                .init("name", .string(user.name)),
                                .init(
                                    "roles",
                                    .array(
                                        user.roles.map(\.rawValue).sorted().map { .string($0) })),
                                .init("prefixes", .array(user.prefixes.map { .string($0) })),
                            ])
                        })
                ])
            },
            Route(
                "PUT", "/v1/users/*",
                "Makes a user known: {\"password\", \"roles\": [...], \"prefixes\": [...]}"
            ) { call in
                let json = try call.json()
                let names = (json["roles"]?.arrayValue ?? []).map { $0.stringValue ?? "" }
                let roles = try names.map { name in
                    guard let role = Role(rawValue: name) else {
                        throw NodeError.badRequest(
                            "role \"\(name)\", expected one of"
                                + " \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
                    }
                    return role
                }
                try node.setUser(
                    call.values[0], password: json["password"]?.stringValue ?? "",
                    roles: Set(roles),
                    prefixes: (json["prefixes"]?.arrayValue ?? []).compactMap(\.stringValue))
                return .json(["user": .string(call.values[0])])
            },
            Route("DELETE", "/v1/users/*", "Takes a user away") { call in
                try node.removeUser(call.values[0])
                return .json(["removed": .string(call.values[0])])
            },
        ]
    }
}
