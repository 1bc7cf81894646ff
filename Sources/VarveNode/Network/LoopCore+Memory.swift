import VarveSystem

/// Keeps what all connections of a loop hold in memory within `ConnectionLimits`.
///
///     requestBytes = promised (the node's turn) + half requests (the clients' turn)
///     outputBytes  = answers that were not taken (the clients' turn)
///
/// When requests have no room nothing more is read. If that is because of half requests, nobody
/// would ever read on; so those whose clients send nothing are given up, and of the others the
/// largest is favoured: it reads on until it is whole. Answers that are not taken are given up
/// when there is no room for more.
extension LoopCore {
    /// What counts against `loopRequestBytes`.
    var requestBytes: Int { promisedBytes + inputBytes }

    /// Sees to it that memory does not stay full because of clients that do nothing.
    func makeRoom() {
        guard let limits = listeners.values.first?.listening.limits else { return }
        giveUp(
            "its answers were not taken", held: { $0.outputBytes },
            while: { $0.outputBytes >= limits.loopOutputBytes })
        guard requestBytes >= limits.loopRequestBytes else {
            favoured = nil
            return
        }
        if let favoured, favoured.inputBytes == 0 { self.favoured = nil }
        // Looking at all connections takes time: not with every event.
        if looksAgain, favoured != nil { return }
        for listener in listeners.values { listener.service.relieve() }
        lookAgain(limits)
        // Answers will come, and make room.
        if promisedBytes >= limits.loopRequestBytes / 2 { return }
        giveUp(
            // What the client has sent may wait in the kernel, because nothing is read.
            "the rest of its request did not come",
            held: { $0.isHalf && !$0.socket.hasInput ? $0.inputBytes : 0 },
            // Half of it, so that others come to read much before it is full again.
            while: { $0.requestBytes >= limits.loopRequestBytes / 2 })
        if requestBytes >= limits.loopRequestBytes, favoured == nil { favour() }
    }

    /// Closes connections that have stalled, those that hold most first, until there is room.
    private func giveUp(
        _ reason: String, held: (Connection) -> Int, while isShort: (LoopCore) -> Bool
    ) {
        guard isShort(self) else { return }
        let now = ContinuousClock.now
        let stalled = connections.values.filter { $0.hasStalled(at: now) }
            .map { (connection: $0, held: held($0)) }.filter { $0.held > 0 }
        for connection in stalled.sorted(by: { $0.held > $1.held }).map(\.connection) {
            guard isShort(self) else { return }
            report(
                "\(connection.peer): \(reason) while memory was short; the connection is closed")
            connection.close()
        }
    }

    /// Lets the largest half request become whole.
    private func favour() {
        favoured = connections.values.filter(\.isHalf).max { $0.inputBytes < $1.inputBytes }
        if let favoured { touch(favoured) }
    }

    /// Has the loop come by here again, though nothing may happen until then.
    private func lookAgain(_ limits: ConnectionLimits) {
        if looksAgain { return }
        looksAgain = true
        _ = timers.add(at: .now + limits.impatientTime / 2) { [weak self] in
            self?.looksAgain = false
        }
    }
}
