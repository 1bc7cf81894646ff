internal import CHardware
internal import Glibc
internal import VarveBytes

/// A connected TCP socket, closed when the last reference goes. Small writes leave at once
/// (TCP_NODELAY), and a peer that has gone is an error, never a signal.
///
/// Accepted sockets do not block; sockets made by `connect` do, up to their timeout.
public final class Socket: Sendable {
    let descriptor: Descriptor
    /// The other side's address, for messages: `127.0.0.1:9092`.
    public let peer: String
    private let isBlocking: Bool

    init(_ descriptor: Descriptor, peer: String, isBlocking: Bool) {
        self.descriptor = descriptor
        self.peer = peer
        self.isBlocking = isBlocking
        descriptor.set(Int32(IPPROTO_TCP), TCP_NODELAY, to: Int32(1))
    }

    /// Connects to the first address of `host` that answers.
    /// - Parameter timeout: the longest wait for the connection, and later for each read and write.
    /// - Throws: `ECONNREFUSED` when nobody listens there, `ETIMEDOUT` when nobody answers.
    public static func connect(
        host: String, port: UInt16, timeout: Duration
    ) throws(SystemError) -> Socket {
        let peer = "\(host):\(port)"
        let descriptor = try SocketAddress.first(of: host, port, isPassive: false) {
            (address) throws(SystemError) in
            let descriptor = try address.socket(peer)
            try descriptor.connect(to: address, within: timeout, peer)
            return descriptor
        }
        try descriptor.becomeBlocking(timeout: timeout, peer)
        return Socket(descriptor, peer: peer, isBlocking: true)
    }

    /// What a read found.
    public enum ReadResult: Sendable, Equatable {
        /// So many bytes, at least one.
        case bytes(Int)
        /// The peer writes no more.
        case end
        /// Nothing is there yet; only of sockets that do not block.
        case wouldBlock
    }

    /// Reads what is there, at most as much as fits, into the buffer from `start` on.
    /// - Throws: `ETIMEDOUT` when a blocking socket waited in vain.
    public func read(into buffer: inout [UInt8], from start: Int) throws(SystemError) -> ReadResult
    {
        precondition(start >= 0 && start < buffer.count, "no room at \(start) of \(buffer.count)")
        while true {
            // Safe: the precondition proves that the bytes from start on lie within the buffer.
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe recv(
                    descriptor.number, bytes.baseAddress.map { unsafe $0 + start },
                    bytes.count - start, 0)
            }
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN where isBlocking: throw timedOut("recv")
            case EAGAIN: return .wouldBlock
            default: throw .last("recv", peer)
            }
        }
    }

    /// Writes what the kernel takes now: all of it, unless the socket does not block.
    /// - Returns: the bytes taken.
    /// - Throws: `EPIPE` or `ECONNRESET` when the peer has gone, `ETIMEDOUT` when a blocking socket
    ///   waited in vain.
    public func write(_ bytes: RawSpan) throws(SystemError) -> Int {
        var done = 0
        while done < bytes.byteCount {
            // Safe: the buffer is only read, and done lies within it.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(
                    descriptor.number, buffer.baseAddress.map { unsafe $0 + done },
                    buffer.count - done, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                done += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN where isBlocking: throw timedOut("send")
            case EAGAIN: return done
            default: throw .last("send", peer)
            }
        }
        return done
    }

    /// Whether bytes, or the end, can be read at this moment.
    public var hasInput: Bool { descriptor.waitUntilReady(Int16(POLLIN), timeout: .zero) }

    /// Tells the peer that nothing more will be written; reading goes on.
    public func finishWriting() { _ = shutdown(descriptor.number, Int32(SHUT_WR)) }

    private func timedOut(_ operation: String) -> SystemError {
        SystemError(operation: operation, subject: peer, code: ETIMEDOUT)
    }
}

/// A socket that accepts TCP connections; closed when the last reference goes.
public final class ListeningSocket: Sendable {
    let descriptor: Descriptor
    /// The address it listens at, as asked for.
    public let host: String
    /// The port it listens at: the kernel's choice when 0 was asked for.
    public let port: UInt16

    /// Connections that wait to be accepted.
    private static let backlog: Int32 = 512

    /// Listens at the first address of `host`.
    /// - Throws: `EADDRINUSE` when another process listens at the port.
    public init(host: String, port: UInt16) throws(SystemError) {
        let subject = "\(host):\(port)"
        descriptor = try SocketAddress.first(of: host, port, isPassive: true) {
            (address) throws(SystemError) in
            let descriptor = try address.socket(subject)
            // A port that was just given up may be taken again at once.
            descriptor.set(SOL_SOCKET, SO_REUSEADDR, to: Int32(1))
            try descriptor.bind(to: address, subject)
            guard listen(descriptor.number, Self.backlog) == 0 else {
                throw .last("listen", subject)
            }
            return descriptor
        }
        self.host = host
        self.port = try descriptor.localPort(subject)
    }

    /// The next connection; nil when none waits.
    /// - Throws: `EMFILE` and the like when the process can have no more of them.
    public func accept() throws(SystemError) -> Socket? {
        while true {
            let number = chw_accept4(descriptor.number)
            if number >= 0 {
                let accepted = Descriptor(number)
                return Socket(accepted, peer: accepted.peerText(), isBlocking: false)
            }
            switch errno {
            // The peer gave up before it was accepted.
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw .last("accept", "\(host):\(port)")
            }
        }
    }
}
