/// A promised answer, which any thread may give, once: whole, or its start, from which on the
/// connection asks a source for the other parts.
///
///     fulfil
///     begin --> extend ... --> fulfil | breakOff
public struct PromisedAnswer: Sendable {
    let remote: RemoteConnection
    let number: UInt64

    /// Gives the answer. Nothing happens when the connection has gone.
    public func fulfil(_ bytes: [UInt8]) {
        remote.mailbox.send(.answer(connection: remote.connection, number: number, bytes))
    }

    /// Gives the start of the answer.
    /// - Parameter source: asked for each other part; cancelled when the connection goes.
    func begin(_ bytes: [UInt8], _ source: any AnswerSource) {
        remote.mailbox.send(
            .begin(connection: remote.connection, number: number, bytes, source))
    }

    /// Gives the part that was asked for; `fulfil` gives the last.
    func extend(_ bytes: [UInt8]) {
        remote.mailbox.send(.part(connection: remote.connection, number: number, bytes))
    }

    /// There is no more to the answer that was begun: the connection closes after what was given,
    /// and answers no request after this one.
    func breakOff() {
        remote.mailbox.send(.breakOff(connection: remote.connection, number: number))
    }
}

/// Where the parts of an answer come from, which the loop asks for one by one, when the client has
/// taken those before.
protocol AnswerSource: Sendable {
    /// Has the next part given, by any thread: `extend`, `fulfil` or `breakOff`. Returns at once.
    func askForMore()
    /// Nobody will ask any more.
    func cancel()
}

/// A connection as other threads see it.
struct RemoteConnection: Sendable {
    let mailbox: LoopMailbox
    let connection: UInt64

    /// Closes the connection once all that was taken is answered.
    func closeAfterAnswers() { mailbox.send(.close(connection: connection)) }
}
