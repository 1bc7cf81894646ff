import VarveBytes
import VarveProtocols
import VarveSystem

/// Where a connection stands in proving who is on its other side.
///
///     stranger -- SaslHandshake --> chosen -- SaslAuthenticate, once or twice --> user
///                                     |
///                                     +-- wrong: answered, and closed
struct Authentication {
    enum Phase {
        case stranger
        case plain
        case scram
        /// Its first message was answered.
        case proving(ScramExchange)
        case user(String)
    }

    var phase = Phase.stranger

    static let plain = "PLAIN"
    static let scram = "SCRAM-SHA-256"
}

extension KafkaSession {
    /// Whether nothing but the handshake is taken.
    var isStranger: Bool { principal() == nil }

    /// Who sends; nil before that is proved, at a node that has users.
    func principal() -> Principal? {
        let table = broker.catalog.users(broker.report)
        guard table.isProtected else { return .anyone }
        guard case .user(let name) = authentication.phase else { return nil }
        // Somebody who was taken away is a stranger again.
        return table.users[name].map { Principal($0) }
    }

    /// There is no TLS: a password in clear is taken from this machine only.
    private func mechanisms(_ connection: Connection) -> [String] {
        connection.isLoopback
            ? [Authentication.scram, Authentication.plain] : [Authentication.scram]
    }

    func shakeHands(
        _ request: SaslHandshakeRequest, _ header: RequestHeader, on connection: Connection
    ) {
        let offered = mechanisms(connection)
        var error = KafkaErrorCode.none
        if header.version == 0 {
            // After it, tokens would come without frames.
            error = .illegalSaslState
        } else if !offered.contains(request.mechanism) {
            error = .unsupportedSaslMechanism
        } else {
            authentication.phase = request.mechanism == Authentication.plain ? .plain : .scram
        }
        answer(header, SaslHandshakeResponse(error: error, mechanisms: offered), connection)
        if error != .none { connection.closeAfterAnswers() }
    }

    func authenticate(
        _ request: SaslAuthenticateRequest, _ header: RequestHeader, on connection: Connection
    ) {
        let users = broker.catalog.users(broker.report).users
        var reply: [UInt8]? = []
        switch authentication.phase {
        case .plain:
            let login = PlainToken.read(request.token)
            let credential = login.map {
                users[$0.user]?.credential ?? broker.madeUpCredential(of: $0.user)
            }
            if let login, let credential, credential.matches(password: login.password),
                users[login.user] != nil
            {
                authentication.phase = .user(login.user)
            } else {
                reply = nil
            }
        case .scram:
            let nonce = Base64.encode(RandomSource.bytes(18))
            let exchange = ScramExchange(clientFirst: request.token, serverNonce: nonce) {
                users[$0]?.credential ?? broker.madeUpCredential(of: $0)
            }
            reply = exchange?.serverFirst
            if let exchange { authentication.phase = .proving(exchange) }
        case .proving(let exchange):
            reply = exchange.finish(clientFinal: request.token)
            if users[exchange.user] == nil { reply = nil }
            if reply != nil { authentication.phase = .user(exchange.user) }
        case .stranger, .user:
            answer(
                header,
                SaslAuthenticateResponse(
                    error: .illegalSaslState, message: "SaslHandshake comes first", token: [],
                    sessionLifetimeMilliseconds: 0), connection)
            return connection.closeAfterAnswers()
        }
        guard let reply else {
            broker.report("\(connection.peer): authentication failed")
            answer(
                header,
                SaslAuthenticateResponse(
                    error: .saslAuthenticationFailed,
                    message: "user or password is wrong", token: [],
                    sessionLifetimeMilliseconds: 0), connection)
            return connection.closeAfterAnswers()
        }
        answer(
            header,
            SaslAuthenticateResponse(
                error: .none, message: nil, token: reply, sessionLifetimeMilliseconds: 0),
            connection)
    }
}

extension Connection {
    /// Whether the client is on this machine.
    var isLoopback: Bool {
        peer.hasPrefix("127.") || peer.hasPrefix("[::1]") || peer.hasPrefix("::1")
            || peer.hasPrefix("[::ffff:127.")
    }
}
