import Synchronization
import VarveBytes
import VarveSystem

/// What one connection may keep in memory. Beyond it nothing is read, and the client's TCP
/// notices.
public struct ConnectionLimits: Sendable {
    /// Connections at one port; further ones are closed at once.
    public var connections = 1024
    /// Requests that wait for their answers.
    public var promises = 256
    /// Bytes of requests that wait for their answers.
    public var promisedBytes = 32 << 20
    /// Bytes of answers that the client has not taken.
    public var outputBytes = 8 << 20
    /// Bytes of requests that wait for their answers or for their rest, over all connections of
    /// the loop: beyond it, nothing more is read until there is room. `LoopCore.makeRoom` sees to
    /// it that there is.
    public var loopRequestBytes = 256 << 20
    /// Bytes of answers that clients have not taken, over all connections of the loop. Services
    /// whose answers can be small make them so before it is reached.
    public var loopOutputBytes = 256 << 20
    /// A connection on which nothing happens for so long is closed, unless it waits for an answer.
    public var idleTime = Duration.seconds(600)
    /// So is one that does not take its answers, or does not finish its request.
    public var stuckTime = Duration.seconds(60)
    /// The same while memory is short.
    public var impatientTime = Duration.seconds(2)

    /// The defaults.
    public init() {}
}

/// A connection as its protocol sees it. Lives on its loop's thread, and nowhere else.
public final class Connection {
    let id: UInt64
    let socket: Socket
    let listening: Listening
    var limits: ConnectionLimits { listening.limits }
    let remote: RemoteConnection
    var handler: (any ConnectionHandler)?
    /// The listener it came from, as the loop numbers them.
    var listener: UInt64 = 0
    /// Whether the loop will settle it.
    var isTouched = false
    /// Whether the loop will touch it once there is room.
    var isStarved = false
    /// Which lets go of it when it is closed.
    private let loop: LoopCore

    private var input: [UInt8] = []
    private var inputRange = 0..<0
    private var answers = AnswerQueue()
    /// Where the parts of answers come from that are asked for one by one, by the answer's number.
    private var sources: [UInt64: any AnswerSource] = [:]
    /// Whether the next part was asked for.
    private var isAsked = false
    /// Whether the client sends nothing more.
    private var hasEnded = false
    /// What the loop knows of `inputBytes` and of the answers' bytes.
    private var counted = (input: 0, output: 0)
    private var phase = Phase.open
    private var interest: Poller.Interest = .read
    /// Whether bytes wait that the handler was not shown, or did not take because of a limit.
    private var hasNews = false
    /// When bytes last came or went.
    private var lastProgress = ContinuousClock.now

    private enum Phase {
        case open
        /// Reads no more; closes once all is answered.
        case closing
        /// All is answered; waits for the client to close, so that it reads the answers.
        case lingering
        case closed
    }

    /// The next part of an answer is asked for when fewer bytes wait for the client.
    private static let partRoom = 256 << 10
    /// How long the client may take to close after everything was answered.
    private static let lingerTime = Duration.seconds(1)

    init(id: UInt64, socket: Socket, listening: Listening, loop: LoopCore) {
        self.id = id
        self.socket = socket
        self.listening = listening
        self.loop = loop
        remote = RemoteConnection(mailbox: loop.mailbox, connection: id)
    }

    /// The client's address, for messages.
    public var peer: String { socket.peer }

    /// Whether a handler should go on to take requests from the bytes it has.
    public var acceptsRequests: Bool {
        phase == .open && answers.promiseCount < limits.promises
            && answers.promisedBytes < limits.promisedBytes
            && outputBytes < limits.outputBytes
    }

    /// Whether nothing is read because of all connections; the one that is favoured may finish.
    private var isLoopFull: Bool {
        loop.requestBytes >= limits.loopRequestBytes && loop.favoured !== self
    }

    /// Bytes that an answer may have, all others considered.
    var outputRoom: Int { limits.loopOutputBytes - loop.outputBytes }

    /// Bytes that requests which were not taken keep in memory.
    var inputBytes: Int { inputRange.isEmpty ? 0 : input.count }

    /// Whether the rest of a request is to come.
    var isHalf: Bool { !inputRange.isEmpty && !hasNews && acceptsRequests }

    /// Whether nothing was read or written for a while.
    func hasStalled(at now: ContinuousClock.Instant) -> Bool {
        lastProgress + limits.impatientTime <= now
    }

    /// Bytes of answers that were not taken.
    var outputBytes: Int { answers.outputBytes + answers.waitingBytes }

    /// Tells the loop what is kept in memory.
    private func count() {
        let now = (input: inputBytes, output: outputBytes)
        loop.inputBytes += now.input - counted.input
        loop.outputBytes += now.output - counted.output
        counted = now
    }

    /// Answers a request at once; its answer goes out after those promised before it.
    public func answer(_ bytes: [UInt8]) {
        answers.fulfil(answers.promise(cost: 0), bytes)
        count()
        loop.touch(self)
    }

    /// Promises an answer, which is to be given later, by any thread.
    /// - Parameter cost: bytes that the request keeps in memory meanwhile.
    public func promise(cost: Int) -> PromisedAnswer {
        loop.promisedBytes += cost
        return PromisedAnswer(remote: remote, number: answers.promise(cost: cost))
    }

    /// Says anew what the request keeps in memory while its answer is awaited.
    func reprice(_ promised: PromisedAnswer, cost: Int) {
        let before = answers.promisedBytes
        answers.reprice(promised.number, cost: cost)
        loop.promisedBytes += answers.promisedBytes - before
    }

    /// Keeps a promise on the loop's own thread.
    public func fulfil(_ promised: PromisedAnswer, _ bytes: [UInt8]) {
        fulfil(promised.number, bytes)
    }

    func fulfil(_ number: UInt64, _ bytes: [UInt8]) {
        if !sources.isEmpty, sources.removeValue(forKey: number) != nil { isAsked = false }
        let before = answers.promisedBytes
        answers.fulfil(number, bytes)
        loop.promisedBytes -= before - answers.promisedBytes
        count()
        loop.touch(self)
    }

    /// Gives the start of an answer; a source has the other parts. What the request kept in memory
    /// is gone.
    func begin(_ number: UInt64, _ bytes: [UInt8], _ source: any AnswerSource) {
        guard phase == .open || phase == .closing else { return source.cancel() }
        let before = answers.promisedBytes
        answers.reprice(number, cost: 0)
        loop.promisedBytes += answers.promisedBytes - before
        sources[number] = source
        answers.extend(number, bytes)
        count()
        loop.touch(self)
    }

    /// Gives the part of an answer that was asked for.
    func extend(_ number: UInt64, _ bytes: [UInt8]) {
        isAsked = false
        answers.extend(number, bytes)
        count()
        loop.touch(self)
    }

    /// An answer ends here, whole or not, and the connection with it.
    func breakOff(_ number: UInt64) {
        guard sources[number] != nil, phase == .open || phase == .closing else { return }
        // Nobody will ask for the rest.
        sources.removeValue(forKey: number)?.cancel()
        loop.promisedBytes -= answers.promisedBytes
        answers.breakOff()
        forgetSources()
        phase = .closing
        inputRange = 0..<0
        count()
        loop.touch(self)
    }

    private func forgetSources() {
        for source in sources.values { source.cancel() }
        sources = [:]
    }

    /// Asks for the next part of the answer that is being written, if it is one in parts.
    private func askForMore() {
        guard !sources.isEmpty, !isAsked, answers.outputBytes < Self.partRoom,
            let number = answers.front, let source = sources[number]
        else { return }
        isAsked = true
        source.askForMore()
    }

    /// Takes no more requests; closes once all that were taken are answered.
    public func closeAfterAnswers() {
        guard phase == .open else { return }
        phase = .closing
        inputRange = 0..<0
        count()
        loop.touch(self)
    }

    // MARK: The loop's side

    /// Bytes or the end have arrived.
    func readable(isHungUp: Bool) {
        if phase == .closed { return }
        if isHungUp && !interest.contains(.read) { return close() }
        guard interest.contains(.read) else {
            end()
            return loop.touch(self)
        }
        // What comes is left where it is until there is room.
        if phase == .open, isLoopFull { return loop.touch(self) }
        makeRoom()
        do {
            switch try socket.read(into: &input, from: inputRange.upperBound) {
            case .wouldBlock: break
            case .bytes(let count):
                lastProgress = loop.now
                listening.receivedBytes.wrappingAdd(count, ordering: .relaxed)
                if phase != .open { break }
                inputRange = inputRange.lowerBound..<(inputRange.upperBound + count)
                hasNews = true
                self.count()
            case .end:
                if phase == .lingering || isHungUp { return close() }
                process()
                end()
                // Half a request will not become whole any more.
                closeAfterAnswers()
            }
        } catch {
            return close()
        }
        loop.touch(self)
    }

    private func end() {
        if hasEnded { return }
        hasEnded = true
        handler?.ended()
    }

    /// Lets the handler foresee what `settle` will do.
    func foresee(step: Int) {
        guard hasNews, acceptsRequests, let handler, step < handler.foresightSteps else { return }
        let bytes = input
        handler.foresee(bytes.raw.extracting(inputRange), step: step)
    }

    /// Hands the bytes that wait to the handler, while it may take requests.
    private func process() {
        guard hasNews, acceptsRequests, let handler else { return }
        do {
            let bytes = input
            let consumed = try handler.receive(bytes.raw.extracting(inputRange), on: self)
            // The handler may have closed the connection, which empties the input.
            if !inputRange.isEmpty {
                inputRange = inputRange.lowerBound + consumed..<inputRange.upperBound
            }
            // What is left of it is half a request, unless the handler was stopped by a limit.
            hasNews = !acceptsRequests && !inputRange.isEmpty
        } catch {
            loop.report("\(peer): \(error); the connection is closed")
            closeAfterAnswers()
        }
        if inputRange.isEmpty {
            loop.recycle(&input)
            inputRange = 0..<0
        }
        count()
    }

    /// Brings everything up to date after something happened: takes requests, writes answers,
    /// closes, and watches the socket for what is needed next.
    func settle() {
        if phase == .closed { return }
        do {
            repeat {
                process()
                let waiting = answers.outputBytes
                try answers.flush { bytes throws(SystemError) in try socket.write(bytes) }
                let sent = waiting - answers.outputBytes
                count()
                if sent > 0 {
                    lastProgress = loop.now
                    listening.sentBytes.wrappingAdd(sent, ordering: .relaxed)
                }
                // Written answers may have made room for requests that wait.
            } while hasNews && acceptsRequests
        } catch {
            return close()
        }
        askForMore()
        if phase == .open, isLoopFull { loop.starve(self) }
        if phase == .closing, answers.isEmpty { linger() }
        var wanted: Poller.Interest = []
        if phase == .lingering || acceptsRequests && !isLoopFull { wanted.insert(.read) }
        if answers.outputBytes > 0 { wanted.insert(.write) }
        if phase == .closing, !hasEnded { wanted.insert(.end) }
        guard wanted != interest, phase != .closed else { return }
        interest = wanted
        do {
            try loop.poller.change(socket, to: wanted, token: id)
        } catch {
            loop.report("\(peer): \(error)")
            close()
        }
    }

    private func linger() {
        phase = .lingering
        if loop.isStopping { return close() }
        socket.finishWriting()
        _ = loop.timers.add(at: .now + Self.lingerTime) { [weak self] in self?.close() }
    }

    /// Closes the connection if the client has done nothing for too long.
    /// - Returns: why, if so.
    func expire(at now: ContinuousClock.Instant) -> String? {
        let time = lastProgress.duration(to: now)
        let waits = answers.outputBytes > 0
        // Whoever waits for an answer, and for nothing else, is not idle.
        if phase == .closed || answers.promiseCount > 0 && !waits { return nil }
        // A request that stands still because of a limit is not the client's fault.
        let isHalf = isHalf && !isLoopFull
        guard time >= (waits || isHalf ? limits.stuckTime : limits.idleTime) else { return nil }
        close()
        if waits { return "its answers were not taken for \(time)" }
        return isHalf ? "the rest of its request did not come for \(time)" : ""
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        loop.promisedBytes -= answers.promisedBytes
        answers = AnswerQueue()
        forgetSources()
        inputRange = 0..<0
        count()
        loop.poller.remove(socket)
        loop.forget(self)
        handler?.closed()
        handler = nil
        loop.recycle(&input)
    }

    private func makeRoom() {
        if input.isEmpty { input = loop.buffer() }
        if phase != .open { inputRange = 0..<0 }
        guard inputRange.upperBound == input.count else { return }
        if inputRange.lowerBound > 0 {
            input.removeFirst(inputRange.lowerBound)
            inputRange = 0..<inputRange.count
        }
        // Doubles at first and later grows by a quarter, so that a long request is copied a few
        // times only, and keeps little more than its own bytes.
        let growth = min(inputRange.count, max(inputRange.count / 4, 1 << 20))
        let missing = max(LoopCore.bufferSize, inputRange.count + growth) - input.count
        if missing > 0 { input.append(contentsOf: repeatElement(0, count: missing)) }
    }
}
