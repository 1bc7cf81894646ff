import Synchronization
import VarveBytes
public import VarveLog
import VarveProtocols
import VarveSystem

/// Serves the log to Kafka clients at one port. A topic's partition is a stream.
public final class KafkaServer: Sendable {
    /// How the server is run.
    public struct Options: Sendable {
        /// The address to listen at.
        public var host = "127.0.0.1"
        /// The port to listen at; 0 lets the kernel choose.
        public var port: UInt16 = 0
        /// What proves that a client can read the node's files: see `NodeToken`.
        var token: String?
        /// How topics are seen, where others change that, too; nil: only clients of this server.
        var catalog: BrokerCatalog?
        /// The host that clients are told to connect to; the one listened at when nil.
        public var advertisedHost: String?
        /// The port that clients are told to connect to; the one listened at when nil.
        public var advertisedPort: UInt16?
        /// Whether asking for a topic that does not exist creates it.
        public var createsTopics = true
        /// Partitions of topics that are created without saying how many.
        public var partitions: Int32 = 1
        /// The most partitions of one topic.
        public var maxPartitions: Int32 = 256
        /// The largest batch, bytes; Kafka's `max.message.bytes`.
        public var batchBytes = 16 << 20
        /// The most bytes of records in one answer; a first batch above it is sent whole.
        public var fetchBytes = 50 << 20
        /// Where group offsets are kept; nil: for as long as the process runs.
        public var groupsDirectory: String?
        /// The session timeouts that members of groups may ask for.
        public var sessionTimeouts = Duration.seconds(6)...Duration.seconds(1800)
        /// How long the first members of a group wait for others.
        public var initialRebalanceDelay = Duration.milliseconds(250)
        /// The longest words beside a committed offset, bytes.
        public var offsetMetadataBytes = 4096
        /// What one connection may keep in memory.
        public var limits = ConnectionLimits()
        /// How long `stop` waits for answers.
        public var grace = Duration.seconds(5)

        /// The defaults.
        public init() {}
    }

    private let loop: EventLoop
    private let broker: KafkaBroker
    private let listening: Listening
    private let grace: Duration

    /// Starts to serve.
    /// - Parameters:
    ///   - gate: judges batches before they are appended; without one, all but reserved streams
    ///     take any batch.
    ///   - report: told what went wrong with connections.
    /// - Throws: `SystemError` `EADDRINUSE` when another process has the port; also when the
    ///   group offsets cannot be read.
    public init(
        log: Log, options: Options, gate: (any AppendGate)?,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        let broker = try KafkaBroker(log: log, options: options, gate: gate, report: report)
        let loop: EventLoop
        do {
            loop = try EventLoop(name: "kafka", report: report)
        } catch {
            broker.stop()
            throw error
        }
        do {
            listening = try loop.listen(
                host: options.host, port: options.port, limits: options.limits
            ) { timers in KafkaService(broker: broker, timers: timers) }
        } catch {
            loop.stop(grace: .zero)
            broker.stop()
            throw error
        }
        self.loop = loop
        self.broker = broker
        grace = options.grace
        broker.port.store(options.advertisedPort ?? listening.port, ordering: .relaxed)
        // The log keeps its observers for good, so this one must not keep the server.
        log.onCommit { [weak listening, weak broker] _ in
            guard let listening, let broker else { return }
            if broker.waitingFetches.load(ordering: .acquiring) > 0 { listening.wake() }
        }
    }

    /// Where it listens.
    public var port: UInt16 { listening.port }

    /// Adds what is known here to a node's metrics.
    func report(to metrics: NodeMetrics) {
        metrics.add { [broker] text in
            broker.requests.write(&text)
            broker.writeLags(&text)
        }
        metrics.watch("kafka", listening)
    }

    /// The users as the log has them now.
    func users() -> UserTable { broker.catalog.users(broker.report) }

    /// Accepts nothing more, answers what was accepted, and closes everything. The log is to be
    /// closed after it.
    public func stop() {
        loop.stop(grace: grace)
        broker.stop()
    }
}

/// What all Kafka connections and their helpers share.
final class KafkaBroker: Sendable {
    let log: Log
    let options: KafkaServer.Options
    let gate: (any AppendGate)?
    let report: @Sendable (String) -> Void
    /// Creates topics, which waits for the disk.
    let workers = WorkerPool(name: "kafka", threads: 1, limit: 1024)
    /// The port that clients are told to connect to.
    let port = Atomic<UInt16>(0)
    /// Fetches that wait for records.
    let waitingFetches = Atomic(0)
    /// How topics are seen.
    let catalog: BrokerCatalog
    /// What consumer groups have read.
    let offsets: GroupOffsets
    let requests = RequestMetrics(prefix: "varve_kafka", kind: "api", outcome: "error")
    private let secret = RandomSource.bytes(32)
    private let producers = Atomic<Int64>(0)

    /// The one broker that clients see.
    static let node: Int32 = 0

    init(
        log: Log, options: KafkaServer.Options, gate: (any AppendGate)?,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        catalog = try options.catalog ?? BrokerCatalog(log)
        offsets = try GroupOffsets(
            directory: options.groupsDirectory, log: log.id, files: PosixFileSystem(),
            report: report)
        self.log = log
        self.options = options
        self.gate = gate
        self.report = report
    }

    /// Ends the threads.
    func stop() {
        workers.stop()
        offsets.close()
    }

    /// The time of day.
    var now: Timestamp { SystemClock().now() }

    /// Where clients are told to connect to.
    var advertisedHost: String { options.advertisedHost ?? options.host }
    var advertisedPort: Int32 { Int32(port.load(ordering: .relaxed)) }

    /// What is shown of a user who does not exist: the same each time, so that it does not tell.
    func madeUpCredential(of user: String) -> ScramCredential {
        let made = HMACSHA256(key: secret).code(of: Array(user.utf8))
        return ScramCredential(
            salt: Array(made.prefix(16)), iterations: ScramCredential.iterations,
            storedKey: made, serverKey: made)
    }

    /// A producer id that this log never gave out before: its epoch counts its openings.
    func newProducerID() -> Int64 {
        let number = producers.wrappingAdd(1, ordering: .relaxed).oldValue
        return Int64(log.epoch) << 32 | number & 0xffff_ffff
    }

    /// The leader epoch that clients see.
    var leaderEpoch: Int32 { Int32(truncatingIfNeeded: log.epoch) }

    /// Whether producers may append to a stream.
    func takes(_ stream: StreamName) -> Bool {
        !stream.isReserved || gate?.opens(reserved: stream) ?? false
    }
}
