import Synchronization
import VarveBytes
import VarveProtocols

/// Kafka on the loop's thread: its sessions, and the fetches that wait for records.
final class KafkaService: ConnectionService {
    let broker: KafkaBroker
    let timers: LoopTimers
    let groups: GroupCoordinator
    private var waiting: [UInt64: WaitingFetch] = [:]
    private var nextNumber: UInt64 = 0

    /// A fetch that has not enough records yet.
    private struct WaitingFetch {
        var work: FetchWork
        let connection: Connection
        let promised: PromisedAnswer
        let timer: TimerQueue.ID
    }

    /// The longest wait that a client may ask for.
    private static let longestWait = Duration.seconds(300)
    /// What a fetch keeps in memory beside its records.
    private static let fetchCost = 1024

    init(broker: KafkaBroker, timers: LoopTimers) {
        self.broker = broker
        self.timers = timers
        groups = GroupCoordinator(broker: broker, timers: timers)
    }

    func handler(for connection: Connection) -> any ConnectionHandler {
        KafkaSession(self, connection: connection.id)
    }

    /// Answers a fetch now, or once enough records are there, or time is up.
    func fetch(
        _ request: FetchRequest, _ header: RequestHeader, by principal: Principal,
        on connection: Connection
    ) {
        let promised = connection.promise(cost: Self.fetchCost)
        var work = FetchWork(request, header, by: principal)
        // Counted before looking, so that a commit after the look is told of.
        broker.waitingFetches.wrappingAdd(1, ordering: .sequentiallyConsistent)
        work.advance(broker, room: connection.outputRoom)
        if work.isReady || request.maxWaitMilliseconds <= 0 {
            broker.waitingFetches.wrappingSubtract(1, ordering: .relaxed)
            return connection.fulfil(promised, work.answer(broker))
        }
        connection.reprice(promised, cost: Self.fetchCost + work.bytes)
        let number = nextNumber
        nextNumber += 1
        let wait = min(.milliseconds(Int64(request.maxWaitMilliseconds)), Self.longestWait)
        let timer = timers.add(at: .now + wait) { [weak self] in self?.finish(number) }
        waiting[number] = WaitingFetch(
            work: work, connection: connection, promised: promised, timer: timer)
    }

    private func finish(_ number: UInt64) {
        guard let fetch = forget(number) else { return }
        fetch.connection.fulfil(fetch.promised, fetch.work.answer(broker))
    }

    @discardableResult
    private func forget(_ number: UInt64) -> WaitingFetch? {
        guard let fetch = waiting.removeValue(forKey: number) else { return nil }
        broker.waitingFetches.wrappingSubtract(1, ordering: .relaxed)
        timers.cancel(fetch.timer)
        return fetch
    }

    /// Forgets what waits for a connection that has gone.
    func abandon(connection: UInt64) {
        groups.abandon(connection: connection)
        for (number, fetch) in waiting where fetch.connection.id == connection { forget(number) }
    }

    /// Records were committed.
    func woken() {
        for (number, fetch) in waiting {
            waiting[number]?.work.advance(broker, room: fetch.connection.outputRoom)
            guard let work = waiting[number]?.work else { continue }
            if work.isReady {
                finish(number)
            } else if work.bytes != fetch.work.bytes {
                fetch.connection.reprice(fetch.promised, cost: Self.fetchCost + work.bytes)
            }
        }
    }

    func relieve() {
        for (number, fetch) in waiting where fetch.work.bytes > 0 { finish(number) }
    }

    func stopping() {
        groups.stopping()
        for number in Array(waiting.keys) { finish(number) }
    }
}
