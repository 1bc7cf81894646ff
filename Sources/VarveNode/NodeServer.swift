public import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

/// A node's listeners: the protocols of Kafka and Redis, and HTTP, at ports that other commands
/// find through the data directory's lock.
public final class NodeServer: Sendable {
    private let node: Node
    private let kafka: KafkaServer
    private let http: HTTPServer
    private let resp: RESPServer
    private let retention: RetentionKeeper
    private let memory: MemoryKeeper
    private let runs: RunKeeper
    private let host: String
    private let localHost: String

    /// Starts to listen.
    /// - Parameter report: told what went wrong with connections.
    /// - Throws: `NodeError.badRequest` for an address that is not loopback, unless there are
    ///   users; `SystemError` when a port is taken.
    public init(
        _ node: Node, _ options: NodeOptions, report: @escaping @Sendable (String) -> Void
    ) throws {
        let address = try HostAddress(resolving: options.host)
        try Self.check(address, options, node)
        self.node = node
        host = address.text
        let token = try NodeToken.make(options.directory)
        var kafkaOptions = KafkaServer.Options()
        // What was looked up is what is listened at: a name may stand for another address later.
        kafkaOptions.host = address.text
        kafkaOptions.advertisedHost = options.advertisedHost ?? options.host
        kafkaOptions.token = token
        kafkaOptions.catalog = node.topics
        kafkaOptions.port = options.kafkaPort
        kafkaOptions.createsTopics = options.createsStreams
        kafkaOptions.groupsDirectory = "\(options.directory)/groups"
        let kafka = try Self.listening("Kafka", "--kafka-port", options.kafkaPort) {
            try KafkaServer(log: node.log, options: kafkaOptions, gate: node.gate, report: report)
        }
        self.kafka = kafka
        let access = AccessControl(token: token) { kafka.users() }
        var httpOptions = HTTPServer.Options()
        // HTTP and the Redis protocol carry passwords in clear: they stay on this machine.
        let localHost = address.isLoopback ? address.text : "127.0.0.1"
        httpOptions.host = localHost
        self.localHost = localHost
        httpOptions.port = options.httpPort
        let api = NodeAPI(node)
        var respOptions = RESPServer.Options()
        respOptions.host = localHost
        respOptions.port = options.respPort
        do {
            http = try Self.listening("HTTP", "--http-port", options.httpPort) {
                try HTTPServer(options: httpOptions, report: report) {
                    request, peer in
                    node.metrics.counting(request) {
                        access.refusal($0) ?? api.respond($0, peer)
                    }
                }
            }
        } catch {
            kafka.stop()
            throw error
        }
        do {
            resp = try Self.listening("the Redis protocol", "--resp-port", options.respPort) {
                try RESPServer(
                    node: node, options: respOptions, access: access, report: report)
            }
        } catch {
            http.stop()
            kafka.stop()
            throw error
        }
        memory = MemoryKeeper(node.online)
        retention = RetentionKeeper(node, every: options.retentionEvery, report: report)
        runs = RunKeeper(node, every: options.optimizeEvery, report: report)
        kafka.report(to: node.metrics)
        http.report(to: node.metrics)
        resp.report(to: node.metrics)
        do {
            try node.log.publish(address: self.address.text)
        } catch {
            stop()
            throw error
        }
    }

    /// Starts one listener; a port that is taken is named with the option that chooses another.
    private static func listening<Server>(
        _ protocolName: String, _ option: String, _ port: UInt16, _ start: () throws -> Server
    ) throws -> Server {
        do {
            return try start()
        } catch let error as SystemError where error.isAddressInUse {
            throw NodeError.conflict(
                "port \(port) for \(protocolName) is in use by another process; choose another with"
                    + " \(option), 0 picks a free one")
        }
    }

    /// Whether an address may be listened at.
    private static func check(
        _ address: HostAddress, _ options: NodeOptions, _ node: Node
    ) throws {
        if address.isLoopback { return }
        let name =
            options.host + (address.text == options.host ? "" : ", which is \(address.text)")
        guard try UserTable(node.log).isProtected else {
            throw NodeError.badRequest(
                "host is \(name), expected a loopback address: no credentials are configured, so"
                    + " nobody outside this machine may connect; varve user add makes a user")
        }
        guard !address.isWildcard || options.advertisedHost != nil else {
            throw NodeError.badRequest(
                "host is \(name), all addresses: name the one that clients are to connect to with"
                    + " --advertise")
        }
    }

    /// Where the listeners are: `{"kafka": "127.0.0.1:9092", "http": "127.0.0.1:8080", "resp":
    /// "127.0.0.1:6379"}`.
    public var address: JSON {
        [
            "kafka": .string("\(host):\(kafka.port)"),
            "http": .string("\(localHost):\(http.port)"),
            "resp": .string("\(localHost):\(resp.port)"),
        ]
    }

    /// Answers what was accepted, and closes the listeners; the node is closed after it.
    public func stop() {
        retention.stop()
        memory.stop()
        runs.stop()
        resp.stop()
        http.stop()
        kafka.stop()
    }
}
