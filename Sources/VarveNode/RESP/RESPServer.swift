import VarveProjections
import VarveSystem

/// Serves online features to Redis clients at one port, read-only: a view or service is a keyspace,
/// an entity a hash, a feature a field. Requests are answered on the loop's own thread, straight
/// from the store.
///
/// Keys, see `RESPKey`: `airport_traffic:EWR`, `trips:EWR|UA`, `arrival_delay:{"origin":"EWR"}`.
/// Values are read at T = now, in RESP2 and RESP3 alike as texts: numbers as decimals, booleans as
/// `true` and `false`, times in RFC 3339, null and whatever has no value as nil.
public final class RESPServer: Sendable {
    /// How the server is run.
    public struct Options: Sendable {
        /// The address to listen at.
        public var host = "127.0.0.1"
        /// The port to listen at; 0 lets the kernel choose.
        public var port: UInt16 = 0
        /// What one connection may keep in memory.
        public var limits = ConnectionLimits()
        /// How long `stop` waits for answers.
        public var grace = Duration.seconds(5)

        /// The defaults.
        public init() {}
    }

    private let loop: EventLoop
    private let listening: Listening
    private let grace: Duration

    /// Starts to serve.
    /// - Parameters:
    ///   - access: whom it answers.
    ///   - report: told what went wrong with connections.
    /// - Throws: `EADDRINUSE` when another process has the port.
    init(
        node: Node, options: Options, access: AccessControl,
        report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        let loop = try EventLoop(name: "resp", report: report)
        do {
            listening = try loop.listen(
                host: options.host, port: options.port, limits: options.limits
            ) { _ in RESPService(node, access) }
        } catch {
            loop.stop(grace: .zero)
            throw error
        }
        self.loop = loop
        grace = options.grace
    }

    /// Where it listens.
    public var port: UInt16 { listening.port }

    /// Adds what is known here to a node's metrics.
    func report(to metrics: NodeMetrics) { metrics.watch("redis", listening) }

    /// Accepts nothing more, answers what was accepted, and closes everything.
    public func stop() { loop.stop(grace: grace) }
}

/// RESP on the loop's thread.
private final class RESPService: ConnectionService {
    private let node: Node
    private let access: AccessControl
    private var connections: Int64 = 0

    init(_ node: Node, _ access: AccessControl) {
        self.node = node
        self.access = access
    }

    func handler(for connection: Connection) -> any ConnectionHandler {
        connections += 1
        return RESPSession(RESPCommands(node, access, client: connections))
    }

    func woken() {}
    func stopping() {}
}
