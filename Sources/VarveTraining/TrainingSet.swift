import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveProjections

/// A built training set: the spine's columns, the service's columns, and the manifest by which it
/// can be made again.
public struct TrainingSet: Sendable {
    public let table: Table
    public let manifest: TrainingManifest

    /// What is asked for.
    public struct Request: Sendable {
        public var service: String
        /// The service's closure to compute with.
        public var definitions: Definitions
        public var versions: ServiceVersions
        public var mode: TrainingMode
        /// The first position that is not used.
        public var basis: Position
        public var threads: Int

        public init(
            service: String, definitions: Definitions, versions: ServiceVersions,
            mode: TrainingMode, basis: Position, threads: Int = 2
        ) {
            self.service = service
            self.definitions = definitions
            self.versions = versions
            self.mode = mode
            self.basis = basis
            self.threads = threads
        }

        /// The service made ready.
        public func plan() throws(TrainingError) -> ServicePlan {
            let services = definitions.services
            guard let service = services.first(where: { $0.name == service }) else {
                throw .unknownService(service, known: services.map(\.name))
            }
            return ServicePlan(service, definitions)
        }
    }

    /// Steps of a build, for whoever watches.
    public enum Progress: Sendable {
        /// Positions of the log folded so far.
        case folded(Position, of: Position)
        /// Rows computed since the last report.
        case rows(Int)
    }

    /// Builds a set: sweeps facts and rows key by key, in order of time.
    /// - Parameter offline: where the log's records are as typed columns already; nil reads the
    ///   log. The set is the same.
    public init(
        _ log: Log, _ request: Request, _ spine: Spine, source: SpineSource,
        offline: OfflineStore? = nil,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) throws {
        guard request.basis.value >= 0, request.basis <= log.commitPosition else {
            throw TrainingError.badBasis(request.basis.value, end: log.commitPosition.value)
        }
        let plan = try request.plan()
        let result = try TrainingSweep(
            log: log, offline: offline, definitions: request.definitions, plan: plan, spine: spine,
            mode: request.mode, basis: request.basis, threads: request.threads, progress: progress
        ).run()
        let added = Set(plan.addedColumns(to: spine.table).map(\.name))
        let made = try Parallel.map(
            plan.columns.count, threads: request.threads, name: "columns"
        ) {
        } _: { _, index in
            let field = plan.columns[index]
            let column = result.cells[index].column(field.name)
            let summary = TrainingManifest.Column(
                field: field, cells: result.cells[index], digest: column.digest,
                leaks: result.leaks[index], latestDiffers: result.latestDiffers[index])
            return (column, summary)
        }
        let columns =
            spine.table.columns + made.map(\.0).filter { added.contains($0.name) }
        let summaries = made.map(\.1)
        let asserted = request.definitions.streams
            .filter { RecordDecoder($0).assertsKnownTime }.map(\.name).sorted()
        manifest = TrainingManifest(
            request: request, spine: spine, source: source, columns: summaries,
            assertedStreams: asserted)
        table = Table(columns: columns)
    }
}
