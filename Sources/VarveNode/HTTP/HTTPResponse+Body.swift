public import VarveProtocols
import VarveSystem

extension HTTPResponse {
    /// Hands the body over piece by piece: for whoever asks without a connection.
    public func forEachPiece(_ take: ([UInt8]) throws -> Void) throws {
        guard let stream else {
            if !body.isEmpty { try take(body) }
            return
        }
        stream.produce()
        // Somebody else may be writing it.
        let isReady = Monitor(false)
        while true {
            let piece = try stream.next {
                isReady.withLock { $0 = true }
                isReady.wakeAll()
            }
            switch piece {
            case .bytes(let piece): try take(piece)
            case .later: isReady.wait(until: { $0 }) { $0 = false }
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
