import VarveBytes
import VarveFeatures
import VarveFormats
public import VarveLog
public import VarveProjections
public import VarveSystem

/// One data directory, open: the log, its projections, and what can be asked of them. Listeners
/// and the command line are both clients of this class.
///
///     DIR/log           the log: the truth
///     DIR/projections   folds of the log: deleting them costs a replay, nothing else
public final class Node: Sendable {
    public let log: Log
    public let catalog: CatalogProjection
    public let registry: RegistryProjection
    public let online: OnlineStore
    public let offline: OfflineStore
    public let monitoring: MonitoringProjection
    public let projector: Projector
    /// Training sets that are built in the background.
    let jobs = TrainingJobs()
    /// Where answers wait that clients have not taken.
    let answers: SpoolSpace
    let files: any FileSystem
    /// Where training sets put facts that exceed their memory, in files without names.
    let spillDirectory: String
    let gate: StreamGate
    /// How clients see topics: those that were deleted are hidden.
    let topics: BrokerCatalog
    let metrics = NodeMetrics()
    /// Whether appending to a stream that does not exist creates it.
    let createsStreams: Bool
    let clock: any Clock
    let models: ModelCache
    /// Prediction ids that are being answered: an id is used once.
    let idsInFlight = Monitor<Set<String>>([])
    /// Applies of definitions come one after the other: each is planned against the one before.
    let applying = Monitor(())
    /// What retention did last.
    let retention = Monitor<RetentionReport?>(nil)
    /// So do rebuilds: each makes the generation after the live one.
    let rebuilding = Monitor(())
    /// One at a time sorts the offline store by entity.
    let optimizing = Monitor(())

    /// Where the log ended when the node was opened.
    let openedAt: Position

    /// How long a request waits for projections to reach what it has just appended.
    static let projectionTimeout = Duration.seconds(60)

    /// Opens a data directory, creating it if need be, and starts following its log.
    public init(
        _ options: NodeOptions, files: any FileSystem = PosixFileSystem(),
        clock: any Clock = SystemClock()
    ) throws {
        self.clock = clock
        self.files = files
        createsStreams = options.createsStreams
        spillDirectory = "\(options.directory)/projections/spill"
        answers = SpoolSpace(files, directory: spillDirectory)
        log = try Log.open(
            directory: options.directory, options: options.log, fileSystem: files, clock: clock)
        openedAt = log.commitPosition
        do {
            let projections = "\(options.directory)/projections"
            catalog = try CatalogProjection(log)
            registry = try RegistryProjection(
                log, cache: "\(projections)/artifacts", files: files)
            // One that is not kept has no directory, stands at the start and follows nothing.
            var fold = FoldOptions()
            fold.memory = FactMemory(
                limit: options.onlineMemory, directory: spillDirectory, files)
            online = try OnlineStore(
                log, catalog, root: options.keepsOnline ? "\(projections)/online" : nil,
                files: files, options: fold)
            offline = try OfflineStore(log, catalog, root: "\(projections)/offline", files: files)
            monitoring = MonitoringProjection(registry)
            if options.keepsOnline { try monitoring.resume(log) }
            gate = StreamGate(try catalog.catalog.definitions())
            topics = try BrokerCatalog(log)
            models = ModelCache(registry)
            projector = Projector(log, schedule: options.snapshots, clock: clock)
            projector.start(
                options.keepsOnline
                    ? [catalog, registry, online, offline, monitoring]
                    : [catalog, registry, offline])
        } catch {
            try? log.close()
            throw error
        }
    }

    /// Stops following the log, saves projections, and gives the directory up.
    public func close() throws {
        jobs.stop()
        let stopping = Result { try projector.stop() }
        try log.close()
        try stopping.get()
    }

    /// Waits until projections have taken in what was in the log when the node was opened, or stand
    /// still; a node that lost its projections has to fold the whole log first.
    /// - Parameter progress: called now and then with the position reached and the one wanted.
    public func catchUp(progress: (_ reached: Position, _ wanted: Position) -> Void) {
        while !projector.wait(for: openedAt, timeout: .milliseconds(200)) {
            if projector.status().contains(where: { $0.blocked != nil }) { return }
            progress(projector.position, openedAt)
        }
    }

    /// Whoever asks for something that is not there is told when that may be because the online
    /// store has not read the log to where it ended at the start.
    func checkCaughtUp() throws(NodeError) {
        let reached = online.position
        if reached < openedAt {
            throw .behind(wanted: openedAt.value, reached: reached.value, blocked: [])
        }
    }

    /// Waits until some projections have taken in every record below a position.
    /// - Throws: `NodeError.behind` when they do not get there, with the reason if one is known;
    ///   `NodeError.badRequest` for a position that the log has not reached.
    func settle(_ position: Position, in projections: [any Projection]) throws {
        guard position <= log.commitPosition else {
            throw NodeError.badRequest(
                "position \(log.id.text(of: position)) is beyond the log's end,"
                    + " \(log.id.text(of: log.commitPosition))")
        }
        let names = projections.map(\.name)
        if projector.wait(for: position, in: names, timeout: Self.projectionTimeout) { return }
        throw NodeError.behind(
            wanted: position.value, reached: projector.position.value,
            blocked: projector.status().compactMap { status in
                status.blocked.map { "\(status.name): \($0)" }
            })
    }

    /// Appends records to a reserved stream and answers the position after the last one, once some
    /// projections have it.
    @discardableResult
    func record(
        _ batch: [UInt8], in stream: StreamName, settling projections: [any Projection] = []
    ) throws -> Position {
        try log.createStreams([stream])
        guard let id = log.stream(stream)?.id else {
            throw AppendError.stopped("stream \(stream.name) could not be created")
        }
        let placed = try log.append(batch, to: id)
        let end = Position(placed.basePosition.value + Int64(placed.count))
        if !projections.isEmpty { try settle(end, in: projections) }
        return end
    }

    /// How long the oldest record that the online store lacks has been in the log, milliseconds.
    var lagMilliseconds: Int64 {
        if online.position >= log.commitPosition { return 0 }
        let (seconds, attoseconds) = projector.lag.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Milliseconds since 1970, as Kafka records carry them.
    func milliseconds() -> Int64 {
        clock.now().microseconds.flooredDivision(by: 1000).quotient
    }
}
