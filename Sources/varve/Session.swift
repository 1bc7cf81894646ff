import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem

/// What a command asks: the node that has the data directory open, or, when none has, the
/// directory itself, opened for as long as the command runs.
final class Session {
    /// Addresses of a running node, as it published them.
    struct Address {
        let kafka: (host: String, port: UInt16)
        let http: (host: String, port: UInt16)
        /// What lets in whoever can read the node's files.
        let token: String?
    }

    private enum Target {
        case remote(HTTPClient, Address, HTTPHeaders)
        case embedded(Node, NodeAPI)
    }

    private let target: Target

    /// - Parameters:
    ///   - creates: whether a directory that does not exist is created.
    ///   - needsFeatures: false leaves features that are served online, and monitoring, closed when
    ///     the directory is opened here.
    init(
        _ invocation: Invocation, creates: Bool = false, needsFeatures: Bool = true
    ) throws {
        let directory = invocation.directory
        if let text = Log.publishedAddress(directory: directory) {
            guard let address = Address(text, token: NodeToken.read(directory)) else {
                throw CommandError.unavailable(
                    "\(directory) is in use by a process that is not a node"
                        + (text.isEmpty ? "" : " (\(text))"))
            }
            target = .remote(
                HTTPClient(
                    host: address.http.host, port: address.http.port, timeout: .seconds(3600)),
                address, address.token.map { ["Authorization": "Bearer \($0)"] } ?? [:])
            return
        }
        if !creates, (try? PosixFileSystem().list("\(directory)/log")) == nil {
            throw CommandError.unavailable(
                "\(directory) is no data directory; start a node with varve serve --dir"
                    + " \(directory), or name another with --dir")
        }
        do {
            var options = NodeOptions(directory: directory)
            options.keepsOnline = needsFeatures
            options.onlineMemory = NodeOptions.usualOnlineMemory
            let node = try Node(options)
            var progress: Progress?
            node.catchUp { reached, wanted in
                if progress == nil {
                    progress = Progress("folding the log", total: Int(wanted.value))
                }
                let done = progress?.done ?? 0
                progress?.advance(Int(reached.value) - done)
            }
            progress?.finish()
            target = .embedded(node, NodeAPI(node))
        } catch {
            throw CommandError.unavailable("\(error)")
        }
    }

    /// The running node's addresses; nil when the directory is open here.
    var address: Address? { if case .remote(_, let address, _) = target { address } else { nil } }

    /// Sends a request.
    /// - Throws: `CommandError` with the node's own words when the answer is not a success.
    func send(
        _ method: String, _ path: String, query: [(String, String?)] = [], body: [UInt8] = []
    ) throws -> HTTPResponse {
        let path = path + Self.suffix(query)
        switch target {
        case .remote(let client, _, let headers):
            return try Self.checked(client.send(method, path, headers: headers, body: body))
        case .embedded(_, let api):
            return try Self.checked(Self.respond(api, method, path, body)).collected()
        }
    }

    /// Sends a request, and hands the answer's body over as it arrives.
    /// - Returns: the answer without its body.
    func download(
        _ method: String, _ path: String, query: [(String, String?)] = [],
        _ take: ([UInt8]) throws -> Void
    ) throws -> HTTPResponse {
        let path = path + Self.suffix(query)
        switch target {
        case .remote(let client, _, let headers):
            return try Self.checked(client.download(method, path, headers: headers, take))
        case .embedded(_, let api):
            let response = try Self.checked(Self.respond(api, method, path, []))
            try response.forEachPiece(take)
            return response
        }
    }

    private static func suffix(_ query: [(String, String?)]) -> String {
        let items = query.compactMap { name, value in
            value.map { "\(name.percentEncoded)=\($0.percentEncoded)" }
        }
        return items.isEmpty ? "" : "?" + items.joined(separator: "&")
    }

    private static func respond(
        _ api: NodeAPI, _ method: String, _ path: String, _ body: [UInt8]
    ) throws -> HTTPResponse {
        guard let request = HTTPRequest(method: method, target: path, headers: [:], body: body)
        else { throw CommandError.usage("\(path) is no path") }
        return api.respond(request)
    }

    /// The response if it is a success.
    private static func checked(_ response: HTTPResponse) throws -> HTTPResponse {
        if response.status.isSuccess { return response }
        let bytes = response.body
        let json = try? JSON(parsing: bytes.raw)
        let lines = (json?["errors"]?.arrayValue ?? []).compactMap(\.stringValue)
        let text = lines.isEmpty
            ? json?["error"]?.stringValue ?? "\(response.status)"
            : "\(lines.count) mistakes\n  " + lines.joined(separator: "\n  ")
        throw CommandError(
            description: text,
            code: response.status == .serviceUnavailable
                ? ExitCode.unavailable : ExitCode.failure)
    }

    /// Sends a request whose answer is a JSON document.
    func json(
        _ method: String, _ path: String, query: [(String, String?)] = [], body: [UInt8] = []
    ) throws -> JSON {
        let bytes = try send(method, path, query: query, body: body).body
        return try JSON(parsing: bytes.raw)
    }

    /// Gives an embedded directory up.
    func close() throws {
        if case .embedded(let node, _) = target { try node.close() }
    }

    /// Runs `body` with a session, and closes it whatever happens.
    static func with<Result>(
        _ invocation: Invocation, creates: Bool = false, needsFeatures: Bool = true,
        _ body: (Session) throws -> Result
    ) throws -> Result {
        let session = try Session(
            invocation, creates: creates, needsFeatures: needsFeatures)
        do {
            let result = try body(session)
            try session.close()
            return result
        } catch {
            // The first error is the one to tell.
            try? session.close()
            throw error
        }
    }
}

extension Session.Address {
    /// Reads `{"kafka": "127.0.0.1:9092", "http": "127.0.0.1:8080"}`.
    init?(_ text: String, token: String?) {
        let bytes = Array(text.utf8)
        guard let json = try? JSON(parsing: bytes.raw),
            let kafka = Self.endpoint(json["kafka"]), let http = Self.endpoint(json["http"])
        else { return nil }
        self.kafka = kafka
        self.http = http
        self.token = token
    }

    private static func endpoint(_ json: JSON?) -> (host: String, port: UInt16)? {
        guard let text = json?.stringValue, let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        return (String(text[..<colon]), port)
    }
}

extension String {
    /// The text as one segment of a path.
    var asSegment: String { percentEncoded }
}
