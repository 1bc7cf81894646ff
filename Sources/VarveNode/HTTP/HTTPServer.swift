public import VarveProtocols
public import VarveSystem

/// Serves HTTP/1.1 at one port. Requests are answered by a handler on a few worker threads, which
/// may wait for the disk; answers leave in the order of the requests of each connection.
public final class HTTPServer: Sendable {
    /// Answers a request, on a worker thread.
    public typealias Handler = @Sendable (HTTPRequest) -> HTTPResponse

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
        do {
            listening = try loop.listen(
                host: options.host, port: options.port, limits: options.limits
            ) { _ in HTTPService(pool: pool, bodyLimit: options.bodyBytes, handler: handler) }
        } catch {
            loop.stop(grace: .zero)
            pool.stop()
            throw error
        }
        self.loop = loop
        self.pool = pool
        grace = options.grace
    }

    /// Where it listens.
    public var port: UInt16 { listening.port }

    /// Adds what is known here to a node's metrics.
    func report(to metrics: NodeMetrics) { metrics.watch("http", listening) }

    /// Accepts nothing more, answers what was accepted, and closes everything.
    public func stop() {
        loop.stop(grace: grace)
        pool.stop()
    }
}

/// HTTP on the loop's thread.
private final class HTTPService: ConnectionService {
    private let pool: WorkerPool
    private let bodyLimit: Int
    private let handler: HTTPServer.Handler

    init(pool: WorkerPool, bodyLimit: Int, handler: @escaping HTTPServer.Handler) {
        self.pool = pool
        self.bodyLimit = bodyLimit
        self.handler = handler
    }

    func handler(for connection: Connection) -> any ConnectionHandler {
        HTTPSession(pool: pool, bodyLimit: bodyLimit, handler: handler)
    }

    func woken() {}
    func stopping() {}
}

/// One connection's HTTP.
private final class HTTPSession: ConnectionHandler {
    private let pool: WorkerPool
    private let handler: HTTPServer.Handler
    private var parser: HTTPRequestParser

    init(pool: WorkerPool, bodyLimit: Int, handler: @escaping HTTPServer.Handler) {
        self.pool = pool
        self.handler = handler
        parser = HTTPRequestParser(bodyLimit: bodyLimit)
    }

    func receive(_ bytes: RawSpan, on connection: Connection) -> Int {
        var offset = 0
        while connection.acceptsRequests {
            do {
                let rest = bytes.extracting(offset..<bytes.byteCount)
                let (consumed, request) = try parser.consume(rest)
                offset += consumed
                guard let request else {
                    if parser.takeContinue() { connection.answer(HTTPResponse.continueBytes) }
                    return offset
                }
                take(request, connection)
            } catch {
                let response = HTTPResponse(status: error.status, text: "\(error)\n")
                connection.answer(response.encoded(isHead: false, keepsAlive: false))
                connection.closeAfterAnswers()
                return bytes.byteCount
            }
        }
        return offset
    }

    private func take(_ request: HTTPRequest, _ connection: Connection) {
        let promised = connection.promise(cost: request.body.count + 1024)
        let isHead = request.method == "HEAD"
        let isAccepted = pool.submit { [handler] in
            let response = handler(request)
            promised.fulfil(response.encoded(isHead: isHead, keepsAlive: request.keepsAlive))
        }
        if !isAccepted {
            let response = HTTPResponse(
                status: .serviceUnavailable,
                text: "too many requests wait to be answered; try again\n")
            connection.fulfil(
                promised, response.encoded(isHead: isHead, keepsAlive: request.keepsAlive))
        }
        if !request.keepsAlive { connection.closeAfterAnswers() }
    }

    func closed() {}
}
