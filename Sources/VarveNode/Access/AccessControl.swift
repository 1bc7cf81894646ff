import VarveBytes
import VarveProtocols
import VarveSystem

/// Who is on the other side of HTTP and of the Redis protocol: the users that Kafka clients are,
/// and whoever can read the node's token, which lies beside the log for the command line of the
/// same user of the machine.
final class AccessControl: Sendable {
    /// A password that was proved, so that the next request need not derive its keys again.
    private struct Proof {
        let credential: ScramCredential
        let code: [UInt8]
    }

    private let users: @Sendable () -> UserTable
    private let token: String
    private let secret = HMACSHA256(key: RandomSource.bytes(32))
    private let proofs = Monitor<[String: Proof]>([:])

    /// - Parameters:
    ///   - users: the users as the log has them now.
    ///   - token: see `NodeToken`.
    init(token: String, users: @escaping @Sendable () -> UserTable) {
        self.users = users
        self.token = token
    }

    /// Whether anything has to be proved.
    var isProtected: Bool { users().isProtected }

    /// The user of that name as the log has it now.
    func principal(named name: String) -> Principal? {
        name == NodeToken.user ? .anyone : users().users[name].map { Principal($0) }
    }

    /// The user whose password it is; nil when it is wrong.
    func principal(user name: String, password: String) -> Principal? {
        if name == NodeToken.user { return principal(token: password) }
        let user = users().users[name]
        let code = secret.code(of: Array(password.utf8))
        if let user, let proof = proofs.withLock({ $0[name] }), proof.credential == user.credential,
            proof.code.equalsInConstantTime(code)
        {
            return Principal(user)
        }
        // Users who do not exist cost as much, so that time does not tell.
        let credential =
            user?.credential
            ?? ScramCredential(
                salt: [], iterations: ScramCredential.iterations, storedKey: [], serverKey: [])
        guard credential.matches(password: password), let user else { return nil }
        proofs.withLock { $0[name] = Proof(credential: credential, code: code) }
        return Principal(user)
    }

    /// Everything is allowed to whoever can read the node's files.
    func principal(token: String) -> Principal? {
        Array(token.utf8).equalsInConstantTime(Array(self.token.utf8)) ? .anyone : nil
    }
}

/// A node's token: made at each start, readable by the node's own user of the machine only. It
/// lets commands in where users are asked for passwords.
public enum NodeToken {
    /// The name that goes with it where a protocol wants one. No user can have it.
    public static let user = "varve-token"

    /// Where it lies, within the data directory.
    static func path(_ directory: String) -> String { "\(directory)/token" }

    /// Makes one.
    static func make(_ directory: String) throws(SystemError) -> String {
        let token = RandomSource.bytes(32).hex
        try PosixFileSystem().writeSecret(Array(token.utf8), to: path(directory))
        return token
    }

    /// The token of the node that has a directory open; nil when it cannot be read.
    public static func read(_ directory: String) -> String? {
        (try? PosixFileSystem().contents(of: path(directory))).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
