internal import Glibc

/// A state behind a lock, with a condition to wait for.
///
/// A pthread mutex and condition variable instead of `Synchronization.Mutex`: that one has no
/// condition, and the thread sanitizer reports false races through it.
@safe
public final class Monitor<State>: @unchecked Sendable {
    // Protected by: `mutex`, held whenever `state` is touched.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    /// A monitor of `state`, which nobody else may keep a reference into.
    public init(_ state: sending State) {
        self.state = state
        // Safe: both are initialised here, never moved, and destroyed with the monitor.
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        // Deadlines are on the monotonic clock: setting the time of day must not stretch a wait.
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        // Safe: nobody can wait or hold the lock when the last reference goes.
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs `body` while holding the lock. Not reentrant.
    public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        // Safe: the mutex is initialised; lock and unlock are paired.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Waits, without holding the lock, until `condition` holds or `timeout` has passed, then runs
    /// `body` while holding the lock, whether the condition holds or not.
    /// - Parameter timeout: nil waits for as long as it takes.
    public func wait<Result>(
        until isTrue: (borrowing State) -> Bool, timeout: Duration? = nil,
        _ body: (inout sending State) -> sending Result
    ) -> sending Result {
        let deadline = timeout.map { Self.deadline(after: $0) }
        // Safe: as above; both waits release the lock that is held here and take it again.
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while !isTrue(state) {
            if var deadline {
                if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
            } else {
                unsafe pthread_cond_wait(condition, mutex)
            }
        }
        return body(&state)
    }

    /// Lets every waiter look at its condition again.
    public func wakeAll() {
        // Safe: the condition is initialised.
        unsafe pthread_cond_broadcast(condition)
    }

    private static func deadline(after timeout: Duration) -> timespec {
        var time = timespec()
        // Safe: the kernel fills the local structure; CLOCK_MONOTONIC cannot fail.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        let (seconds, attoseconds) = timeout.components
        let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
        // A wait of years is a wait for ever.
        time.tv_sec += Int(min(seconds, 1_000_000_000)) + nanoseconds / 1_000_000_000
        time.tv_nsec = nanoseconds % 1_000_000_000
        return time
    }
}
