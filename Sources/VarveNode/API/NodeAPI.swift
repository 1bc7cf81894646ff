import VarveFormats
import VarveLog
public import VarveProtocols

/// The HTTP interface of a node, as a function from request to response: the listener calls it for
/// clients, the command line for a directory that no node has open.
public struct NodeAPI: Sendable {
    let node: Node
    let routes: [Route]

    /// The interface of an open node.
    public init(_ node: Node) {
        self.node = node
        routes =
            Self.statusRoutes(node) + Self.logRoutes(node) + Self.definitionRoutes(node)
            + Self.streamRoutes(node) + Self.featureRoutes(node) + Self.explainRoutes(node)
            + Self.modelRoutes(node) + Self.predictionRoutes(node) + Self.trainingRoutes(node)
            + Self.rebuildRoutes(node) + Self.userRoutes(node) + Self.checkRoutes(node)
    }

    /// Answers one request; may block until what it appends is durable.
    /// - Parameter peer: whoever sent it; long work is given up when they go.
    public func respond(_ request: HTTPRequest, _ peer: HTTPPeer = HTTPPeer()) -> HTTPResponse {
        var allowed: [String] = []
        let method = request.method == "HEAD" ? "GET" : request.method
        for route in routes {
            guard let values = route.match(request.segments) else { continue }
            guard route.method == method else {
                allowed.append(route.method)
                continue
            }
            do {
                return try route.answer(Call(request: request, peer: peer, values: values))
            } catch {
                return .failure(error)
            }
        }
        if allowed.isEmpty {
            return .failure(
                NodeError.notFound("there is nothing at \(request.path); GET / lists what there is"))
        }
        var response = HTTPResponse.json(
            ["error": .string("\(request.path) takes \(allowed.joined(separator: ", "))")],
            status: .methodNotAllowed)
        response.headers.append("Allow", allowed.joined(separator: ", "))
        return response
    }

    /// The routes as a document: method, path, what it does.
    static func index(_ routes: [Route]) -> JSON {
        .array(
            routes.map { route in
                .object([
                    .init("method", .string(route.method)),
                    .init("path", .string("/" + route.pattern.joined(separator: "/"))),
                    .init("summary", .string(route.summary)),
                ])
            })
    }

    /// A position as clients see it.
    static func position(_ position: Position, _ node: Node) -> JSON {
        .string(node.log.id.text(of: position))
    }

    /// A position that a client gives back: its text, or its bare number.
    static func position(_ text: String, _ node: Node) throws -> Position {
        let parts = text.split(separator: "@", maxSplits: 1)
        guard let number = parts.last.flatMap({ Int64($0) }), number >= 0 else {
            throw NodeError.badRequest(
                "position is \"\(text)\", expected a text such as"
                    + " \(node.log.id.text(of: Position(123)))")
        }
        let position = Position(number)
        guard parts.count == 1 || node.log.id.text(of: position) == text else {
            throw NodeError.badRequest(
                "position \(text) is of another log; this one is"
                    + " \(node.log.id.text(of: node.log.commitPosition))")
        }
        return position
    }
}
