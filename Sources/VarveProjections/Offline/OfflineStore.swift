import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveSystem

/// Every declared stream's records as typed columns on disk, Parquet files by stream and day, for
/// training sets and for tools that read tables: pyarrow, Polars, DuckDB, pandas, Spark. See
/// `TableDirectory` for the files.
///
/// Each row has the stream's fields and `_position`, `_event_time`, `_ingest_time`, `_known_time`.
/// Beside them lie entity runs (see `EntityRun`), copies in another order, made by `sortByEntity`.
public final class OfflineStore: Projection {
    struct State {
        var generation: Generation
        var definitions: Definitions
        var tables: TableDirectory
        var position: Position
        /// Who reads files now: as long as there are any, none is merged away.
        var readers = 0
        /// Those of each stream that somebody asked for, by its name.
        var runs: [String: [EntityRun]] = [:]
    }

    public let name = "offline"
    let catalog: CatalogProjection
    private let log: Log
    let root: String
    let files: any FileSystem
    let state: Monitor<State>

    /// Opens the live generation of a directory.
    /// - Parameter root: `DIR/projections/offline`.
    public init(
        _ log: Log, _ catalog: CatalogProjection, root: String, files: any FileSystem
    ) throws {
        self.log = log
        self.catalog = catalog
        self.root = root
        self.files = files
        let generation = catalog.catalog.generation(of: name)
        var tables = TableDirectory(path: generation.directory(root), files: files)
        let position = try tables.resume()
        try tables.removeFiles(from: position)
        let definitions = try PinnedDefinitions(
            catalog.catalog, base: generation.base, at: position
        ).definitions
        tables.define(definitions)
        state = Monitor(
            State(
                generation: generation, definitions: definitions, tables: tables,
                position: position))
    }

    public var position: Position { state.withLock { $0.position } }

    /// The directory of the live generation.
    public var directory: String { state.withLock { $0.generation.directory(root) } }

    /// Records of each stream that the files leave out.
    public var unreadable: [String: UnreadableRecords] { state.withLock { $0.tables.unreadable } }

    /// How many rows a file has, if they are what a stream's definition reads of their records: it
    /// was written with that definition, or with an older one, to which this one only adds fields
    /// that may be null. Nil for a file of another definition.
    public func rows(of path: String, for stream: StreamDefinition) throws -> Int? {
        let footer = try files.parquetFooter(path)
        if footer.metadata(StreamDefinition.definitionKey) == stream.digest.description {
            return footer.rowCount
        }
        let fields = footer.columnNames.filter { !StreamTable.ownColumns.contains($0) }
        let isOlder = !stream.isWrittenView && stream.fields.map(\.name).starts(with: fields)
        return isOlder ? footer.rowCount : nil
    }

    /// Some columns of a file that `reading` handed out: nothing else of it is read.
    public func table(_ path: String, columns: Set<String>) throws -> Table {
        let file = try files.open(path, .read)
        return try file.parquet(columns, file.parquetLayout())
    }

    public func apply(_ frame: borrowing FrameView, stream: String) throws {
        let end = Position(frame.basePosition.value + Int64(frame.count))
        if frame.streamID == .catalog {
            try adopt(upTo: end)
            return
        }
        try state.withLock { state in
            try state.tables.add(frame, stream: stream)
            state.position = end
        }
    }

    /// A stream's new definition begins a new file: all rows of a file have the same columns. The
    /// history of a stream that is declared late is written from its start.
    private func adopt(upTo end: Position) throws {
        let catalog = catalog.catalog
        try state.withLock { state in
            let definitions = try PinnedDefinitions(
                catalog, base: state.generation.base, at: end
            ).definitions
            let (old, new) = (state.definitions.tableStreams, definitions.tableStreams)
            if old != new {
                try state.tables.flush(state.position)
                state.tables.define(definitions)
                let known = Set(old.map(\.name))
                try write(new.map(\.name).filter { !known.contains($0) }, end, &state.tables)
            }
            state.definitions = definitions
            state.position = end
        }
    }

    /// Writes the records of some streams from the start of the log.
    private func write(
        _ names: [String], _ end: Position, _ tables: inout TableDirectory,
        progress: ((Position) -> Void)? = nil
    ) throws {
        let ids = Dictionary(
            log.streams().filter { names.contains($0.name.name) }.map { ($0.id, $0.name.name) },
            uniquingKeysWith: { first, _ in first })
        for name in names { try tables.restart(name) }
        if ids.isEmpty { return }
        try log.read(from: Position(0), upTo: end, streams: Set(ids.keys)) { frame in
            if let name = ids[frame.streamID] { try tables.add(frame, stream: name) }
            progress?(frame.basePosition)
            return true
        }
    }

    public func advance(to position: Position) { state.withLock { $0.position = position } }

    public func save() throws {
        try state.withLock { state in
            try state.tables.flush(state.position)
            if state.readers == 0 { try state.tables.merge() }
        }
    }

    /// Writes what waits for other programs to read; rows come seldom then, so that files of a day
    /// are merged too.
    public func refresh() throws {
        if state.withLock({ $0.tables.hasWaiting }) { try save() }
    }

    /// The records of a stream below a position as files.
    public struct Files: Sendable {
        /// By day of event time, then by position: rows with equal event times are in order of
        /// position.
        public let paths: [String]
        /// For each file the position of its first record, and the one after its last.
        public let positions: [Range<Position>]
        /// The files hold every readable record below it.
        public let end: Position
        /// Records below it that the files leave out; nil: none.
        public let unreadable: UnreadableRecords?
        /// The same rows in order of entity, as far as they go.
        public let runs: [EntityRun]
    }

    /// Writes what waits, and hands out the files of a stream, none of which goes away meanwhile.
    public func reading<Result>(
        _ stream: String, _ body: (Files) throws -> Result
    ) throws -> Result {
        let files = try state.withLock { state in
            try state.tables.flush(state.position)
            let tables = state.tables
            let found = try tables.list(stream)
            state.readers += 1
            return Files(
                paths: found.map { tables.path(of: $0, stream) },
                positions: found.map {
                    Position($0.positions.lowerBound)..<Position($0.positions.upperBound)
                },
                end: state.position, unreadable: tables.unreadable[stream],
                runs: try runs(of: stream, &state).filter { $0.end <= state.position })
        }
        defer { state.withLock { $0.readers -= 1 } }
        return try body(files)
    }

    /// Writes a whole new generation beside the live one, with the definitions in force, and makes
    /// it the live one if asked to. Call on the projector's thread, where the log's end for
    /// projections stands still.
    /// - Parameter record: appends `Generation.record`, durably; nil: the live one stays.
    public func rebuild(
        swap record: ((Generation) throws -> Void)?, progress: ((Position) -> Void)? = nil
    ) throws -> Generation {
        let catalog = catalog.catalog
        return try state.withLock { state in
            let generation = state.generation.next(base: catalog.position)
            var tables = TableDirectory(path: generation.directory(root), files: files)
            try tables.removeFiles(from: Position(0))
            let definitions = try PinnedDefinitions(
                catalog, base: generation.base, at: state.position
            ).definitions
            tables.define(definitions)
            try write(
                definitions.tableStreams.map(\.name), state.position, &tables, progress: progress)
            try tables.flush(state.position)
            try tables.merge()
            if let record {
                try record(generation)
                state.generation = generation
                state.definitions = definitions
                state.tables = tables
                state.runs = [:]
            }
            return generation
        }
    }
}
