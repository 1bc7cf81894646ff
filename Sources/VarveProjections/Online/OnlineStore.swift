import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog
public import VarveSystem

/// The newest state of every view, in memory, sharded by key: what services read, while records
/// are applied.
///
/// A read at T equals the function of log[0, position) at T, for the position it returns.
public final class OnlineStore: Projection {
    /// Written into snapshots: another version refolds.
    public static let codeVersion: UInt32 = 4

    /// The binary logarithm of the number of shards of each view: enough that a reader seldom
    /// meets the writer. No answer and no snapshot depends on it.
    static let shardBits = 6

    /// All of it as a value, at one position.
    public struct State: Sendable {
        public var generation: Generation
        public var pinned: PinnedDefinitions
        public var fold: FeatureFold
        /// The fold covers every record below it.
        public var position: Position

        public init(
            generation: Generation, pinned: PinnedDefinitions, fold: FeatureFold,
            position: Position
        ) {
            self.generation = generation
            self.pinned = pinned
            self.fold = fold
            self.position = position
        }
    }

    public let name = "online"
    private let log: Log
    private let catalog: CatalogProjection
    /// Nil: snapshots are neither read nor written.
    private let root: String?
    private let files: any FileSystem
    private let options: FoldOptions
    private let live: Monitor<LiveState>
    /// What `prepare` folded, until it is taken.
    private let prepared = Monitor<FeatureFold.Prepared?>(nil)
    /// Why the snapshot found at start was not used; nil when it was, or there was none.
    public let snapshotProblem: String?

    private static let snapshotName = "state.snapshot"

    /// Opens the live generation of a directory.
    /// - Parameter root: `DIR/projections/online`; nil keeps it nowhere, and begins with the log.
    public init(
        _ log: Log, _ catalog: CatalogProjection, root: String?, files: any FileSystem,
        options: FoldOptions = FoldOptions()
    ) throws {
        self.log = log
        self.catalog = catalog
        self.root = root
        self.files = files
        self.options = options
        let generation = catalog.catalog.generation(of: name)
        let opened = try Self.open(
            log, catalog.catalog, generation, root, files, options.memory)
        live = Monitor(LiveState(opened.state, options))
        snapshotProblem = opened.problem
    }

    private static func open(
        _ log: Log, _ catalog: Catalog, _ generation: Generation, _ root: String?,
        _ files: any FileSystem, _ memory: FactMemory?
    ) throws -> (state: State, problem: String?) {
        let empty = try PinnedDefinitions(catalog, base: generation.base, at: Position(0))
        let start = State(
            generation: generation, pinned: empty,
            fold: FeatureFold(empty.definitions, shardBits: shardBits), position: Position(0))
        guard let root else { return (start, nil) }
        let path = "\(generation.directory(root))/\(snapshotName)"
        let found: (snapshot: SnapshotFile, file: any File)?
        do {
            found = try SnapshotFile.open(path, files)
        } catch let error as SnapshotError {
            return (start, "\(error)")
        }
        guard let (snapshot, file) = found else { return (start, nil) }
        let position = Position(snapshot.position)
        guard snapshot.codeVersion == codeVersion else {
            return (start, "\(path) was written by code version \(snapshot.codeVersion)")
        }
        guard position <= log.commitPosition else {
            return (start, "\(path) stands at \(position.value), beyond the end of the log")
        }
        let pinned = try PinnedDefinitions(catalog, base: generation.base, at: position)
        guard snapshot.definitions == pinned.definitions.digest else {
            return (start, "\(path) was made with other definitions")
        }
        do {
            let fold = try snapshot.read(file) { pieces in
                try FeatureFold(
                    pinned.definitions, shardBits: shardBits, reading: &pieces, memory: memory)
            }
            return (
                State(generation: generation, pinned: pinned, fold: fold, position: position), nil
            )
        } catch let error as SnapshotError {
            return (start, "\(error)")
        } catch let error as ByteError {
            return (start, "\(path) holds no state of this version: \(error)")
        }
    }

    private var state: LiveState { live.withLock { $0 } }

    public var position: Position { state.position }

    /// What requests read from.
    public var reader: OnlineReader { OnlineReader(state) }

    /// The state as it is: later records do not change the copy, but pay for it once, by copying
    /// what they change.
    public var current: State { state.copy }

    /// Reads from a copy of the state as it is; requests use `reader`.
    public func read<Result>(_ body: (borrowing State) throws -> Result) rethrows -> Result {
        try body(current)
    }

    public func apply(_ frame: borrowing FrameView, stream: String) throws {
        if frame.streamID == .catalog {
            // What waits belongs to the definitions before.
            advance(to: frame.basePosition)
            try adopt(upTo: Position(frame.basePosition.value + Int64(frame.count)))
            return
        }
        try check()
        state.apply(frame, stream: stream)
    }

    public func advance(to position: Position) { state.advance(to: position) }

    /// Folds the views that definitions add, before they are put in force: on the caller's thread,
    /// so that the projector's has little left to do, and reads and predictions go on meanwhile.
    public func prepare(_ definitions: Definitions) throws {
        let known = reader.definitions
        let views = definitions.views.filter { known.view($0.name) == nil }
        if views.isEmpty { return }
        var fold = FeatureFold(
            Definitions(streams: definitions.streams, views: views, services: []),
            shardBits: Self.shardBits)
        var reached = Position(0)
        // What came during the first pass is folded in the second, a small part of it.
        for _ in 0..<2 {
            let end = position
            try fold.fold(log, from: reached, upTo: end, options: options)
            reached = max(reached, end)
        }
        let found = FeatureFold.Prepared(fold: fold, position: reached)
        prepared.withLock { $0 = found }
    }

    /// Takes new definitions in. A new view over a stream with a history is folded from the start
    /// of the log, so that its state never depends on when it was defined.
    private func adopt(upTo end: Position) throws {
        let old = current
        let pinned = try PinnedDefinitions(
            catalog.catalog, base: old.generation.base, at: end)
        let fold =
            pinned.definitions == old.pinned.definitions
            ? old.fold
            : try FeatureFold(
                pinned.definitions, shardBits: Self.shardBits, reusing: old.fold,
                prepared: prepared.withLock { $0.take() }, log: log, upTo: end,
                options: options)
        let next = LiveState(
            State(generation: old.generation, pinned: pinned, fold: fold, position: end),
            options)
        live.withLock { $0 = next }
    }

    public func save() throws { try save(current) }

    private func save(_ state: State) throws {
        try check()
        guard let root else { return }
        let snapshot = SnapshotFile(
            codeVersion: Self.codeVersion, position: state.position.value,
            definitions: state.pinned.definitions.digest)
        try snapshot.write(
            Self.snapshotName, in: state.generation.directory(root), files
        ) { pieces in
            try state.fold.write(to: &pieces)
            try check()
        }
    }

    /// See `FactMemory.check`.
    public func check() throws(LostFacts) { try options.memory?.check() }

    /// Moves facts out of memory if they take more than they may; reads bring some back.
    /// - Returns: bytes that were freed since the last call, by whomever.
    public func keepWithinMemory() -> Int {
        state.keepWithinMemory()
        return options.memory?.takeFreed() ?? 0
    }

    /// What was moved out of memory; nil where nothing looks after that.
    public var memory: FactMemory.Status? { options.memory?.status }

    /// Folds a new generation from the start of the log, with the definitions in force.
    /// - Parameters:
    ///   - base: other definitions: those of the generation that has this base.
    ///   - progress: called now and then with the position reached.
    public func rebuild(
        base: Position? = nil, progress: ((Position) -> Void)? = nil
    ) throws -> State {
        let catalog = catalog.catalog
        let live = reader
        let generation = live.generation.next(base: base ?? catalog.position)
        // No further than the live one: `catchUp` brings both to one position.
        let end = live.position
        let pinned = try PinnedDefinitions(catalog, base: generation.base, at: end)
        var fold = FeatureFold(pinned.definitions, shardBits: Self.shardBits)
        try fold.fold(log, upTo: end, options: options, progress: progress)
        return State(generation: generation, pinned: pinned, fold: fold, position: end)
    }

    /// Brings a rebuilt generation to the position of the live one, and to the definitions that
    /// were applied meanwhile. Call on the projector's thread, where that position stands still.
    public func catchUp(_ candidate: inout State) throws {
        let end = position
        guard candidate.position < end else { return }
        let pinned = try PinnedDefinitions(
            catalog.catalog, base: candidate.generation.base, at: end)
        if pinned.definitions != candidate.pinned.definitions {
            candidate.fold = try FeatureFold(
                pinned.definitions, shardBits: Self.shardBits, reusing: candidate.fold, log: log,
                upTo: candidate.position, options: options)
            candidate.pinned = pinned
        }
        try candidate.fold.fold(log, from: candidate.position, upTo: end, options: options)
        candidate.position = end
    }

    /// Makes a caught-up generation the live one: on disk, in the log, in memory. What fails on the
    /// way leaves the old one live. Call on the projector's thread, right after `catchUp`.
    /// - Parameter record: appends `Generation.record`, durably.
    public func swap(to candidate: State, _ record: (Generation) throws -> Void) throws {
        precondition(
            candidate.position == position,
            "a generation at \(candidate.position.value) is swapped in at \(position.value)")
        try save(candidate)
        try record(candidate.generation)
        let next = LiveState(candidate, options)
        live.withLock { $0 = next }
    }
}
