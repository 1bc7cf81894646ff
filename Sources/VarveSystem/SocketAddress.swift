internal import Glibc

/// An open descriptor of the kernel, closed when the last reference goes.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { _ = close(number) }
}

/// One address that a name stands for.
@safe
struct SocketAddress {
    private let storage: sockaddr_storage
    private let length: socklen_t
    private let family: Int32

    /// Calls `body` with the addresses of a host, in order, until it does not throw.
    /// - Throws: what `body` threw last, or why the name has no address.
    static func first<R>(
        of host: String, _ port: UInt16, isPassive: Bool,
        _ body: (SocketAddress) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        var failure: SystemError?
        for address in try resolve(host, port, isPassive: isPassive) {
            do {
                return try body(address)
            } catch {
                failure = error
            }
        }
        throw failure ?? SystemError(operation: "getaddrinfo", subject: host, code: EAI_NONAME)
    }

    private static func resolve(
        _ host: String, _ port: UInt16, isPassive: Bool
    ) throws(SystemError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = isPassive ? AI_PASSIVE | AI_NUMERICSERV : AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        // Safe: host and port are terminated copies for the call; the list is freed below, once.
        let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else {
            throw SystemError(operation: "getaddrinfo", subject: host, code: code)
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe SocketAddress(entry.pointee) { found.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    private init?(_ entry: addrinfo) {
        let size = unsafe Int(entry.ai_addrlen)
        guard let source = unsafe entry.ai_addr, size <= MemoryLayout<sockaddr_storage>.size else {
            return nil
        }
        var storage = sockaddr_storage()
        // Safe: the guard proves that the address fits the local storage.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: size))
        }
        self.storage = storage
        length = unsafe entry.ai_addrlen
        family = unsafe entry.ai_family
    }

    /// A socket for this kind of address, which does not block.
    func socket(_ subject: String) throws(SystemError) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = Glibc.socket(family, kind, 0)
        guard number >= 0 else { throw .last("socket", subject) }
        return Descriptor(number)
    }

    fileprivate func with<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        // Safe: sockaddr_storage is made to be seen as sockaddr, and lives through the closure.
        unsafe withUnsafePointer(to: storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, length)
            }
        }
    }
}

extension Descriptor {
    /// Sets a socket option; options here are hints, so failures are of no consequence.
    func set<Value>(_ level: Int32, _ option: Int32, to value: Value) {
        // Safe: the kernel reads exactly the local value.
        _ = unsafe withUnsafeBytes(of: value) {
            unsafe setsockopt(number, level, option, $0.baseAddress, socklen_t($0.count))
        }
    }

    func bind(to address: SocketAddress, _ subject: String) throws(SystemError) {
        // Safe: the address lives through the call.
        let result = unsafe address.with { unsafe Glibc.bind(number, $0, $1) }
        guard result == 0 else { throw .last("bind", subject) }
    }

    /// Connects a socket that does not block.
    func connect(
        to address: SocketAddress, within timeout: Duration, _ subject: String
    ) throws(SystemError) {
        // Safe: the address lives through the call.
        let result = unsafe address.with { unsafe Glibc.connect(number, $0, $1) }
        if result == 0 { return }
        guard errno == EINPROGRESS || errno == EINTR else { throw .last("connect", subject) }
        guard waitUntilReady(Int16(POLLOUT), timeout: timeout) else {
            throw SystemError(operation: "connect", subject: subject, code: ETIMEDOUT)
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // Safe: the kernel fills the local integer.
        _ = unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else {
            throw SystemError(operation: "connect", subject: subject, code: code)
        }
    }

    /// Waits until one of the events has happened; false when time is up.
    /// - Parameter timeout: nil waits for as long as it takes, zero not at all.
    func waitUntilReady(_ events: Int16, timeout: Duration?) -> Bool {
        var entry = pollfd(fd: number, events: events, revents: 0)
        let milliseconds = timeout.map { $0 == .zero ? 0 : max(1, $0.wholeMilliseconds) } ?? -1
        while true {
            // Safe: the kernel reads and fills the local structure.
            let ready = unsafe poll(&entry, 1, milliseconds)
            if ready >= 0 { return ready > 0 }
            guard errno == EINTR else { return false }
        }
    }

    func becomeBlocking(timeout: Duration, _ subject: String) throws(SystemError) {
        let flags = fcntl(number, F_GETFL)
        guard flags >= 0, fcntl(number, F_SETFL, flags & ~O_NONBLOCK) == 0 else {
            throw .last("fcntl", subject)
        }
        let (seconds, attoseconds) = timeout.components
        let limit = timeval(
            tv_sec: Int(seconds), tv_usec: max(1, Int(attoseconds / 1_000_000_000_000)))
        set(SOL_SOCKET, SO_RCVTIMEO, to: limit)
        set(SOL_SOCKET, SO_SNDTIMEO, to: limit)
    }

    func localPort(_ subject: String) throws(SystemError) -> UInt16 {
        // Safe: getsockname is what `name` expects.
        guard let name = unsafe name(getsockname) else { throw .last("getsockname", subject) }
        return name.port
    }

    func peerText() -> String {
        // Safe: getpeername is what `name` expects.
        guard let name = unsafe name(getpeername) else { return "an unknown peer" }
        return name.host.contains(":") ? "[\(name.host)]:\(name.port)" : "\(name.host):\(name.port)"
    }

    private func name(
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) -> (host: String, port: UInt16)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        // Safe: the kernel fills at most `length` bytes of the local storage, and getnameinfo
        // writes terminated texts within the arrays it is told the sizes of.
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe ask(number, address, &length) == 0,
                    unsafe getnameinfo(
                        address, length, &host, socklen_t(host.count), &service,
                        socklen_t(service.count), NI_NUMERICHOST | NI_NUMERICSERV) == 0
                else { return nil }
                return (text(host), UInt16(text(service)) ?? 0)
            }
        }
    }

    private func text(_ characters: [CChar]) -> String {
        String(
            decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension SocketAddress {
    /// The address in numbers, such as `127.0.0.1`; nil when it has none.
    fileprivate var text: String? {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        // Safe: getnameinfo writes a terminated text within the array it is told the size of.
        let code = unsafe with { address, length in
            unsafe getnameinfo(
                address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
        }
        guard code == 0 else { return nil }
        return String(
            decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The address that the name of a host stands for, however it is spelled.
public struct HostAddress: Sendable, Equatable {
    /// In numbers: `127.0.0.1`, `::1`.
    public let text: String

    /// Looks a name up: the first of its addresses that can be listened at.
    /// - Throws: when there is none.
    public init(resolving host: String) throws(SystemError) {
        text = try SocketAddress.first(of: host, 0, isPassive: true) {
            (address) throws(SystemError) in
            try address.socket(host).bind(to: address, host)
            guard let text = address.text else { throw .last("getnameinfo", host) }
            return text
        }
    }

    /// Whether nothing but this machine reaches it.
    public var isLoopback: Bool {
        text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    }

    /// Whether it stands for all addresses of the machine.
    public var isWildcard: Bool { text == "0.0.0.0" || text == "::" }
}

extension Duration {
    /// Milliseconds, rounded up, as the kernel's waits take them.
    var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        let milliseconds = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: min(seconds, 2_000_000) * 1000 + milliseconds)
    }
}
