import VarveBytes

/// What a server keeps of a password for SCRAM-SHA-256: enough to check a proof, too little to
/// make one. Source: RFC 5802, section 3.
public struct ScramCredential: Sendable, Equatable {
    public var salt: [UInt8]
    public var iterations: Int
    /// The digest of the client's key.
    public var storedKey: [UInt8]
    public var serverKey: [UInt8]

    /// The iterations of new credentials; the least that RFC 7677 allows.
    public static let iterations = 4096

    /// A credential with every field.
    public init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// The credential of a password.
    /// - Parameter salt: random bytes.
    public init(password: String, salt: [UInt8], iterations: Int = Self.iterations) {
        let salted = HMACSHA256(
            key: HMACSHA256.derive(
                password: Array(password.utf8), salt: salt, iterations: iterations))
        let clientKey = salted.code(of: Array("Client Key".utf8))
        self.init(
            salt: salt, iterations: iterations,
            storedKey: SHA256.digest(clientKey.raw).bytes,
            serverKey: salted.code(of: Array("Server Key".utf8)))
    }

    /// Whether the password is the one the credential was made of.
    public func matches(password: String) -> Bool {
        ScramCredential(password: password, salt: salt, iterations: iterations)
            .storedKey.equalsInConstantTime(storedKey)
    }
}

/// The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding:
///
///     client first   n,,n=USER,r=NONCE
///     server first   r=NONCE+MORE,s=SALT,i=ITERATIONS
///     client final   c=biws,r=NONCE+MORE,p=PROOF
///     server final   v=SIGNATURE
public struct ScramExchange: Sendable {
    /// The user who wants to be known.
    public let user: String
    /// The first answer.
    public let serverFirst: [UInt8]
    private let clientFirstBare: String
    private let nonce: String
    private let credential: ScramCredential
    /// What the client said of channel binding.
    private let header: String

    /// Takes the client's first message.
    /// - Parameters:
    ///   - serverNonce: printable text that was never used before.
    ///   - credential: of a user; of one that does not exist a made-up one, so that the answer
    ///     does not tell.
    /// - Returns: nil when the message is malformed, or wants channel binding.
    public init?(
        clientFirst: [UInt8], serverNonce: String, credential: (String) -> ScramCredential
    ) {
        guard let text = clientFirst.raw.text() else { return nil }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "n" || parts[0] == "y", parts[2].hasPrefix("n="),
            parts[3].hasPrefix("r="), parts[3].utf8.count > 2,
            let user = Self.unescaped(parts[2].dropFirst(2))
        else { return nil }
        self.user = user
        nonce = String(parts[3].dropFirst(2)) + serverNonce
        clientFirstBare = parts[2...].joined(separator: ",")
        self.credential = credential(user)
        let first =
            "r=\(nonce),s=\(Base64.encode(self.credential.salt)),i=\(self.credential.iterations)"
        serverFirst = Array(first.utf8)
        header = "\(parts[0]),\(parts[1]),"
    }

    /// Takes the client's last message.
    /// - Returns: the last answer; nil when the proof is wrong.
    public func finish(clientFinal: [UInt8]) -> [UInt8]? {
        guard let text = clientFinal.raw.text() else { return nil }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count >= 3, let last = parts.last, last.hasPrefix("p="),
            parts[0] == "c=\(Base64.encode(Array(header.utf8)))", parts[1] == "r=\(nonce)",
            let proof = Base64.decode(String(last.dropFirst(2))), proof.count == 32
        else { return nil }
        let message =
            clientFirstBare + "," + String(decoding: serverFirst, as: UTF8.self) + ","
            + parts.dropLast().joined(separator: ",")
        let signature = HMACSHA256(key: credential.storedKey).code(of: Array(message.utf8))
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        guard SHA256.digest(clientKey.raw).bytes.equalsInConstantTime(credential.storedKey) else {
            return nil
        }
        let mine = HMACSHA256(key: credential.serverKey).code(of: Array(message.utf8))
        return Array("v=\(Base64.encode(mine))".utf8)
    }

    /// Names carry commas and equals signs as =2C and =3D.
    private static func unescaped(_ name: Substring) -> String? {
        var found = ""
        var rest = name
        while let next = rest.first {
            if next != "=" {
                found.append(next)
                rest = rest.dropFirst()
            } else if rest.hasPrefix("=2C") || rest.hasPrefix("=3D") {
                found.append(rest.hasPrefix("=2C") ? "," : "=")
                rest = rest.dropFirst(3)
            } else {
                return nil
            }
        }
        return found.isEmpty ? nil : found
    }
}

/// SASL PLAIN (RFC 4616): an identity to act as, a user and a password, separated by zeros.
public enum PlainToken {
    /// The user and password; nil when the bytes are no such token.
    public static func read(_ token: [UInt8]) -> (user: String, password: String)? {
        let parts = token.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3, let user = Array(parts[1]).raw.text(),
            let password = Array(parts[2]).raw.text(), !user.isEmpty, !password.isEmpty,
            parts[0].isEmpty || parts[0] == parts[1]
        else { return nil }
        return (user, password)
    }
}
