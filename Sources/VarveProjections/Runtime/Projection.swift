public import VarveLog

/// A deterministic fold of the log into state that can be queried.
///
/// `apply` is a function of (state, frame): no clock, no randomness. All calls come from the
/// projector's thread, frames in order of position; queries come from any thread, so the state is
/// behind a lock of the projection's own.
public protocol Projection: AnyObject, Sendable {
    /// Its name in paths, messages and metrics.
    var name: String { get }

    /// The end of what it has folded: where it resumes.
    var position: Position { get }

    /// Takes in one frame that lies at or above `position`.
    /// - Throws: when the frame cannot be folded; the projection then stands still there.
    func apply(_ frame: borrowing FrameView, stream: String) throws

    /// Notes that every record below a position has been handed over.
    func advance(to position: Position)

    /// Writes what it needs to resume from `position` instead of from the start.
    func save() throws

    /// Writes what others read of it, so that it does not fall behind without bound while few
    /// records come. Called now and then, when something was applied since.
    func refresh() throws
}

extension Projection {
    /// Nothing: most are read in memory.
    public func refresh() throws {}
}
