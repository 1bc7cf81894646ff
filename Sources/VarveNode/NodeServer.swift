public import VarveFormats
import VarveLog
import VarveSystem

/// A node's listeners: the protocols of Kafka and Redis, and HTTP, at ports that other commands find through the
/// data directory's lock.
public final class NodeServer: Sendable {
    private let node: Node
    private let kafka: KafkaServer
    private let http: HTTPServer
    private let resp: RESPServer
    private let host: String
    private let localHost: String

    /// Starts to listen.
    /// - Parameter report: told what went wrong with connections.
    /// - Throws: `NodeError.badRequest` for an address that is not loopback, unless there are users;
    ///   `SystemError` when a port is taken.
    public init(
        _ node: Node, _ options: NodeOptions, report: @escaping @Sendable (String) -> Void
    ) throws {
        guard try Self.isLoopback(options.host) || UserTable(node.log).isProtected else {
            throw NodeError.badRequest(
                "host is \(options.host), expected a loopback address: no credentials are"
                    + " configured, so nobody outside this machine may connect; PUT /v1/users/NAME"
                    + " makes a user")
        }
        self.node = node
        host = options.host
        var kafkaOptions = KafkaServer.Options()
        kafkaOptions.host = options.host
        kafkaOptions.port = options.kafkaPort
        kafkaOptions.createsTopics = options.createsStreams
        kafkaOptions.groupsDirectory = "\(options.directory)/groups"
        kafka = try Self.listening("Kafka", "--kafka-port", options.kafkaPort) {
            try KafkaServer(log: node.log, options: kafkaOptions, gate: node.gate, report: report)
        }
        var httpOptions = HTTPServer.Options()
        // HTTP and the Redis protocol know no users: they stay on this machine.
        let localHost = Self.isLoopback(options.host) ? options.host : "127.0.0.1"
        httpOptions.host = localHost
        self.localHost = localHost
        httpOptions.port = options.httpPort
        let api = NodeAPI(node)
        var respOptions = RESPServer.Options()
        respOptions.host = localHost
        respOptions.port = options.respPort
        do {
            http = try Self.listening("HTTP", "--http-port", options.httpPort) {
                try HTTPServer(options: httpOptions, report: report) { api.respond($0) }
            }
        } catch {
            kafka.stop()
            throw error
        }
        do {
            resp = try Self.listening("the Redis protocol", "--resp-port", options.respPort) {
                try RESPServer(node: node, options: respOptions, report: report)
            }
        } catch {
            http.stop()
            kafka.stop()
            throw error
        }
        do {
            try node.log.publish(address: address.text)
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

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
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
        resp.stop()
        http.stop()
        kafka.stop()
    }
}
