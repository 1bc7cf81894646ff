import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// What a user may do, in one word.
enum Role: String, Sendable, CaseIterable {
    /// Appends to the streams granted.
    case producer
    /// Reads the streams granted.
    case scientist
    /// Reads the streams granted.
    case service
    /// Reads everything, the reserved streams included.
    case auditor
    /// Everything, everywhere.
    case `operator`
}

/// Someone who may connect to a protected node. Kept in `varve.catalog`; the last record of a name
/// counts. Passwords are not kept: see `ScramCredential`.
///
///     {"kind": "user", "name": "ada", "roles": ["producer"], "prefixes": ["sales."],
///      "salt": "...", "iterations": 4096, "stored_key": "...", "server_key": "..."}
///
/// A record without roles takes the user away.
struct User: Sendable, Equatable {
    let name: String
    let roles: Set<Role>
    /// Beginnings of the names of streams that are granted; the empty one grants all that are not
    /// reserved.
    let prefixes: [String]
    let credential: ScramCredential

    init(name: String, roles: Set<Role>, prefixes: [String], credential: ScramCredential) {
        self.name = name
        self.roles = roles
        self.prefixes = prefixes
        self.credential = credential
    }

    /// Reads a record of the catalog; nil when it is not about a user, or takes one away.
    init?(_ json: JSON) {
        func bytes(_ field: String) -> [UInt8]? {
            json[field]?.stringValue.flatMap { Base64.decode($0) }
        }
        guard let name = json["name"]?.stringValue,
            let roles = json["roles"]?.arrayValue, !roles.isEmpty,
            let salt = bytes("salt"), let iterations = json["iterations"]?.integerValue,
            let storedKey = bytes("stored_key"), let serverKey = bytes("server_key")
        else { return nil }
        self.name = name
        self.roles = Set(roles.compactMap { $0.stringValue.flatMap(Role.init) })
        prefixes = (json["prefixes"]?.arrayValue ?? []).compactMap(\.stringValue)
        credential = ScramCredential(
            salt: salt, iterations: Int(iterations), storedKey: storedKey, serverKey: serverKey)
    }

    /// The record that makes the user known.
    func record(time: Int64) -> Record {
        let json: JSON = .object([
            .init("kind", "user"), .init("name", .string(name)),
            .init("roles", .array(roles.map(\.rawValue).sorted().map { .string($0) })),
            .init("prefixes", .array(prefixes.map { .string($0) })),
            .init("salt", .string(Base64.encode(credential.salt))),
            .init("iterations", .integer(Int64(credential.iterations))),
            .init("stored_key", .string(Base64.encode(credential.storedKey))),
            .init("server_key", .string(Base64.encode(credential.serverKey))),
        ])
        return Self.record(name, json, time)
    }

    /// The record that takes a user away.
    static func removal(of name: String, time: Int64) -> Record {
        record(
            name,
            .object([
                .init("kind", "user"), .init("name", .string(name)), .init("roles", .array([])),
            ]), time)
    }

    private static func record(_ name: String, _ json: JSON, _ time: Int64) -> Record {
        Record(key: Array("user/\(name)".utf8), value: Array(json.text.utf8), timestamp: time)
    }
}

/// Who sends a request, and what that one may do.
struct Principal: Sendable {
    /// Nil: anyone, at a node without users.
    private let user: User?

    /// At a node without users.
    static let anyone = Principal(user: nil)

    init(_ user: User) { self.init(user: user) }

    private init(user: User?) { self.user = user }

    private func has(_ roles: Role...) -> Bool {
        user.map { user in roles.contains { user.roles.contains($0) } } ?? true
    }

    private func isGranted(_ topic: String) -> Bool {
        guard let user else { return true }
        let isReserved = StreamName(name: topic, partition: 0).isReserved
        return user.prefixes.contains { topic.hasPrefix($0) && (!isReserved || !$0.isEmpty) }
    }

    /// Whether it may do everything that changes topics, settings and groups of others.
    var mayAdminister: Bool { has(.operator) }
    /// Whether it may be an idempotent producer.
    var mayProduce: Bool { has(.producer, .operator) }
    /// Whether it may take part in groups.
    var mayConsume: Bool { has(.scientist, .service, .auditor, .operator) }

    /// Whether it may append to a topic, and create it by doing so.
    func mayWrite(_ topic: String) -> Bool {
        has(.operator) || has(.producer) && isGranted(topic)
    }

    /// Whether it may read a topic.
    func mayRead(_ topic: String) -> Bool {
        has(.operator, .auditor) || has(.scientist, .service) && isGranted(topic)
    }

    /// Whether it may know of a topic.
    func mayDescribe(_ topic: String) -> Bool { mayWrite(topic) || mayRead(topic) }
}
