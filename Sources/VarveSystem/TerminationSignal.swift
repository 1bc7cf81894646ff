internal import CHardware
internal import Glibc

/// The wish of an operator or a supervisor that the process end: SIGTERM or SIGINT, delivered as
/// a value instead of by killing the process.
public final class TerminationSignal: Sendable {
    private let descriptor: Descriptor

    /// Which one it was.
    public enum Kind: Sendable, Equatable {
        /// Ctrl-C.
        case interrupt
        /// `kill`, a supervisor, a shutdown.
        case terminate
    }

    /// Takes over both signals for the calling thread and the threads it starts from then on: make
    /// it on the main thread, before anything else starts one. Switches SIGPIPE off as well.
    public init() throws(SystemError) {
        let number = chw_signalfd_terminate()
        guard number >= 0 else { throw .last("signalfd", "SIGTERM and SIGINT") }
        descriptor = Descriptor(number)
    }

    /// Waits for a signal.
    /// - Parameter timeout: nil waits for as long as it takes.
    /// - Returns: nil when time is up.
    public func wait(timeout: Duration? = nil) -> Kind? {
        guard descriptor.waitUntilReady(Int16(POLLIN), timeout: timeout) else { return nil }
        // The kernel's signalfd_siginfo: 128 bytes that begin with the signal's number.
        var info = [UInt32](repeating: 0, count: 32)
        // Safe: the kernel fills at most the array's bytes.
        let count = unsafe info.withUnsafeMutableBytes {
            unsafe read(descriptor.number, $0.baseAddress, $0.count)
        }
        guard count > 0 else { return nil }
        return info[0] == UInt32(SIGINT) ? .interrupt : .terminate
    }
}
