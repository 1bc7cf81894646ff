public import VarveFormats
import VarveLog
import VarveSystem

/// A node's listeners: the Kafka protocol and HTTP, at ports that other commands find through the
/// data directory's lock.
public final class NodeServer: Sendable {
    private let node: Node
    private let kafka: KafkaServer
    private let http: HTTPServer
    private let host: String
    private let httpHost: String

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
        kafka = try KafkaServer(
            log: node.log, options: kafkaOptions, gate: node.gate, report: report)
        var httpOptions = HTTPServer.Options()
        // HTTP knows no users: it stays on this machine.
        let httpHost = Self.isLoopback(options.host) ? options.host : "127.0.0.1"
        httpOptions.host = httpHost
        self.httpHost = httpHost
        httpOptions.port = options.httpPort
        let api = NodeAPI(node)
        do {
            http = try HTTPServer(options: httpOptions, report: report) { api.respond($0) }
        } catch {
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

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Where the listeners are: `{"kafka": "127.0.0.1:9092", "http": "127.0.0.1:8080"}`.
    public var address: JSON {
        [
            "kafka": .string("\(host):\(kafka.port)"), "http": .string("\(httpHost):\(http.port)"),
        ]
    }

    /// Answers what was accepted, and closes the listeners; the node is closed after it.
    public func stop() {
        http.stop()
        kafka.stop()
    }
}
