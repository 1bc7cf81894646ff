public import VarveSystem

/// One thread that serves the connections of one or more ports. It reads what arrives, lets a
/// protocol make sense of it, and writes the answers in the order of the requests; slow work is
/// done by other threads, which hand their answers over.
///
///     sockets --> epoll --> handler.receive --> promise ....................
///     sockets <-- write <-- answers in order <-- mailbox <-- other threads :
public final class EventLoop: Sendable {
    private let mailbox: LoopMailbox
    private let thread: WorkerThread

    /// Starts the loop's thread.
    /// - Parameters:
    ///   - name: the thread's name.
    ///   - report: told what went wrong with connections, on the loop's thread.
    public init(
        name: String, report: @escaping @Sendable (String) -> Void
    ) throws(SystemError) {
        let mailbox = try LoopMailbox()
        self.mailbox = mailbox
        // Everything the loop owns is made on its thread and never leaves it.
        thread = WorkerThread(name: name) { LoopCore(mailbox: mailbox, report: report).run() }
    }

    /// Serves a port.
    /// - Parameter makeService: called once, on the loop's thread.
    /// - Throws: `EADDRINUSE` when another process has the port.
    public func listen(
        host: String, port: UInt16, limits: ConnectionLimits,
        _ makeService: @escaping @Sendable (LoopTimers) -> any ConnectionService
    ) throws(SystemError) -> Listening {
        let socket = try ListeningSocket(host: host, port: port)
        let listening = Listening(port: socket.port, limits: limits, mailbox: mailbox)
        // The loop alone keeps the socket, so the port is free once it has stopped.
        mailbox.send(.listen(socket, listening, makeService))
        return listening
    }

    /// Accepts nothing more, answers what was accepted, closes everything, and ends the thread.
    /// What is not answered within `grace` is cut off.
    public func stop(grace: Duration) {
        precondition(!thread.isCurrent, "an event loop cannot wait for itself")
        mailbox.send(.stop(grace: grace))
        thread.join()
    }
}

/// Plans actions on a loop's thread.
public final class LoopTimers {
    var queue = TimerQueue()

    func add(
        at deadline: ContinuousClock.Instant, _ action: @escaping () -> Void
    ) -> TimerQueue.ID {
        queue.add(at: deadline, action)
    }

    func cancel(_ id: TimerQueue.ID) { queue.cancel(id) }
}
