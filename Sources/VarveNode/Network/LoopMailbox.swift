import Synchronization
import VarveSystem

/// What other threads hand to an event loop. Unbounded by itself: answers are bounded by the
/// promises that a connection may have.
final class LoopMailbox: Sendable {
    /// A message to the loop.
    enum Message: Sendable {
        case listen(ListeningSocket, Listening, @Sendable (LoopTimers) -> any ConnectionService)
        case answer(connection: UInt64, number: UInt64, [UInt8])
        /// The start of an answer whose other parts are asked for when there is room for them.
        case begin(connection: UInt64, number: UInt64, [UInt8], any AnswerSource)
        case part(connection: UInt64, number: UInt64, [UInt8])
        case close(connection: UInt64)
        case breakOff(connection: UInt64, number: UInt64)
        case stop(grace: Duration)
    }

    let poller: Poller
    private let messages = Monitor<[Message]>([])

    init() throws(SystemError) { poller = try Poller() }

    func send(_ message: Message) {
        messages.withLock { $0.append(message) }
        poller.wake()
    }

    /// Takes all messages, in order, leaving an empty array's capacity behind.
    func take(into taken: inout [Message]) {
        taken.removeAll(keepingCapacity: true)
        taken = messages.withLock { messages in
            let all = messages
            messages = []
            return all
        }
    }
}

/// A port that an event loop serves, as other threads see it.
public final class Listening: Sendable {
    /// The port.
    public let port: UInt16
    let limits: ConnectionLimits
    /// What has passed since the start. The loop's thread counts, any reads.
    let receivedBytes = Atomic(0)
    let sentBytes = Atomic(0)
    let connections = Atomic(0)
    /// What all connections of its loop keep in memory.
    let heldRequestBytes = Atomic(0)
    let heldAnswerBytes = Atomic(0)
    private let mailbox: LoopMailbox
    private let isWoken = Atomic(false)

    init(port: UInt16, limits: ConnectionLimits, mailbox: LoopMailbox) {
        self.port = port
        self.limits = limits
        self.mailbox = mailbox
    }

    /// Makes the loop call the service's `woken`, once for any number of calls before that. Any
    /// thread may call it.
    public func wake() {
        if !isWoken.exchange(true, ordering: .acquiringAndReleasing) { mailbox.poller.wake() }
    }

    func takeWake() -> Bool { isWoken.exchange(false, ordering: .acquiringAndReleasing) }
}
