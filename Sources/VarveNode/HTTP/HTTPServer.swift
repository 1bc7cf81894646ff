import Synchronization
public import VarveProtocols
public import VarveSystem

/// Serves HTTP/1.1 at one port. Requests are answered by a handler on a few worker threads, which
/// may wait for the disk; answers leave in the order of the requests of each connection.
public final class HTTPServer: Sendable {
    /// Answers a request, on a worker thread.
    public typealias Handler = @Sendable (HTTPRequest, HTTPPeer) -> HTTPResponse

    /// How the server is run.
    public struct Options: Sendable {
        /// The address to listen at.
        public var host = "127.0.0.1"
        /// The port to listen at; 0 lets the kernel choose.
        public var port: UInt16 = 0
        /// Worker threads: handlers mostly wait for the disk.
        public var workers = 8
        /// Requests that wait for a worker; further ones are answered with 503.
        public var waitingRequests = 256
        /// A request's body, bytes.
        public var bodyBytes = HTTPLimits.requestBodyBytes
        /// What one connection may keep in memory. A few requests are enough to keep it busy.
        public var limits: ConnectionLimits
        /// How long `stop` waits for answers.
        public var grace = Duration.seconds(5)

        /// The defaults.
        public init() {
            limits = ConnectionLimits()
            limits.promises = 32
            // Bodies are as large as models are, answers as large as training sets.
            limits.loopRequestBytes = 512 << 20
            limits.loopOutputBytes = 1 << 30
            limits.impatientTime = .seconds(10)
        }
    }

    private let loop: EventLoop
    private let pool: WorkerPool
    private let readers: WorkerPool
    private let listening: Listening
    private let grace: Duration

    /// Starts to serve.
    /// - Parameter report: told what went wrong with connections.
    /// - Throws: `EADDRINUSE` when another process has the port.
    public init(
        options: Options, report: @escaping @Sendable (String) -> Void,
        handler: @escaping Handler
    ) throws(SystemError) {
        let loop = try EventLoop(name: "http", report: report)
        let pool = WorkerPool(
            name: "http", threads: options.workers, limit: options.waitingRequests)
        // Bodies in pieces do not wait for requests. Each connection asks for one piece at most.
        let readers = WorkerPool(
            name: "bodies", threads: 2, limit: 2 * options.limits.connections)
        do {
            listening = try loop.listen(
                host: options.host, port: options.port, limits: options.limits
            ) { _ in
                HTTPService(
                    workers: HTTPWorkers(answers: pool, bodies: readers, handler: handler),
                    bodyLimit: options.bodyBytes)
            }
        } catch {
            loop.stop(grace: .zero)
            pool.stop()
            readers.stop()
            throw error
        }
        self.loop = loop
        self.pool = pool
        self.readers = readers
        grace = options.grace
    }

    /// Where it listens.
    public var port: UInt16 { listening.port }

    /// Bytes of answers in memory that clients have not taken.
    var heldAnswerBytes: Int { listening.heldAnswerBytes.load(ordering: .relaxed) }

    /// Adds what is known here to a node's metrics.
    func report(to metrics: NodeMetrics) { metrics.watch("http", listening) }

    /// Accepts nothing more, answers what was accepted, and closes everything.
    public func stop() {
        loop.stop(grace: grace)
        pool.stop()
        readers.stop()
    }
}
