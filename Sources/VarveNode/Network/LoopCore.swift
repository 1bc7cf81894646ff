import Synchronization
import VarveSystem

/// What an event loop's thread owns.
final class LoopCore {
    let mailbox: LoopMailbox
    let report: @Sendable (String) -> Void
    let timers = LoopTimers()
    private(set) var listeners: [UInt64: Listener] = [:]
    private(set) var connections: [UInt64: Connection] = [:]
    private var nextToken: UInt64 = 0
    /// Connections that something happened to.
    private var touched: [Connection] = []
    /// Connections that are being handled, and whether they were touched before.
    private var ready: [(connection: Connection, wasTouched: Bool)] = []
    /// When the loop last woke.
    private(set) var now = ContinuousClock.now
    private var buffers: [[UInt8]] = []
    /// Bytes of requests that wait for their answers, over all connections.
    var promisedBytes = 0
    /// Bytes of requests that wait for their rest.
    var inputBytes = 0
    /// Bytes of answers that were not taken.
    var outputBytes = 0
    /// The one connection that reads on when no other may, so that its request ends.
    weak var favoured: Connection?
    /// Whether a timer will look for room again.
    var looksAgain = false
    /// Connections that read nothing because of all others.
    private var starved: [Connection] = []
    private var isSweeping = false
    private var stopDeadline: ContinuousClock.Instant?

    /// A port and its protocol.
    struct Listener {
        let socket: ListeningSocket
        let listening: Listening
        let service: any ConnectionService
        var connectionCount = 0
    }

    /// The size that input buffers start with.
    static let bufferSize = 64 << 10
    /// Buffers that grew beyond this are not kept.
    private static let keptBufferSize = 4 << 20
    private static let keptBuffers = 16
    /// Connections that are read from before the first of them is answered: as many as there are
    /// buffers kept.
    private static let eventsAtOnce = keptBuffers
    /// The most steps that any handler takes.
    private static let foresightSteps = 3
    /// How long accepting pauses when the process is out of descriptors.
    private static let acceptPause = Duration.milliseconds(100)

    init(mailbox: LoopMailbox, report: @escaping @Sendable (String) -> Void) {
        self.mailbox = mailbox
        self.report = report
    }

    var poller: Poller { mailbox.poller }
    var isStopping: Bool { stopDeadline != nil }

    func run() {
        var events: [Poller.Event] = []
        var messages: [LoopMailbox.Message] = []
        while true {
            do {
                try poller.wait(into: &events, timeout: timeout())
            } catch {
                report("the event loop cannot wait: \(error)")
                return closeAll()
            }
            now = .now
            var next = 0
            while next < events.count {
                let end = min(next + Self.eventsAtOnce, events.count)
                handle(events[next..<end])
                next = end
            }
            for action in timers.queue.takeDue(at: .now) { action() }
            for listener in listeners.values where listener.listening.takeWake() {
                listener.service.woken()
            }
            mailbox.take(into: &messages)
            for message in messages { handle(message) }
            settle()
            makeRoom()
            settle()
            for listener in listeners.values {
                listener.listening.heldRequestBytes.store(requestBytes, ordering: .relaxed)
                listener.listening.heldAnswerBytes.store(outputBytes, ordering: .relaxed)
            }
            feed()
            guard let stopDeadline else { continue }
            if connections.isEmpty || .now >= stopDeadline { return closeAll() }
        }
    }

    private func timeout() -> Duration? {
        let deadline = [timers.queue.next, stopDeadline].compactMap(\.self).min()
        return deadline.map { max(.zero, ContinuousClock.now.duration(to: $0)) }
    }

    /// Reads from all of some connections before it answers any.
    private func handle(_ events: ArraySlice<Poller.Event>) {
        for event in events {
            if listeners[event.token] != nil {
                accept(event.token)
                continue
            }
            // A connection may have been closed by an event before this one.
            guard let connection = connections[event.token] else { continue }
            ready.append((connection, connection.isTouched))
            // It is settled below, whatever happens to it.
            connection.isTouched = true
            if event.isReadable { connection.readable(isHungUp: event.isHungUp) }
        }
        for step in 0..<Self.foresightSteps {
            for (connection, _) in ready { connection.foresee(step: step) }
        }
        // At once: what was read and foreseen is in the processor's cache, and the clients work on
        // their answers meanwhile.
        for (connection, wasTouched) in ready {
            connection.settle()
            connection.isTouched = wasTouched
        }
        ready.removeAll(keepingCapacity: true)
    }

    private func handle(_ message: LoopMailbox.Message) {
        switch message {
        case .listen(let socket, let listening, let makeService):
            listen(socket, listening, makeService(timers))
        case .answer(let id, let number, let bytes): connections[id]?.fulfil(number, bytes)
        case .begin(let id, let number, let bytes, let source):
            guard let connection = connections[id] else { return source.cancel() }
            connection.begin(number, bytes, source)
        case .part(let id, let number, let bytes): connections[id]?.extend(number, bytes)
        case .close(let id): connections[id]?.closeAfterAnswers()
        case .breakOff(let id, let number): connections[id]?.breakOff(number)
        case .stop(let grace): stop(grace)
        }
    }

    private func listen(
        _ socket: ListeningSocket, _ listening: Listening, _ service: any ConnectionService
    ) {
        guard !isStopping else { return }
        let token = newToken()
        do {
            try poller.add(socket, token: token)
            listeners[token] = Listener(socket: socket, listening: listening, service: service)
        } catch {
            report("port \(listening.port) cannot be served: \(error)")
        }
    }

    private func newToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    private func accept(_ token: UInt64) {
        while let listener = listeners[token] {
            do {
                guard let socket = try listener.socket.accept() else { return }
                if listener.connectionCount >= listener.listening.limits.connections {
                    report("\(socket.peer): refused, there are as many connections as may be")
                    continue
                }
                let id = newToken()
                let connection = Connection(
                    id: id, socket: socket, listening: listener.listening, loop: self)
                try poller.add(socket, .read, token: id)
                connection.handler = listener.service.handler(for: connection)
                connection.listener = token
                connections[id] = connection
                listeners[token]?.connectionCount += 1
                listener.listening.connections.wrappingAdd(1, ordering: .relaxed)
                sweepLater(listener.listening.limits)
            } catch {
                report("\(error)")
                return pauseAccepting(token)
            }
        }
    }

    /// Without descriptors a waiting connection stays ready: asking at once again would spin.
    private func pauseAccepting(_ token: UInt64) {
        guard let listener = listeners[token] else { return }
        poller.remove(listener.socket)
        _ = timers.add(at: .now + Self.acceptPause) { [weak self] in
            guard let self, let listener = listeners[token] else { return }
            do {
                try poller.add(listener.socket, token: token)
            } catch {
                report("port \(listener.listening.port) is not served any more: \(error)")
            }
        }
    }

    /// Has a connection settled before the loop waits again.
    func touch(_ connection: Connection) {
        if connection.isTouched { return }
        connection.isTouched = true
        touched.append(connection)
    }

    private func settle() {
        while !touched.isEmpty {
            let batch = touched
            touched.removeAll(keepingCapacity: true)
            for connection in batch {
                connection.isTouched = false
                connection.settle()
            }
        }
    }

    func forget(_ connection: Connection) {
        connections[connection.id] = nil
        listeners[connection.listener]?.connectionCount -= 1
        connection.listening.connections.wrappingSubtract(1, ordering: .relaxed)
    }

    /// Notes a connection that reads nothing because of all others.
    func starve(_ connection: Connection) {
        if !connection.isStarved { starved.append(connection) }
        connection.isStarved = true
    }

    /// Lets those read on that were kept from it, once there is room.
    private func feed() {
        guard let first = starved.first, requestBytes < first.limits.loopRequestBytes else {
            return
        }
        let waiting = starved
        starved.removeAll()
        for connection in waiting {
            connection.isStarved = false
            touch(connection)
        }
        settle()
    }

    /// Looks for connections on which nothing happens, now and then, while there are any.
    private func sweepLater(_ limits: ConnectionLimits) {
        if isSweeping { return }
        isSweeping = true
        let pause = min(limits.idleTime, limits.stuckTime) / 4
        _ = timers.add(at: .now + pause) { [weak self] in
            guard let self else { return }
            isSweeping = false
            let now = ContinuousClock.now
            for connection in Array(connections.values) {
                if let reason = connection.expire(at: now), !reason.isEmpty {
                    report("\(connection.peer): \(reason); the connection is closed")
                }
            }
            if !connections.isEmpty, !isStopping { sweepLater(limits) }
        }
    }

    private func stop(_ grace: Duration) {
        if isStopping { return }
        stopDeadline = .now + grace
        for listener in listeners.values {
            poller.remove(listener.socket)
            listener.service.stopping()
        }
        listeners.removeAll()
        for connection in connections.values {
            connection.closeAfterAnswers()
            touch(connection)
        }
    }

    private func closeAll() {
        for connection in Array(connections.values) { connection.close() }
    }

    // MARK: Buffers

    /// A buffer to read into, of `bufferSize` at least.
    func buffer() -> [UInt8] {
        buffers.popLast() ?? [UInt8](repeating: 0, count: Self.bufferSize)
    }

    /// Takes a buffer back: idle connections hold none.
    func recycle(_ buffer: inout [UInt8]) {
        if !buffer.isEmpty, buffer.count <= Self.keptBufferSize, buffers.count < Self.keptBuffers {
            buffers.append(buffer)
        }
        buffer = []
    }
}
