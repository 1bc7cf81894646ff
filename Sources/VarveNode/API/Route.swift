import VarveBytes
import VarveFormats
import VarveProtocols

/// One operation of the HTTP interface: method, path, and what answers it.
struct Route: Sendable {
    let method: String
    /// Segments of the path; `*` takes any one.
    let pattern: [String]
    /// What it does, one sentence, for the list of routes.
    let summary: String
    let answer: @Sendable (Call) throws -> HTTPResponse

    init(
        _ method: String, _ path: String, _ summary: String,
        _ answer: @escaping @Sendable (Call) throws -> HTTPResponse
    ) {
        self.method = method
        pattern = path.split(separator: "/").map(String.init)
        self.summary = summary
        self.answer = answer
    }

    /// The segments that stand for `*`; nil when the path is another.
    func match(_ segments: [String]) -> [String]? {
        guard segments.count == pattern.count else { return nil }
        var values: [String] = []
        for (segment, expected) in zip(segments, pattern) {
            if expected == "*" { values.append(segment) } else if segment != expected { return nil }
        }
        return values
    }
}

/// A request that a route answers.
struct Call: Sendable {
    let request: HTTPRequest
    /// Whoever sent it.
    let peer: HTTPPeer
    /// The path's segments that stand for `*`.
    let values: [String]

    /// The body as a JSON document.
    func json() throws -> JSON {
        do {
            return try JSON(parsing: request.body.raw)
        } catch {
            throw NodeError.badRequest("the body is not JSON: \(error)")
        }
    }

    /// A query item that must be there.
    func required(_ name: String) throws -> String {
        guard let value = request.query(name), !value.isEmpty else {
            throw NodeError.badRequest("query parameter \(name) is missing")
        }
        return value
    }

    /// An integer query item; nil when it is not given.
    func integer(_ name: String) throws -> Int64? {
        guard let text = request.query(name) else { return nil }
        guard let value = Int64(text) else {
            throw NodeError.badRequest("query parameter \(name) is \"\(text)\", expected an integer")
        }
        return value
    }

    /// A flag: absent, `true` or `false`.
    func flag(_ name: String) throws -> Bool {
        switch request.query(name) {
        case nil, "false"?: return false
        case "true"?, ""?: return true
        case let text?:
            throw NodeError.badRequest(
                "query parameter \(name) is \"\(text)\", expected true or false")
        }
    }
}
