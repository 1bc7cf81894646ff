import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

extension Node {
    /// Makes a user known, or changes one: what is nil stays as it is. As soon as there is one
    /// user, clients have to prove who they are.
    func setUser(
        _ name: String, password: String?, roles: Set<Role>?, prefixes: [String]?
    ) throws {
        try applying.withLock { _ in
            let known = try UserTable(log).users[name]
            guard (1...255).contains(name.utf8.count), name != NodeToken.user else {
                throw NodeError.badRequest(
                    "user \"\(name)\", expected a name of 1 to 255 bytes that is not"
                        + " \(NodeToken.user)")
            }
            guard let roles = roles ?? known?.roles, !roles.isEmpty else {
                throw NodeError.badRequest(
                    "user \(name) has no role, expected some of"
                        + " \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            let credential: ScramCredential
            if let password {
                guard (8...1024).contains(password.utf8.count) else {
                    throw NodeError.badRequest(
                        "the password is \(password.utf8.count) bytes, expected 8 to 1024")
                }
                credential = ScramCredential(password: password, salt: RandomSource.bytes(16))
            } else if let known {
                credential = known.credential
            } else {
                throw NodeError.notFound("there is no user \(name), and a new one needs a password")
            }
            let user = User(
                name: name, roles: roles, prefixes: prefixes ?? known?.prefixes ?? [],
                credential: credential)
            try record(
                try RecordBatch.encode([user.record(time: milliseconds())]), in: Log.catalogName)
        }
    }

    /// Takes a user away.
    func removeUser(_ name: String) throws {
        guard try UserTable(log).users[name] != nil else {
            throw NodeError.notFound("there is no user \(name)")
        }
        try record(
            try RecordBatch.encode([User.removal(of: name, time: milliseconds())]),
            in: Log.catalogName)
    }
}

/// The users of a node: a fold of `varve.catalog`.
struct UserTable: Sendable {
    private(set) var users: [String: User] = [:]
    /// Whether there ever was a user: taking the last one away opens nothing.
    private(set) var isProtected = false

    /// Before any user.
    init() {}

    /// All users of a log.
    init(_ log: Log) throws {
        var table = UserTable()
        try BrokerCatalog.forEachRecord(of: log, from: Position(0)) { table.apply($0) }
        self = table
    }

    /// Takes in a record of the catalog, if it is about a user.
    mutating func apply(_ json: JSON) {
        guard json["kind"]?.stringValue == "user", let name = json["name"]?.stringValue else {
            return
        }
        users[name] = User(json)
        isProtected = true
    }
}
