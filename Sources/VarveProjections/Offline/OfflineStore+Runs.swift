import VarveBytes
public import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// Entity runs of the live generation:
///
///     DIR/projections/offline-by-entity/<generation>/<stream>/<key fields>/...    see `EntityRun`
///
/// A run is made from the one before it and the files that came since, beside everything else, and
/// then takes its place. Without it, or with one that another definition wrote, training sets read
/// the files themselves: they are the same, and take longer.
extension OfflineStore {
    /// Rows that some views read, and the key by which they do.
    public struct RunPlan: Sendable, Equatable {
        public let stream: StreamDefinition
        public let key: [String]
        /// Fields besides the key's, sorted.
        public let columns: [String]
    }

    /// How a run compares with what the files hold.
    public struct RunState: Sendable {
        public let plan: RunPlan
        /// Rows in the run; 0 without one.
        public let sorted: Int
        /// Rows of files that are not in it, about.
        public let unsorted: Int
    }

    /// What a run would hold for each stream and key that views have. Streams whose records are
    /// amended by `id` have none: training sets take the log's word for those.
    static func runPlans(_ definitions: Definitions) -> [RunPlan] {
        var plans: [RunPlan] = []
        for view in definitions.views {
            let stream = definitions.stream(of: view)
            if stream.id != nil { continue }
            let key = view.entity.map(\.name)
            let read = FactReader(view, stream, keepsOrder: false).fields.subtracting(key)
            if let index = plans.firstIndex(where: {
                $0.stream.name == stream.name && $0.key == key
            }) {
                let columns = read.union(plans[index].columns).sorted()
                plans[index] = RunPlan(stream: stream, key: key, columns: columns)
            } else {
                plans.append(RunPlan(stream: stream, key: key, columns: read.sorted()))
            }
        }
        return plans
    }

    private static func directory(
        of stream: String, _ generation: Generation, _ root: String
    ) -> String {
        "\(generation.directory("\(root)-by-entity"))/\(TableDirectory.folder(stream))"
    }

    private static func directory(
        _ stream: String, _ key: [String], _ generation: Generation, _ root: String
    ) -> String {
        "\(directory(of: stream, generation, root))/\(key.joined(separator: "+"))"
    }

    /// The runs of a stream, read from disk the first time. One that lost a file counts for nothing:
    /// it is made anew.
    func runs(of stream: String, _ state: inout State) throws -> [EntityRun] {
        if let known = state.runs[stream] { return known }
        let folder = Self.directory(of: stream, state.generation, root)
        let found = try files.listIfAny(folder).compactMap { key -> EntityRun? in
            let names = try files.listIfAny("\(folder)/\(key)")
            guard names.contains(EntityRun.fileName) else { return nil }
            let path = "\(folder)/\(key)/\(EntityRun.fileName)"
            let run = try EntityRun.read(
                try SnapshotError.json(try files.contents(of: path), in: path), in: path)
            return run.flatMap { run in
                run.files.allSatisfy { names.contains($0.name) } ? run : nil
            }
        }
        state.runs[stream] = found
        return found
    }

    /// A run whose files stay readable until the reader goes away. Call inside `reading`.
    public func open(_ run: EntityRun) throws -> EntityRunReader {
        try EntityRunReader(run, files)
    }

    /// What a run would hold for each stream and key that views have. Training sets are built with
    /// the definitions in force, whatever those of the generation are.
    public var runPlans: [RunPlan] {
        get throws { Self.runPlans(try catalog.catalog.definitions()) }
    }

    /// The runs of a stream that there are.
    func runs(of stream: String) throws -> [EntityRun] {
        try state.withLock { try runs(of: stream, &$0) }
    }

    /// How far runs go, for each stream and key that views have.
    public func runStates() throws -> [RunState] {
        let plans = try runPlans
        let tables = state.withLock { $0.tables }
        return try plans.map { plan in
            let run = try runs(of: plan.stream.name).first {
                $0.serves(plan.stream, plan.key, Set(plan.columns))
            }
            let start = run?.end.value ?? 0
            var unsorted = 0
            for file in try tables.list(plan.stream.name) where file.positions.upperBound > start {
                // A file that a merge took away meanwhile is counted as what took its place.
                let rows = try? files.parquetFooter(tables.path(of: file, plan.stream.name))
                    .rowCount
                // Where records of both kinds are in a file, their share is a guess.
                let share =
                    Double(file.positions.upperBound - max(start, file.positions.lowerBound))
                    / Double(file.positions.count)
                unsorted += Int((Double(rows ?? 0) * share).rounded(.up))
            }
            return RunState(plan: plan, sorted: run?.rowCount ?? 0, unsorted: unsorted)
        }
    }

    /// Removes runs of generations that are live no longer, and those that no view reads.
    public func removeRunsOfNobody() throws {
        let plans = try runPlans
        let (generation, isRead) = state.withLock { ($0.generation, $0.readers > 0) }
        // Whoever reads may be about to open one.
        if isRead { return }
        let all = "\(root)-by-entity"
        for number in try files.listIfAny(all) {
            for folder in try files.listIfAny("\(all)/\(number)") {
                for key in try files.listIfAny("\(all)/\(number)/\(folder)") {
                    let directory = "\(all)/\(number)/\(folder)/\(key)"
                    let isWanted = plans.contains {
                        Self.directory($0.stream.name, $0.key, generation, root) == directory
                    }
                    if isWanted { continue }
                    // RUN is the first by name, so that what is left after a crash is no run.
                    for name in try files.listIfAny(directory) {
                        try files.remove("\(directory)/\(name)")
                    }
                }
                state.withLock { state in
                    for name in state.runs.keys where TableDirectory.folder(name) == folder {
                        state.runs[name] = nil
                    }
                }
            }
        }
    }

    /// Makes a run anew with all that the files hold. One at a time.
    /// - Parameter progress: told how many more rows were read or merged; what it throws ends the
    ///   work, of which nothing counts.
    /// - Returns: nil when there is nothing to do, or some files were written with a definition that
    ///   this one does not include.
    public func sortByEntity(
        _ plan: RunPlan, progress: @escaping (Int) throws -> Void = { _ in }
    ) throws -> EntityRun? {
        try sortByEntity(plan, .usual, progress)
    }

    /// The same with row groups and files of other sizes.
    func sortByEntity(
        _ plan: RunPlan, _ sizes: EntityRunWriter.Sizes, _ progress: @escaping (Int) throws -> Void
    ) throws -> EntityRun? {
        let generation = state.withLock { $0.generation }
        let directory = Self.directory(plan.stream.name, plan.key, generation, root)
        return try reading(plan.stream.name) { files -> EntityRun? in
            let (isCurrent, known) = try state.withLock { state in
                (
                    state.generation == generation,
                    try runs(of: plan.stream.name, &state).first { $0.key == plan.key }
                )
            }
            // A store that reads its log again has a run of more than its files.
            guard isCurrent, known.map({ $0.end <= files.end }) ?? true else { return nil }
            try removeFiles(in: directory, notOf: known)
            let old = known.flatMap {
                $0.serves(plan.stream, plan.key, Set(plan.columns)) ? $0 : nil
            }
            let start = old?.end ?? Position(0)
            let newer = files.paths.indices.filter { files.positions[$0].upperBound > start }
            if newer.isEmpty { return nil }
            for index in newer {
                if try rows(of: files.paths[index], for: plan.stream) == nil { return nil }
            }
            let columns = Set(plan.key + plan.columns + KeyedTable.ownColumns)
            let writer = EntityRunWriter(
                stream: plan.stream, key: plan.key, columns: plan.columns,
                number: (known?.number ?? 0) + 1, directory: directory, files: self.files,
                sizes: sizes, progress: progress)
            do {
                let run = try writer.write(
                    old.map { try EntityRunReader($0, self.files) },
                    newer.map { index in { try self.table(files.paths[index], columns: columns) } },
                    end: files.end)
                if try put(run, in: directory, of: generation) {
                    try removeFiles(in: directory, notOf: run)
                    return run
                }
            } catch {
                // They may take what room there was left on the disk.
                try? writer.removeFiles()
                throw error
            }
            try writer.removeFiles()
            return nil
        }
    }

    /// Lets a run take the place of the one before it.
    /// - Returns: false when another generation is live, which knows nothing of the run.
    private func put(
        _ run: EntityRun, in directory: String, of generation: Generation
    ) throws -> Bool {
        try state.withLock { state in
            guard state.generation == generation else { return false }
            try files.replace(
                EntityRun.fileName, in: directory, with: Array(run.json.pretty.utf8))
            state.runs[run.stream, default: []].removeAll { $0.key == run.key }
            state.runs[run.stream, default: []].append(run)
            return true
        }
    }

    /// Removes what earlier work left: drafts, and files of runs that others took the place of. Not
    /// while anyone else reads, who may be about to open them.
    private func removeFiles(in directory: String, notOf run: EntityRun?) throws {
        if state.withLock({ $0.readers > 1 }) { return }
        let kept = Set(run?.files.map(\.name) ?? []).union([EntityRun.fileName])
        for name in try files.listIfAny(directory) where !kept.contains(name) {
            try files.remove("\(directory)/\(name)")
        }
    }
}

extension EntityRun {
    /// Whether it has what a view reads of a stream.
    /// - Parameter fields: those that are read besides the key's.
    public func serves(
        _ stream: StreamDefinition, _ key: [String], _ fields: Set<String>
    ) -> Bool {
        self.stream == stream.name && definition == stream.digest.description && self.key == key
            && fields.subtracting(key).isSubset(of: columns)
    }
}
