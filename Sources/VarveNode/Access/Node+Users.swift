import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

extension Node {
    /// Makes a user known, or changes one. As soon as there is one, Kafka clients have to prove
    /// who they are.
    func setUser(
        _ name: String, password: String, roles: Set<Role>, prefixes: [String]
    ) throws {
        guard (1...255).contains(name.utf8.count), (8...1024).contains(password.utf8.count) else {
            throw NodeError.badRequest(
                "a user needs a name of 1 to 255 bytes and a password of 8 to 1024")
        }
        guard !roles.isEmpty else {
            throw NodeError.badRequest(
                "user \(name) has no role, expected some of"
                    + " \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let credential = ScramCredential(password: password, salt: RandomSource.bytes(16))
        let user = User(name: name, roles: roles, prefixes: prefixes, credential: credential)
        try record(
            try RecordBatch.encode([user.record(time: milliseconds())]), in: Log.catalogName)
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
        var scratch: [UInt8] = []
        try log.read(from: log.reader.startPosition, streams: [.catalog]) { frame in
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                if let value = record.value, let json = try? JSON(parsing: value) {
                    table.apply(json)
                }
            }
            return true
        }
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
