import Synchronization
import VarveBytes
import VarveProtocols
import VarveSystem

/// Whoever sent a request, as its handler sees them.
public final class HTTPPeer: Sendable {
    private let isGone = Atomic(false)

    /// Somebody who is there.
    public init() {}

    /// Whether the client has closed the connection, or at least its side of it: long work for it
    /// is given up. (One that only closed its side, and waits, is rare, and not told from others.)
    public var hasGone: Bool { isGone.load(ordering: .relaxed) }

    /// Notes that it has gone.
    public func leave() { isGone.store(true, ordering: .relaxed) }
}

/// The threads that answer requests, and what they do.
struct HTTPWorkers: Sendable {
    /// Do requests.
    let answers: WorkerPool
    /// Read bodies in pieces.
    let bodies: WorkerPool
    let handler: HTTPServer.Handler

    /// Answers a request. A body in pieces is made here, and goes out meanwhile.
    func answer(_ request: HTTPRequest, _ peer: HTTPPeer, _ promised: PromisedAnswer) {
        let response = handler(request, peer)
        let isHead = request.method == "HEAD"
        guard let stream = response.stream else {
            return promised.fulfil(
                response.encoded(isHead: isHead, keepsAlive: request.keepsAlive))
        }
        let framing = HTTPFraming(stream.byteCount, for: request)
        let head = response.encodedHead(
            framing, keepsAlive: request.keepsAlive && framing != .connection)
        if isHead { return promised.fulfil(head) }
        promised.begin(
            head, HTTPBodySource(stream: stream, framing: framing, promised, bodies))
        stream.produce()
        // What a large body was made of was large, too.
        if let count = stream.byteCount, count >= SpooledBody.largeBytes { ProcessMemory.giveBack() }
    }
}

/// A body in pieces on its way to a client.
private struct HTTPBodySource: AnswerSource {
    let stream: any HTTPBodyStream
    let framing: HTTPFraming
    let promised: PromisedAnswer
    let readers: WorkerPool

    init(
        stream: any HTTPBodyStream, framing: HTTPFraming, _ promised: PromisedAnswer,
        _ readers: WorkerPool
    ) {
        self.stream = stream
        self.framing = framing
        self.promised = promised
        self.readers = readers
    }

    func askForMore() {
        let isAccepted = readers.submit { [self] in give() }
        // Only when the server stops.
        if !isAccepted { promised.breakOff() }
    }

    func cancel() { stream.cancel() }

    private func give() {
        do {
            switch try stream.next({ [self] in askForMore() }) {
            case .bytes(let piece): promised.extend(framing.framed(piece))
            case .later: break
            case .end where framing == .connection: promised.breakOff()
            case .end: promised.fulfil(framing.end)
            }
        } catch {
            // The status is gone out: that the body ends early is all that can be said.
            promised.breakOff()
        }
    }
}

/// HTTP on the loop's thread.
final class HTTPService: ConnectionService {
    private let workers: HTTPWorkers
    private let bodyLimit: Int

    init(workers: HTTPWorkers, bodyLimit: Int) {
        self.workers = workers
        self.bodyLimit = bodyLimit
    }

    func handler(for connection: Connection) -> any ConnectionHandler {
        HTTPSession(workers: workers, bodyLimit: bodyLimit)
    }

    func woken() {}
    func stopping() {}
}

/// One connection's HTTP.
private final class HTTPSession: ConnectionHandler {
    private let workers: HTTPWorkers
    private let peer = HTTPPeer()
    private var parser: HTTPRequestParser

    init(workers: HTTPWorkers, bodyLimit: Int) {
        self.workers = workers
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
        let isAccepted = workers.answers.submit { [workers, peer] in
            workers.answer(request, peer, promised)
        }
        if !isAccepted {
            let response = HTTPResponse(
                status: .serviceUnavailable,
                text: "too many requests wait to be answered; try again\n")
            connection.fulfil(
                promised, response.encoded(
                    isHead: request.method == "HEAD", keepsAlive: request.keepsAlive))
        }
        if !request.keepsAlive { connection.closeAfterAnswers() }
    }

    func ended() { peer.leave() }
    func closed() { peer.leave() }
}
