internal import CHardware
internal import Glibc

/// A named thread of the kernel. Threads own, values travel: what a thread works on is handed to
/// its body, and comes back through a `Monitor`.
public final class WorkerThread: Sendable {
    private let handle: pthread_t
    private let joined = Monitor(false)

    /// Starts a thread that runs `body` once.
    /// - Parameter name: what debuggers show; Linux keeps the first 15 bytes.
    public init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = ThreadStart(name: String(name.prefix(15)), body: body)
        var handle = pthread_t()
        // Safe: the start record is retained here and released by the thread, exactly once.
        let argument = unsafe Unmanaged.passRetained(start).toOpaque()
        let result = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                // Safe: the name is a terminated copy for the duration of the call.
                _ = unsafe chw_name_thread(start.name)
                start.body()
                return nil
            }, argument)
        precondition(result == 0, "pthread_create failed: \(result)")
        self.handle = handle
    }

    /// Waits until the body has returned. Calling it again does nothing.
    public func join() {
        let isFirst = joined.withLock { joined in
            defer { joined = true }
            return !joined
        }
        // A thread is joined exactly once.
        if isFirst { pthread_join(handle, nil) }
    }

    deinit {
        // A thread is joined or detached exactly once.
        if !joined.withLock({ $0 }) { pthread_detach(handle) }
    }

    /// Whether the caller runs on this thread.
    public var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }
}

/// What a starting thread is given.
private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
