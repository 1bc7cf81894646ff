import VarveBytes
import VarveFeatures
import VarveProtocols

/// One connection's RESP.
final class RESPSession: ConnectionHandler {
    private var requests = RESPRequests()
    private var commands: RESPCommands

    init(_ commands: RESPCommands) { self.commands = commands }

    var foresightSteps: Int { Foresight.allCases.count }

    func foresee(_ bytes: RawSpan, step: Int) {
        requests.foresee(bytes, Foresight.allCases[step], &commands)
    }

    func receive(_ bytes: RawSpan, on connection: Connection) -> Int {
        requests.receive(bytes, on: connection, &commands)
    }

    func closed() {}
}

/// Takes all requests that have arrived, and has them answered with one buffer.
///
///     bytes --parser--> [ requests taken ] --foresee--> memory is fetched
///                               |--------- run -------> answers
private struct RESPRequests {
    private var parser = RESPRequestParser()
    /// Requests that were taken from the bytes and not run yet, as words end to end.
    private var words: [Range<Int>] = []
    private var requests: [Request] = []
    /// What the parser found behind them.
    private var tail = Tail.open
    /// Bytes that they were taken from, the rest of a request included.
    private var takenBytes = 0

    private struct Request {
        /// Behind its last word in `words`.
        let wordsEnd: Int
        /// Behind its last byte.
        let end: Int
    }

    private enum Tail {
        /// Nothing yet: there may be more.
        case open
        case incomplete
        /// A line, which the parser holds, and where it ends.
        case inline(end: Int)
        case failed(RESPError)
    }

    /// Answers are handed over when they reach this size, so that limits on them are seen.
    private static let outputBytes = 64 << 10
    /// Requests taken at once.
    private static let requestsAtOnce = 64

    mutating func foresee(
        _ bytes: RawSpan, _ step: Foresight, _ commands: inout RESPCommands
    ) {
        if step == .slot {
            if requests.isEmpty { take(bytes, from: 0) }
            expect(bytes, &commands)
        }
        commands.foresee(step)
    }

    /// Notes what the requests taken will read.
    private func expect(_ bytes: RawSpan, _ commands: inout RESPCommands) {
        var start = 0
        for request in requests {
            commands.expect(words.span.extracting(start..<request.wordsEnd), of: bytes)
            start = request.wordsEnd
        }
    }

    /// Takes requests from the bytes, up to what ends a batch of them.
    private mutating func take(_ bytes: RawSpan, from start: Int) {
        words.removeAll(keepingCapacity: true)
        requests.removeAll(keepingCapacity: true)
        tail = .open
        takenBytes = bytes.byteCount
        var offset = start
        do {
            while requests.count < Self.requestsAtOnce {
                switch try parser.next(in: bytes, from: offset) {
                case .incomplete:
                    tail = .incomplete
                    return
                case .request(let count):
                    offset += count
                    words += parser.arguments
                    requests.append(Request(wordsEnd: words.count, end: offset))
                case .inline(let count):
                    tail = .inline(end: offset + count)
                    return
                }
            }
        } catch {
            tail = .failed(error)
        }
    }

    mutating func receive(
        _ bytes: RawSpan, on connection: Connection, _ commands: inout RESPCommands
    ) -> Int {
        var offset = 0
        commands.begin()
        defer { Self.flush(connection, &commands) }
        while connection.acceptsRequests {
            if requests.isEmpty {
                take(bytes, from: offset)
                if requests.count > 1 {
                    expect(bytes, &commands)
                    for step in Foresight.allCases { commands.foresee(step) }
                }
            }
            var start = 0
            for request in requests {
                guard connection.acceptsRequests else {
                    // Those left come again.
                    forget()
                    return offset
                }
                offset = request.end
                commands.run(words.span.extracting(start..<request.wordsEnd), of: bytes)
                start = request.wordsEnd
                if Self.finish(connection, &commands) { return bytes.byteCount }
            }
            requests.removeAll(keepingCapacity: true)
            switch tail {
            case .open: continue
            case .incomplete where takenBytes < bytes.byteCount: continue
            case .incomplete: return offset
            case .inline(let end):
                guard connection.acceptsRequests else {
                    forget()
                    return offset
                }
                offset = end
                let line = parser.inlineBytes
                commands.run(parser.arguments.span, of: line.raw)
                if Self.finish(connection, &commands) { return bytes.byteCount }
            case .failed(let error):
                commands.writer.error("ERR \(error)")
                Self.flush(connection, &commands)
                connection.closeAfterAnswers()
                return bytes.byteCount
            }
        }
        forget()
        return offset
    }

    /// Requests that were taken and not run will be taken again.
    private mutating func forget() {
        requests.removeAll(keepingCapacity: true)
        tail = .open
        parser = RESPRequestParser()
    }

    /// Sees to what a command left to be done; answers whether the connection is to be closed.
    private static func finish(
        _ connection: Connection, _ commands: inout RESPCommands
    ) -> Bool {
        if let deferred = commands.takeDeferred() {
            // Answers keep their order; later commands do not wait.
            flush(connection, &commands)
            let promise = connection.promise(cost: deferred.bytes.count)
            commands.wait(for: deferred) { promise.fulfil($0) }
        }
        if commands.hasQuit {
            flush(connection, &commands)
            connection.closeAfterAnswers()
            return true
        }
        if commands.writer.bytes.count >= Self.outputBytes { flush(connection, &commands) }
        return false
    }

    private static func flush(_ connection: Connection, _ commands: inout RESPCommands) {
        let count = commands.writer.bytes.count
        if count == 0 { return }
        connection.answer(commands.writer.bytes)
        // The next answers are as long as these, as a rule.
        commands.writer.bytes = []
        commands.writer.bytes.reserveCapacity(max(512, min(count + count / 8, 4096)))
    }
}
