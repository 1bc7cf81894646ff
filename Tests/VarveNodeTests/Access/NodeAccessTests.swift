import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem
import VarveTestSupport

@testable import VarveNode

/// A node with its listeners, spoken to through sockets.
private final class ServedNode {
    let root: TemporaryDirectory
    let node: Node
    let server: NodeServer
    let http: HTTPClient

    /// - Parameter users: names and roles; passwords are `password-NAME`.
    init(users: [(String, Set<Role>)] = [], createsStreams: Bool = true) throws {
        root = try TemporaryDirectory()
        var options = Self.options(root)
        options.createsStreams = createsStreams
        node = try Node(options)
        for (name, roles) in users {
            try node.setUser(
                name, password: "password-\(name)", roles: roles, prefixes: ["sales."])
        }
        server = try NodeServer(node, options) { _ in }
        http = try HTTPClient(address: "http://\(server.address["http"]?.stringValue ?? "")")
    }

    deinit {
        server.stop()
        try? node.close()
    }

    static func options(_ root: TemporaryDirectory) -> NodeOptions {
        var options = NodeOptions(directory: root.path)
        options.log.reserveBytes = 64 << 10
        (options.kafkaPort, options.httpPort, options.respPort) = (0, 0, 0)
        return options
    }

    var token: String { NodeToken.read(root.path) ?? "" }

    func status(
        _ method: String, _ path: String, _ authorization: String?, _ body: String = ""
    ) throws -> Int {
        let headers: HTTPHeaders = authorization.map { ["Authorization": $0] } ?? [:]
        return try http.send(method, path, headers: headers, body: Array(body.utf8))
            .status.rawValue
    }

    /// The first lines of the answers to some inline commands.
    func redis(_ commands: String...) throws -> [String] {
        let port = (server.address["resp"]?.stringValue ?? "").split(separator: ":").last
        let socket = try Socket.connect(
            host: "127.0.0.1", port: UInt16(port ?? "") ?? 0, timeout: .seconds(20))
        _ = try socket.write(Array((commands + ["QUIT"]).map { $0 + "\r\n" }.joined().utf8).raw)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case .bytes(let count) = try socket.read(into: &buffer, from: 0) {
            text += buffer.prefix(count)
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\r\n").map(String.init)
    }

    func producer(_ credentials: KafkaProducer.Credentials?) throws -> KafkaProducer {
        let port = (server.address["kafka"]?.stringValue ?? "").split(separator: ":").last
        var options = KafkaProducer.Options()
        options.credentials = credentials
        options.attempts = 0
        return try KafkaProducer(
            host: "127.0.0.1", port: UInt16(port ?? "") ?? 0, options: options)
    }
}

private func basic(_ name: String, _ password: String? = nil) -> String {
    "Basic " + Base64.encode(Array("\(name):\(password ?? "password-\(name)")".utf8))
}

@Suite struct NodeAccessTests {
    @Test func `without users everybody on this machine may do everything`() throws {
        let served = try ServedNode()
        #expect(try served.status("GET", "/v1/users", nil) == 200)
        #expect(try served.redis("PING", "AUTH a b").first == "+PONG")
        #expect(try served.producer(nil).partitions(of: "any") == [0])
    }

    @Test func `HTTP asks for a password once there is a user`() throws {
        let served = try ServedNode(users: [("boss", [.operator]), ("ada", [.producer])])
        #expect(try served.status("GET", "/health", nil) == 200)
        let stranger = try served.http.send("GET", "/v1/status")
        #expect(stranger.status.rawValue == 401)
        #expect(stranger.headers["WWW-Authenticate"]?.hasPrefix("Basic") == true)
        for wrong in [
            basic("boss", "password"), basic("nobody"), "Basic ???", "Basic", "Bearer x",
            basic(NodeToken.user, ""),
        ] {
            #expect(try served.status("GET", "/v1/status", wrong) == 401, "\(wrong)")
        }
        // Twice: the second time the password is known.
        for _ in 0..<2 { #expect(try served.status("GET", "/v1/users", basic("boss")) == 200) }
        #expect(try served.status("GET", "/v1/users", "Bearer \(served.token)") == 200)
        #expect(try served.status("GET", "/v1/users", basic("ada")) == 403)
        let records = "/v1/streams/sales.x/records"
        #expect(try served.status("POST", records, basic("ada"), "{}") == 200)
        #expect(
            try served.status("POST", "/v1/streams/other/records", basic("ada"), "{}") == 403)
        #expect(try served.status("POST", "/v1/definitions", basic("ada"), "{}") == 403)
        // A new password makes the old one wrong, although it was proved before.
        try served.node.setUser("boss", password: "another-one", roles: nil, prefixes: nil)
        #expect(try served.status("GET", "/v1/users", basic("boss")) == 401)
        #expect(try served.status("GET", "/v1/users", basic("boss", "another-one")) == 200)
        try served.node.removeUser("boss")
        #expect(try served.status("GET", "/v1/users", basic("boss", "another-one")) == 401)
    }

    @Test func `the Redis protocol asks for a password once there is a user`() throws {
        let served = try ServedNode(users: [("web", [.service]), ("ada", [.producer])])
        #expect(
            try served.redis("PING", "HGET a b", "INFO")
                == Array(repeating: "-NOAUTH Authentication required.", count: 3) + ["+OK"])
        let lines = try served.redis(
            "AUTH web wrong", "AUTH web password-web", "PING", "RESET", "PING")
        #expect(
            lines == [
                "-WRONGPASS invalid username-password pair or user is disabled.", "+OK", "+PONG",
                "+RESET", "-NOAUTH Authentication required.", "+OK",
            ])
        #expect(try served.redis("HELLO 3").first?.hasPrefix("-NOAUTH") == true)
        #expect(try served.redis("HELLO 3 AUTH web password-web").first == "%7")
        #expect(try served.redis("AUTH ada password-ada").first?.hasPrefix("-NOPERM") == true)
    }

    @Test func `the node's token opens Kafka, a stranger's producer is refused`() throws {
        let served = try ServedNode(users: [("ada", [.producer])])
        let owner = try served.producer(.init(user: NodeToken.user, password: served.token))
        #expect(try owner.partitions(of: "other") == [0])
        let ada = try served.producer(.init(user: "ada", password: "password-ada"))
        #expect(try ada.partitions(of: "sales.y") == [0])
        #expect(throws: KafkaClientError.self) { try ada.partitions(of: "elsewhere") }
        #expect(throws: KafkaClientError.self) { try served.producer(nil) }
        #expect(throws: KafkaClientError.self) {
            try served.producer(.init(user: NodeToken.user, password: "token"))
        }
    }

    @Test func `addresses that others reach need users, however they are spelled`() throws {
        let root = try TemporaryDirectory()
        var options = ServedNode.options(root)
        let node = try Node(options)
        defer { try? node.close() }
        for host in ["0.0.0.0", "0", "::", "0x0"] {
            options.host = host
            #expect(throws: NodeError.self, "\(host)") { try NodeServer(node, options) { _ in } }
        }
        for host in ["127.1", "0x7f000001", "127.0.0.1"] {
            options.host = host
            let server = try NodeServer(node, options) { _ in }
            #expect(server.address["kafka"]?.stringValue?.hasPrefix("127.0.0.1:") == true)
            server.stop()
        }
        try node.setUser("boss", password: "password", roles: [.operator], prefixes: [])
        options.host = "0.0.0.0"
        #expect(throws: NodeError.self, "nowhere to send clients to") {
            try NodeServer(node, options) { _ in }
        }
        options.advertisedHost = "127.0.0.1"
        let server = try NodeServer(node, options) { _ in }
        #expect(server.address["http"]?.stringValue?.hasPrefix("127.0.0.1:") == true)
        server.stop()
    }

    @Test func `users need a name, a role and a password that is long enough`() throws {
        let served = try ServedNode(users: [("boss", [.operator])])
        let boss = basic("boss")
        for body in [
            "{}", #"{"password":"long enough"}"#, #"{"roles":["operator"]}"#,
            #"{"password":"short","roles":["operator"]}"#,
            #"{"password":"long enough","roles":["king"]}"#,
        ] {
            let status = try served.status("PUT", "/v1/users/eve", boss, body)
            #expect([400, 404].contains(status), "\(body)")
        }
        let body = #"{"password":"long enough","roles":["auditor"]}"#
        #expect(try served.status("PUT", "/v1/users/\(NodeToken.user)", boss, body) == 400)
        #expect(try served.status("PUT", "/v1/users/eve", boss, body) == 200)
        #expect(try served.status("PUT", "/v1/users/eve", boss, #"{"prefixes":["a."]}"#) == 200)
        #expect(try served.status("GET", "/v1/status", basic("eve", "long enough")) == 200)
        let catalog = try served.http.send("GET", "/v1/users", headers: ["Authorization": boss])
        let text = String(decoding: catalog.body, as: UTF8.self)
        #expect(text.contains("a.") && !text.contains("stored_key"))
    }

    @Test func `streams appended to over HTTP obey the rules of topics`() throws {
        let served = try ServedNode(createsStreams: false)
        for name in ["a%20b", "..%2Fx", "a%2Fb", "%C3%A4", String(repeating: "n", count: 250)] {
            #expect(try served.status("POST", "/v1/streams/\(name)/records", nil, "{}") == 400)
        }
        #expect(try served.status("POST", "/v1/streams/varve.catalog/records", nil, "{}") == 422)
        #expect(try served.status("POST", "/v1/streams/new/records", nil, "{}") == 404)
        #expect(throws: KafkaClientError.self) { try served.producer(nil).partitions(of: "new") }
        _ = try served.node.log.createStreams([StreamName(name: "new", partition: 0)])
        #expect(try served.status("POST", "/v1/streams/new/records", nil, "{}") == 200)
    }
}
