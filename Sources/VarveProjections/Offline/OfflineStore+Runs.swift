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

        var folder: String { "\(TableDirectory.folder(stream.name))/\(key.joined(separator: "+"))" }
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
            if let index = plans.firstIndex(where: { $0.stream.name == stream.name && $0.key == key }) {
                let columns = read.union(plans[index].columns).sorted()
                plans[index] = RunPlan(stream: stream, key: key, columns: columns)
            } else {
                plans.append(RunPlan(stream: stream, key: key, columns: read.sorted()))
            }
        }
        return plans
    }

    private static func directory(
        _ plan: RunPlan, _ generation: Generation, _ root: String
    ) -> String {
        "\(generation.directory("\(root)-by-entity"))/\(plan.folder)"
    }

    /// The runs on disk that a plan asks for.
    static func runs(
        of generation: Generation, _ definitions: Definitions, _ root: String,
        _ files: any FileSystem
    ) throws -> [EntityRun] {
        try runPlans(definitions).compactMap { plan in
            let path = "\(directory(plan, generation, root))/\(EntityRun.fileName)"
            do {
                return EntityRun.read(
                    try SnapshotError.json(try files.contents(of: path), in: path))
            } catch let error as SystemError where error.isNotFound {
                return nil
            }
        }
    }

    /// A run whose files stay readable until the reader goes away. Call inside `reading`.
    public func open(_ run: EntityRun) throws -> EntityRunReader {
        let generation = state.withLock { $0.generation }
        guard let plan = state.withLock({ Self.runPlans($0.definitions) }).first(where: {
            run.stream == $0.stream.name && run.key == $0.key
        }) else { preconditionFailure("a run that nobody asked for") }
        return try EntityRunReader(run, in: Self.directory(plan, generation, root), files)
    }

    /// What a run would hold for each stream and key that views have.
    public var runPlans: [RunPlan] { Self.runPlans(state.withLock { $0.definitions }) }

    /// The runs that there are.
    public var runs: [EntityRun] { state.withLock { $0.runs } }

    /// Makes a run anew with all that the files hold.
    /// - Parameter progress: told how many more rows were written; what it throws ends the work, of
    ///   which nothing stays.
    /// - Returns: nil when there is nothing to do, or some files were written with a definition that
    ///   this one does not include.
    public func sortByEntity(
        _ plan: RunPlan, progress: @escaping (Int) throws -> Void = { _ in }
    ) throws -> EntityRun? {
        let generation = state.withLock { $0.generation }
        let directory = Self.directory(plan, generation, root)
        return try reading(plan.stream.name) { files in
            let old = files.runs.first { $0.serves(plan.stream, plan.key, Set(plan.columns)) }
            let start = old?.end ?? Position(0)
            let newer = files.paths.indices.filter { files.positions[$0].upperBound > start }
            if newer.isEmpty { return nil }
            for index in newer {
                if try rows(of: files.paths[index], for: plan.stream) == nil { return nil }
            }
            let columns = Set(plan.key + plan.columns + KeyedTable.ownColumns)
            let writer = EntityRunWriter(
                stream: plan.stream, key: plan.key, columns: plan.columns, directory: directory,
                files: self.files, progress: progress)
            let run = try writer.write(
                old.map { try EntityRunReader($0, in: directory, self.files) },
                newer.map { index in { try self.table(files.paths[index], columns: columns) } },
                end: files.end)
            try state.withLock { state in
                guard state.generation == generation else { return }
                try self.files.replace(
                    EntityRun.fileName, in: directory, with: Array(run.json.pretty.utf8))
                state.runs.removeAll { $0.stream == run.stream && $0.key == run.key }
                state.runs.append(run)
            }
            return run
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
