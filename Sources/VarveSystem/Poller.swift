internal import CHardware
internal import Glibc
internal import Synchronization

/// Waits for sockets to become ready (epoll, level-triggered). One thread waits; others may wake
/// it.
public final class Poller: Sendable {
    private let epoll: Descriptor
    private let alarm: Descriptor
    /// Whether a wake-up is under way: further ones need no system call.
    private let isWoken = Atomic(false)

    /// What a socket is watched for; its end and its errors are noticed in any case.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Bytes or connections to take, or the peer's end.
        public static let read = Interest(rawValue: 1)
        /// Room for bytes.
        public static let write = Interest(rawValue: 2)
        /// The peer's end alone: bytes before it stay where they are.
        public static let end = Interest(rawValue: 4)
    }

    /// A socket that became ready.
    public struct Event: Sendable, Equatable {
        /// What the socket was registered under.
        public let token: UInt64
        /// Reading will not block: bytes, connections, the end or an error are there.
        public let isReadable: Bool
        /// Writing will not block.
        public let isWritable: Bool
        /// The peer has gone, in both directions.
        public let isHungUp: Bool
    }

    /// The token that may not be used for sockets.
    public static let reservedToken = UInt64.max

    private static let eventsAtOnce = 256

    /// A poller that watches nothing yet.
    public init() throws(SystemError) {
        let epollNumber = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epollNumber >= 0 else { throw .last("epoll_create1", "poller") }
        epoll = Descriptor(epollNumber)
        let alarmNumber = chw_eventfd()
        guard alarmNumber >= 0 else { throw .last("eventfd", "poller") }
        alarm = Descriptor(alarmNumber)
        try control(EPOLL_CTL_ADD, alarm, .read, Self.reservedToken)
    }

    /// Begins to watch a connection.
    public func add(_ socket: Socket, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, socket.descriptor, interest, token)
    }

    /// Begins to watch for connections to accept.
    public func add(_ socket: ListeningSocket, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, socket.descriptor, .read, token)
    }

    /// Changes what a connection is watched for.
    public func change(
        _ socket: Socket, to interest: Interest, token: UInt64
    ) throws(SystemError) {
        try control(EPOLL_CTL_MOD, socket.descriptor, interest, token)
    }

    /// Ceases to watch a connection; before its last reference goes.
    public func remove(_ socket: Socket) { remove(socket.descriptor) }

    /// Ceases to watch for connections to accept.
    public func remove(_ socket: ListeningSocket) { remove(socket.descriptor) }

    private func remove(_ descriptor: Descriptor) {
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor.number, nil)
    }

    private func control(
        _ operation: Int32, _ descriptor: Descriptor, _ interest: Interest, _ token: UInt64
    ) throws(SystemError) {
        var watched: UInt32 = 0
        if interest.contains(.read) { watched |= CHW_EPOLL_IN | CHW_EPOLL_RDHUP }
        if interest.contains(.write) { watched |= CHW_EPOLL_OUT }
        if interest.contains(.end) { watched |= CHW_EPOLL_RDHUP }
        // Safe: the kernel reads the local structure, whose union holds the token.
        var event = unsafe epoll_event(events: watched, data: epoll_data_t(u64: token))
        guard unsafe epoll_ctl(epoll.number, operation, descriptor.number, &event) == 0 else {
            throw .last("epoll_ctl", "poller")
        }
    }

    /// Waits until a socket is ready, `wake` is called or time is up, and replaces `events` by
    /// what happened.
    /// - Parameter timeout: nil waits for as long as it takes.
    public func wait(into events: inout [Event], timeout: Duration?) throws(SystemError) {
        events.removeAll(keepingCapacity: true)
        // Safe: the kernel fills at most as many events as the array holds.
        var found = unsafe [epoll_event](repeating: epoll_event(), count: Self.eventsAtOnce)
        let milliseconds = timeout.map(\.wholeMilliseconds) ?? -1
        let count = unsafe epoll_wait(
            epoll.number, &found, Int32(Self.eventsAtOnce), milliseconds)
        guard count >= 0 else {
            if errno == EINTR { return }
            throw .last("epoll_wait", "poller")
        }
        for index in 0..<Int(count) {
            // Safe: every event was registered with this member of the union.
            let (token, flags) = unsafe (found[index].data.u64, found[index].events)
            if token == Self.reservedToken {
                silence()
                continue
            }
            let isHungUp = flags & CHW_EPOLL_CLOSED != 0
            events.append(
                Event(
                    token: token,
                    isReadable: isHungUp || flags & (CHW_EPOLL_IN | CHW_EPOLL_RDHUP) != 0,
                    isWritable: flags & CHW_EPOLL_OUT != 0, isHungUp: isHungUp))
        }
    }

    /// Makes the waiting thread return from `wait`, now or when it next waits. Any thread may call
    /// it.
    public func wake() {
        if isWoken.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        // Safe: the kernel reads the local integer. A full counter is as good as a written one.
        _ = unsafe write(alarm.number, &one, MemoryLayout<UInt64>.size)
    }

    private func silence() {
        var count: UInt64 = 0
        // Safe: the kernel fills the local integer.
        _ = unsafe read(alarm.number, &count, MemoryLayout<UInt64>.size)
        // What was handed over before this is seen by the caller, who looks after waiting.
        isWoken.store(false, ordering: .sequentiallyConsistent)
    }
}
