/// One protocol at one port. Made, used and let go on the loop's thread: what it keeps needs no
/// lock.
public protocol ConnectionService: AnyObject {
    /// The protocol's side of a connection that was accepted.
    func handler(for connection: Connection) -> any ConnectionHandler
    /// Another thread called `Listening.wake`.
    func woken()
    /// Memory is short: what waits and holds some is to be answered with what there is.
    func relieve()
    /// The loop is about to stop: answer what waits for something to happen.
    func stopping()
}

extension ConnectionService {
    public func relieve() {}
}

extension ConnectionHandler {
    public func ended() {}
}

/// A protocol's side of one connection.
public protocol ConnectionHandler: AnyObject {
    /// Takes whole requests from the start of `bytes`, as long as the connection accepts them, and
    /// answers or promises answers in their order.
    /// - Returns: the bytes taken; the others come again, with more behind them.
    /// - Throws: when the bytes are not the protocol's: the connection is closed once all that was
    ///   taken is answered.
    func receive(_ bytes: RawSpan, on connection: Connection) throws -> Int
    /// The client sends nothing more. It may still read, but most have gone.
    func ended()
    /// Steps of `foresee` that are worth taking.
    var foresightSteps: Int { get }
    /// `receive` will be called with these bytes, or with more behind them: what it needs may be
    /// fetched into the processor's cache. A step is taken for all connections that are ready
    /// before the next one is, so that the processor waits for all of them at once.
    func foresee(_ bytes: RawSpan, step: Int)
    /// The connection has gone.
    func closed()
}

extension ConnectionHandler {
    public var foresightSteps: Int { 0 }
    public func foresee(_ bytes: RawSpan, step: Int) {}
}
