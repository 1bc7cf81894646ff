import VarveBytes
public import VarveFormats
public import VarveProtocols
public import VarveSystem

/// Why an HTTP client got no answer.
public enum HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An address that is not `http://host:port`.
    case invalidAddress(String)
    /// The server cannot be reached, or has gone.
    case connection(SystemError)
    /// The server closed the connection before it answered.
    case closed(String)
    /// The server's bytes are no HTTP.
    case malformed(String)
    /// An answer that should be JSON is not.
    case invalidJSON(JSONError)

    public var description: String {
        switch self {
        case .invalidAddress(let address): "\(address) is no address, expected http://HOST:PORT"
        case .connection(let error): "\(error)"
        case .closed(let peer): "\(peer) closed the connection without an answer"
        case .malformed(let reason): reason
        case .invalidJSON(let error): "the answer is not JSON: \(error)"
        }
    }
}

/// A blocking client for one server, which keeps its connection open. One thread uses it.
public final class HTTPClient {
    /// The server's host and port.
    public let host: String
    public let port: UInt16
    private let timeout: Duration
    private var socket: Socket?
    private var input: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: HTTPClient.readSize)

    private static let readSize = 64 << 10

    /// A client that connects when it first asks.
    /// - Parameter timeout: the longest wait for the server, each time.
    public init(host: String, port: UInt16, timeout: Duration = .seconds(60)) {
        self.host = host
        self.port = port
        self.timeout = timeout
    }

    /// A client for an address such as `http://127.0.0.1:8080`.
    public convenience init(
        address: String, timeout: Duration = .seconds(60)
    ) throws(HTTPClientError) {
        let rest = address.hasPrefix("http://") ? address.dropFirst(7) : address[...]
        let authority = rest.prefix { $0 != "/" }
        guard let colon = authority.lastIndex(of: ":"), colon > authority.startIndex,
            let port = UInt16(authority[authority.index(after: colon)...])
        else { throw .invalidAddress(address) }
        self.init(host: String(authority[..<colon]), port: port, timeout: timeout)
    }

    /// Asks, and waits for the answer, whatever its status.
    /// - Parameter target: path and query, escaped: see `String.percentEncoded`.
    public func send(
        _ method: String, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(HTTPClientError) -> HTTPResponse {
        let bytes = HTTPRequest.encoded(
            method: method, target: target, host: "\(host):\(port)", headers: headers, body: body)
        let wasConnected = socket != nil
        do {
            return try exchange(bytes, method)
        } catch {
            // A kept connection may have been closed meanwhile. Only questions are asked again: a
            // server may have done what it did not answer.
            guard wasConnected, method == "GET" || method == "HEAD" else { throw error }
            return try exchange(bytes, method)
        }
    }

    /// Asks, and hands the body of a success over as it arrives, however large it is.
    /// - Returns: the answer, which has a body only when it is no success.
    public func download(
        _ method: String, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = [],
        _ take: ([UInt8]) throws -> Void
    ) throws -> HTTPResponse {
        let bytes = HTTPRequest.encoded(
            method: method, target: target, host: "\(host):\(port)", headers: headers, body: body)
        var parser = HTTPResponseParser(isHead: method == "HEAD", bodyLimit: .max)
        do {
            let socket = try connected()
            do {
                _ = try socket.write(bytes.raw)
            } catch {
                throw HTTPClientError.connection(error)
            }
            while true {
                var outcome = try parse(socket, &parser)
                let piece: [UInt8]
                do {
                    piece = try parser.takeBody()
                } catch {
                    throw HTTPClientError.malformed("\(error)")
                }
                if !piece.isEmpty { try take(piece) }
                if outcome == nil { outcome = try read(socket, &parser) }
                guard let outcome else { continue }
                if !outcome.keepsAlive { close() }
                var response = outcome.response
                if response.status.isSuccess { response.body = [] }
                return response
            }
        } catch {
            close()
            throw error
        }
    }

    /// Asks with a JSON document, or none, for a JSON document.
    public func json(
        _ method: String, _ target: String, _ body: JSON? = nil
    ) throws(HTTPClientError) -> (status: HTTPStatus, body: JSON) {
        let response = try send(
            method, target,
            headers: body == nil
                ? ["Accept": "application/json"]
                : ["Accept": "application/json", "Content-Type": "application/json"],
            body: body.map { Array($0.text.utf8) } ?? [])
        if response.body.isEmpty { return (response.status, .null) }
        do {
            return (response.status, try JSON(parsing: response.body.raw))
        } catch {
            throw .invalidJSON(error)
        }
    }

    /// Closes the connection; the next question opens another.
    public func close() {
        socket = nil
        input = []
    }

    private func exchange(
        _ bytes: [UInt8], _ method: String
    ) throws(HTTPClientError) -> HTTPResponse {
        do throws(HTTPClientError) {
            let socket = try connected()
            do {
                _ = try socket.write(bytes.raw)
            } catch {
                throw .connection(error)
            }
            let (response, keepsAlive) = try receive(socket, isHead: method == "HEAD")
            if !keepsAlive { close() }
            return response
        } catch {
            close()
            throw error
        }
    }

    private func connected() throws(HTTPClientError) -> Socket {
        if let socket { return socket }
        do {
            let made = try Socket.connect(host: host, port: port, timeout: timeout)
            socket = made
            return made
        } catch {
            throw .connection(error)
        }
    }

    private func receive(
        _ socket: Socket, isHead: Bool
    ) throws(HTTPClientError) -> HTTPResponseParser.Outcome {
        var parser = HTTPResponseParser(isHead: isHead)
        while true {
            if let outcome = try parse(socket, &parser) { return outcome }
            if let outcome = try read(socket, &parser) { return outcome }
        }
    }

    /// Has the parser take what is there.
    private func parse(
        _ socket: Socket, _ parser: inout HTTPResponseParser
    ) throws(HTTPClientError) -> HTTPResponseParser.Outcome? {
        do throws(HTTPError) {
            let bytes = input
            let (consumed, outcome) = try parser.consume(bytes.raw)
            input.removeFirst(consumed)
            return outcome
        } catch {
            throw .malformed("\(socket.peer) does not speak HTTP: \(error)")
        }
    }

    /// Reads on; the response is whole if it ends where the connection does.
    private func read(
        _ socket: Socket, _ parser: inout HTTPResponseParser
    ) throws(HTTPClientError) -> HTTPResponseParser.Outcome? {
        let found: Socket.ReadResult
        do {
            found = try socket.read(into: &buffer, from: 0)
        } catch {
            throw .connection(error)
        }
        switch found {
        case .bytes(let count):
            input += buffer.prefix(count)
            return nil
        case .end, .wouldBlock:
            let outcome: HTTPResponseParser.Outcome?
            do {
                outcome = try parser.finish()
            } catch {
                throw .malformed("\(error)")
            }
            guard let outcome else { throw .closed(socket.peer) }
            return outcome
        }
    }
}
