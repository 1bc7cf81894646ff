import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveProjections
public import VarveSystem

/// A built training set: the spine's columns, the service's columns, and the manifest by which it
/// can be made again.
public struct TrainingSet: Sendable {
    public let table: Table
    public let manifest: TrainingManifest
    /// Of columns with few distinct values, by name.
    private let numberings: [String: ColumnNumbering]

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
        /// Which rows are for what; nil does not tell them apart.
        public var split: TrainingSplit?
        /// Where facts go that do not fit in memory; nil keeps all of them there.
        public var memory: MemoryLimit?

        public init(
            service: String, definitions: Definitions, versions: ServiceVersions,
            mode: TrainingMode, basis: Position, threads: Int = 2, memory: MemoryLimit? = nil
        ) {
            self.service = service
            self.definitions = definitions
            self.versions = versions
            self.mode = mode
            self.basis = basis
            self.threads = threads
            self.memory = memory
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

    /// How much memory a build may take, and where facts go beyond that.
    public struct MemoryLimit: Sendable {
        /// Bytes for the spine, the set's cells and the facts together. What is being read or swept
        /// at the moment comes on top, a file or a partition for each thread.
        public var bytes: Int
        public var files: any FileSystem
        /// A directory for files that exist only while the build does.
        public var directory: String

        public init(bytes: Int, files: any FileSystem, directory: String) {
            self.bytes = bytes
            self.files = files
            self.directory = directory
        }
    }

    /// Steps of a build, for whoever watches. Reports come from all threads.
    public enum Progress: Sendable, Equatable {
        /// So many more facts of a stream were read.
        case facts(Int, stream: String)
        /// So many more rows were answered from a view, of that many.
        case rows(Int, of: Int, view: String)
    }

    /// Is told of each step; what it throws ends the build, of which nothing stays.
    public typealias Watcher = @Sendable (Progress) throws -> Void

    /// Builds a set: sweeps facts and rows key by key, in order of time.
    /// - Parameter offline: where the log's records are as typed columns already; nil reads the
    ///   log. The set is the same.
    public init(
        _ log: Log, _ request: Request, _ spine: Spine, source: SpineSource,
        offline: OfflineStore? = nil,
        progress: @escaping Watcher = { _ in }
    ) throws {
        guard request.basis.value >= 0, request.basis <= log.commitPosition else {
            throw TrainingError.badBasis(request.basis.value, end: log.commitPosition.value)
        }
        let plan = try request.plan()
        let result = try TrainingSweep(
            log: log, offline: offline, definitions: request.definitions, plan: plan, spine: spine,
            mode: request.mode, basis: request.basis, threads: request.threads,
            memory: request.memory, progress: progress
        ).run()
        let added = Set(plan.addedColumns(to: spine.table).map(\.name))
        let (made, spineDigests) = try Self.columns(result, plan, spine, threads: request.threads)
        var columns =
            spine.table.columns + made.map(\.column).filter { added.contains($0.name) }
        var splitRows: [(name: String, count: Int)] = []
        if let split = request.split {
            guard !columns.contains(where: { $0.name == TrainingSplit.column }) else {
                throw TrainingError.badSplit(
                    "there is a column \(TrainingSplit.column) already, rename it")
            }
            let (column, rows) = split.column(for: spine)
            columns.append(column)
            splitRows = rows
        }
        let summaries = made.map(\.summary)
        let asserted = request.definitions.streams
            .filter { RecordDecoder($0).assertsKnownTime }.map(\.name).sorted()
        table = Table(columns: columns)
        numberings = Dictionary(
            uniqueKeysWithValues: made.filter { added.contains($0.column.name) }.compactMap { made in
                made.numbering.map { (made.column.name, $0) }
            })
        var unreadable = result.unreadable
        if case .stream(let name, _, _) = source, let found = spine.unreadable {
            unreadable[name] = found.count
        }
        manifest = TrainingManifest(
            request: request, spine: spine, source: source,
            spineDigests: spineDigests, columns: summaries,
            assertedStreams: asserted, unreadable: unreadable,
            splitRows: splitRows, table: table)
    }
}

extension TrainingSet {
    private struct Made {
        let column: Column
        let numbering: ColumnNumbering?
        let summary: TrainingManifest.Column
    }

    /// What is found out of the columns, a piece at a time.
    private enum Piece: Sendable {
        case digests([Digest])
        case summary(ColumnNumbering?, TrainingManifest.CellSummary)
    }

    /// The columns of the service with what the manifest says of them, and the digests of the
    /// spine's.
    private static func columns(
        _ result: TrainingSweep.Result, _ plan: ServicePlan, _ spine: Spine, threads: Int
    ) throws -> (made: [Made], spine: [Digest]) {
        let width = plan.columns.count
        let columns =
            zip(plan.columns, result.cells).map { $1.column($0.name) } + spine.table.columns
        // Two digests take not much longer than one.
        let pairs = (columns.count + 1) / 2
        let pieces = try Parallel.map(pairs + width, threads: threads, name: "columns") {
        } _: { _, number -> Piece in
            if number < pairs {
                return .digests(Self.digests(Array(columns[(2 * number)...].prefix(2))))
            }
            let column = number - pairs
            // Columns with more distinct values are numbered by row group.
            let numbering = ColumnNumbering(columns[column], limit: ColumnNumbering.dictionaryLimit)
            return .summary(
                numbering, TrainingManifest.CellSummary(result.cells[column], numbering))
        }
        var (found, made): ([Digest], [Made]) = ([], [])
        for piece in pieces {
            switch piece {
            case .digests(let pair): found += pair
            case .summary(let numbering, let summary):
                let number = made.count
                made.append(
                    Made(
                        column: columns[number], numbering: numbering,
                        summary: TrainingManifest.Column(
                            field: plan.columns[number], summary, digest: found[number],
                            leaks: result.leaks[number],
                            latestDiffers: result.latestDiffers[number])))
            }
        }
        return (made, Array(found[width...]))
    }

    /// The digests of one column or two.
    private static func digests(_ columns: [Column]) -> [Digest] {
        if columns.count != 2 { return columns.map(\.digest) }
        let (one, other) = Column.digests(columns[0], columns[1])
        return [one, other]
    }

    /// Hands the set over as a Parquet file, piece by piece, encoded on some threads. It is not
    /// compressed: the bytes are the same with every version of liblz4.
    public func parquet(threads: Int, _ write: ([UInt8]) throws -> Void) rethrows {
        let encoding = ParquetFile.Encoding(
            table, .init(compression: .none), numberings: numberings)
        var assembly = encoding.assembly()
        try write(ParquetFile.magic)
        // No more than two row groups of the file are in memory.
        try Parallel.inOrder(
            encoding.chunkCount, threads: threads, ahead: 2 * encoding.chunksPerGroup,
            name: "encode"
        ) { encoding.chunk($0) } take: { try write(assembly.add($0)) }
        try write(assembly.end())
    }
}
