internal import Glibc
internal import Synchronization
public import VarveBytes

/// Where the time of day comes from.
public protocol Clock: Sendable {
    /// The time of day. It may step backwards when an operator sets the clock.
    func now() -> Timestamp
}

/// The machine's clock.
public struct SystemClock: Clock {
    /// The machine's clock.
    public init() {}

    public func now() -> Timestamp {
        var time = timespec()
        // Safe: the kernel fills the local structure; CLOCK_REALTIME cannot fail.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

/// A clock that stands still until told otherwise: for tests and simulations.
public final class ManualClock: Clock {
    private let microseconds: Atomic<Int64>

    /// A clock that shows `start`.
    public init(_ start: Timestamp) { microseconds = Atomic(start.microseconds) }

    public func now() -> Timestamp {
        Timestamp(microseconds: microseconds.load(ordering: .relaxed))
    }

    /// Moves the clock, also backwards.
    public func advance(byMicroseconds step: Int64) {
        microseconds.wrappingAdd(step, ordering: .relaxed)
    }
}
