import VarveBytes
import VarveFormats
import VarveProtocols

extension AccessControl {
    /// The answer to a request that is not allowed; nil when it is.
    ///
    /// Basic credentials are a user's; a bearer's token is the node's own. `/health` answers
    /// anyone, as probes have no password.
    func refusal(_ request: HTTPRequest) -> HTTPResponse? {
        if !isProtected || request.segments == ["health"] { return nil }
        guard let principal = principal(request.headers["Authorization"]) else {
            var response = HTTPResponse.json(
                [
                    "error":
                        "this node has users: send a user and a password (Authorization: Basic)"
                ], status: .unauthorized)
            response.headers.append("WWW-Authenticate", "Basic realm=\"varve\", charset=\"UTF-8\"")
            return response
        }
        if Self.allows(principal, request.method, request.segments) { return nil }
        return .json(
            [
                "error": .string(
                    "the user's roles and prefixes do not allow \(request.method) \(request.path)")
            ], status: .forbidden)
    }

    private func principal(_ header: String?) -> Principal? {
        guard let header else { return nil }
        let parts = header.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return principal(token: String(parts[1]))
        case "basic":
            guard let bytes = Base64.decode(String(parts[1])), let text = bytes.raw.text(),
                let colon = text.firstIndex(of: ":")
            else { return nil }
            return principal(
                user: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
        default: return nil
        }
    }

    /// What is not named here is for operators.
    private static func allows(
        _ principal: Principal, _ method: String, _ path: [String]
    ) -> Bool {
        if principal.mayAdminister { return true }
        let area = path.first == "v1" ? path.dropFirst().first ?? "" : path.first ?? ""
        if method == "GET" || method == "HEAD" {
            switch area {
            case "users": return false
            case "", "openapi.json", "position", "streams": return true
            default: return principal.mayConsume
            }
        }
        switch (method, area) {
        case ("POST", "streams") where path.count == 4 && path[3] == "records":
            return principal.mayWrite(path[2])
        case ("POST", "views") where path.count == 4 && path[3] == "write":
            return principal.mayWrite("varve.features.\(path[2])")
        case ("POST", "views"), ("POST", "services"), ("POST", "log"): return principal.mayConsume
        case ("POST", "predict"), ("POST", "v2"): return principal.has(.service, .scientist)
        case ("POST", "audit"), ("POST", "predictions"):
            return principal.has(.auditor, .scientist)
        case ("POST", "training-sets"), ("DELETE", "jobs"): return principal.has(.scientist)
        case ("POST", "definitions") where path.last == "plan": return principal.has(.scientist)
        default: return false
        }
    }
}
