public import VarveProtocols

extension HTTPResponse {
    /// Hands the body over piece by piece: for whoever asks without a connection.
    public func forEachPiece(_ take: ([UInt8]) throws -> Void) throws {
        guard let stream else {
            if !body.isEmpty { try take(body) }
            return
        }
        stream.produce()
        while true {
            switch try stream.next({}) {
            case .bytes(let piece): try take(piece)
            case .later: preconditionFailure("a body that was produced is not whole")
            case .end: return
            }
        }
    }

    /// The same with the body as one piece.
    public func collected() throws -> HTTPResponse {
        if stream == nil { return self }
        var whole = HTTPResponse(status: status, headers: headers, body: [])
        try forEachPiece { whole.body += $0 }
        return whole
    }
}
