import VarveBytes
import VarveProtocols

/// One connection's RESP: takes all requests that have arrived, and answers them with one buffer.
final class RESPSession: ConnectionHandler {
    private var parser = RESPRequestParser()
    private var commands: RESPCommands

    /// Answers are handed over when they reach this size, so that limits on them are seen.
    private static let outputBytes = 64 << 10

    init(_ commands: RESPCommands) { self.commands = commands }

    func receive(_ bytes: RawSpan, on connection: Connection) -> Int {
        var offset = 0
        commands.begin()
        defer { flush(connection) }
        while connection.acceptsRequests {
            do {
                switch try parser.next(in: bytes, from: offset) {
                case .incomplete: return offset
                case .request(let count):
                    offset += count
                    commands.run(parser.arguments.span, of: bytes)
                case .inline(let count):
                    offset += count
                    let line = parser.inlineBytes
                    commands.run(parser.arguments.span, of: line.raw)
                }
            } catch {
                commands.writer.error("ERR \(error)")
                flush(connection)
                connection.closeAfterAnswers()
                return bytes.byteCount
            }
            if let deferred = commands.takeDeferred() {
                // Answers keep their order; later commands do not wait.
                flush(connection)
                let promise = connection.promise(cost: deferred.bytes.count)
                commands.wait(for: deferred) { promise.fulfil($0) }
            }
            if commands.hasQuit {
                flush(connection)
                connection.closeAfterAnswers()
                return bytes.byteCount
            }
            if commands.writer.bytes.count >= Self.outputBytes { flush(connection) }
        }
        return offset
    }

    private func flush(_ connection: Connection) {
        if commands.writer.bytes.isEmpty { return }
        connection.answer(commands.writer.bytes)
        commands.writer.bytes = []
        commands.writer.bytes.reserveCapacity(512)
    }

    func closed() {}
}
