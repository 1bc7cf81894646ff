import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem

/// Computes the service's columns for the rows of a spine: facts and rows are partitioned by key,
/// then swept key by key in order of time, on all cores. The bytes that come out depend neither on
/// the number of threads nor on how the facts were stored.
struct TrainingSweep {
    let log: Log
    /// Where typed columns are; nil reads everything from the log.
    let offline: OfflineStore?
    let definitions: Definitions
    let plan: ServicePlan
    let spine: Spine
    let mode: TrainingMode
    let basis: Position
    let threads: Int
    let memory: TrainingSet.MemoryLimit?
    let progress: TrainingSet.Watcher
    /// Partitions at most: each is to fit a core's cache.
    var partitionsMax = 1024

    /// What came out, one element for each column of the service.
    struct Result {
        var cells: [FeatureCells]
        /// Cells that as-corrected and as-known answer differently.
        var leaks: [Int]
        /// Cells that a plain join on the newest values would fill differently.
        var latestDiffers: [Int]
        /// Records below the basis that their stream's definition cannot read, by stream name;
        /// streams without any are left out.
        var unreadable: [String: Int] = [:]
    }

    /// One column of the service that is a view's feature.
    struct ViewColumn {
        let column: Int
        let view: Int
        let feature: Int
    }

    /// A view's features in three ways, by column of the service.
    private struct Ways {
        var chosen: [FeatureCells]
        var others: [FeatureCells]
        var joined: [FeatureCells]

        mutating func take(_ feature: PlacedFeature, _ column: Int) {
            chosen[column] = feature.cells
            if others.isEmpty { return }
            (others[column], joined[column]) = (feature.others, feature.joined)
        }
    }

    private var columns: [ServiceDefinition.Feature] { plan.service.features }

    func run() throws -> Result {
        let spill = try self.spill()
        // Cells of views come whole from their sweeps.
        let none = columns.map { column in
            if case .view = column { return FeatureCells(type: column.field.type, count: 0) }
            return FeatureCells(type: column.field.type, count: spine.rowCount)
        }
        let zeros = Array(repeating: 0, count: columns.count)
        var result = Result(cells: none, leaks: zeros, latestDiffers: zeros)
        let hasOnDemand = columns.contains { if case .onDemand = $0 { true } else { false } }
        var ways = Ways(chosen: none, others: [], joined: [])
        if hasOnDemand { (ways.others, ways.joined) = (none, none) }
        // Views of one stream share the reading of its records.
        let wanted = viewColumns()
        var streams: [String] = []
        for column in wanted {
            let name = definitions.views[column.view].streamName
            if !streams.contains(name) { streams.append(name) }
        }
        var keyed: [KeyedSpine] = []
        for stream in streams {
            try sweep(
                stream, wanted.filter { definitions.views[$0.view].streamName == stream },
                &keyed, spill, &ways, &result)
        }
        result.cells = ways.chosen
        fillInputs(&result)
        if hasOnDemand { computeOnDemand(ways, &result) }
        return result
    }

    /// What is left for facts after the spine, the cells of the set and their numbers.
    private func spill() throws(TrainingError) -> FactStore.Spill? {
        guard let memory else { return nil }
        let hasOnDemand = columns.contains { if case .onDemand = $0 { true } else { false } }
        let needed =
            spine.table.byteCount
            + spine.rowCount * (columns.count * (hasOnDemand ? 31 : 13) + 20)
        guard needed <= memory.bytes else {
            throw .overMemory(needed: needed, limit: memory.bytes)
        }
        return FactStore.Spill(
            files: memory.files, directory: memory.directory, budget: memory.bytes - needed)
    }

    private func viewColumns() -> [ViewColumn] {
        columns.enumerated().compactMap { index, column in
            guard case .view(let name, let field) = column,
                let view = definitions.views.firstIndex(where: { $0.name == name }),
                let feature = definitions.views[view].features.firstIndex(where: {
                    $0.name == field.name
                })
            else { return nil }
            return ViewColumn(column: index, view: view, feature: feature)
        }
    }
}

extension TrainingSweep {
    /// A view, the columns that it answers, and the rows by its key.
    struct AskedView {
        let view: ViewDefinition
        var columns: [ViewColumn]
        let keyed: KeyedSpine
    }

    private func sweep(
        _ name: String, _ wanted: [ViewColumn], _ known: inout [KeyedSpine],
        _ spill: FactStore.Spill?, _ ways: inout Ways, _ result: inout Result
    ) throws {
        var views: [AskedView] = []
        for column in wanted {
            let view = definitions.views[column.view]
            if let index = views.firstIndex(where: { $0.view.name == view.name }) {
                views[index].columns.append(column)
                continue
            }
            let fields = view.entity.map(\.name)
            let keyed =
                known.first { $0.fields == fields }
                ?? KeyedSpine(
                    spine.table, fields, timeColumn: spine.timeColumn, threads: threads)
            if !known.contains(where: { $0.fields == fields }) { known.append(keyed) }
            views.append(AskedView(view: view, columns: [column], keyed: keyed))
        }
        guard let first = views.first else { return }
        let stream = definitions.stream(of: first.view)
        let keepsFacts = spill == nil && ways.others.isEmpty
        let facts = try facts(stream, views, keepsFacts: keepsFacts, spill)
        if facts.unreadable > 0 { result.unreadable[stream.name] = facts.unreadable }
        let store = facts.store
        for (index, view) in views.enumerated() {
            let reader = facts.readers[index]
            let batches = reader.isLookedUp ? store.batches(view: index) : nil
            let request = PartitionSweep.Request(
                view: view.view, stream: stream, features: view.columns.map(\.feature),
                rows: view.keyed.rows.value, partitions: reader.partitions.value,
                isAsKnown: mode == .asKnown, newest: spine.newestTime.microseconds,
                keepsOthers: !ways.others.isEmpty,
                lanesWithNulls: batches.map { FactBatch.lanesWithNulls($0) },
                numbers: batches == nil ? [] : view.keyed.numbers.value)
            let (count, name) = (spine.rowCount, view.view.name)
            let answers = try Parallel.map(
                request.partitions.count, threads: threads, name: "sweep"
            ) { PartitionSweep(request) } _: { sweep, partition in
                let slices = try store.slices(view: index, partition)
                let sorted = try reader.sorted(partition, basis: basis)
                if let sorted { try progress(.facts(sorted.count, stream: stream.name)) }
                let answers = sweep.run(partition, sorted, slices)
                try progress(.rows(answers.places.count, of: count, view: name))
                return answers
            }
            store.drop(view: index)
            let features = request.features
            let placed = try Parallel.map(features.count, threads: threads, name: "place") {
            } _: { _, question in
                PlacedAnswers(question, request, answers, count: count)
            }
            // Some features of each question at a time, so that every thread has its share.
            let shares = features.enumerated().flatMap { question, features in
                let sharing = max(1, threads)
                let size = (features.count + sharing - 1) / sharing
                return stride(from: 0, to: features.count, by: size).map {
                    (question: question, features: Array(features[$0...].prefix(size)))
                }
            }
            let found = try Parallel.map(shares.count, threads: threads, name: "values") {
            } _: { _, number in
                let share = shares[number]
                return placed[share.question].features(share.features, batches ?? [])
            }
            for (share, placed) in zip(shares, found) {
                for (number, feature) in zip(share.features, placed) {
                    let column = view.columns[number].column
                    ways.take(feature, column)
                    result.leaks[column] += feature.leaks
                    result.latestDiffers[column] += feature.latestDiffers
                }
            }
        }
    }
}

extension TrainingSweep {
    /// Inputs are passed through.
    private func fillInputs(_ result: inout Result) {
        for (index, column) in columns.enumerated() {
            guard case .input(let field) = column, let source = spine.table[field.name] else {
                continue
            }
            for row in 0..<spine.rowCount {
                result.cells[index][row] = .present(Value(source.cell(row)))
            }
        }
    }

    /// On-demand features see inputs, the views' features, and those before them.
    private func computeOnDemand(_ ways: Ways, _ result: inout Result) {
        let service = plan.service
        let inputs = service.inputs.compactMap { spine.table[$0.name] }
        let viewColumns = columns.indices.filter { if case .view = columns[$0] { true } else { false } }
        let computed = columns.indices.filter {
            if case .onDemand = columns[$0] { true } else { false }
        }
        let first = inputs.count + viewColumns.count
        var scope = Array(repeating: Value.null, count: first + computed.count)
        func compute(_ cells: [FeatureCells], _ row: Int) -> [Value] {
            for (slot, input) in inputs.enumerated() { scope[slot] = Value(input.cell(row)) }
            for (slot, column) in viewColumns.enumerated() {
                scope[inputs.count + slot] = cells[column][row].value
            }
            service.computeOnDemand(&scope)
            return Array(scope[first...])
        }
        for row in 0..<spine.rowCount {
            let chosen = compute(ways.chosen, row)
            let others = compute(ways.others, row)
            let joined = compute(ways.joined, row)
            let known = mode == .asKnown ? chosen : others
            for (slot, column) in computed.enumerated() {
                result.cells[column][row] = .present(chosen[slot])
                if !chosen[slot].isIdentical(to: others[slot]) { result.leaks[column] += 1 }
                if !known[slot].isIdentical(to: joined[slot]) {
                    result.latestDiffers[column] += 1
                }
            }
        }
    }
}
