import VarveBytes
import VarveFeatures
import VarveFormats
import VarveProjections
import VarveSystem
import VarveTraining

/// The slow twin of the sweep: computes the service's row for every row of a spine on its own, from
/// a fold that covers the basis.
///
/// Rows are independent: they are cut into stretches, one for each core, and put together in the
/// spine's order. Nothing depends on the number of threads.
struct PointInTimeReplay: Sendable {
    let fold: FeatureFold
    let plan: ServicePlan
    let spine: Spine
    let mode: TrainingMode
    let basis: Int64

    /// The rows of one stretch, and what the other mode would have said.
    struct Stretch: Sendable {
        var rows: [[FeatureValue]] = []
        /// By column: cells that as-corrected and as-known answer differently.
        var leaks: [Int]
        /// By column: cells that a plain join on the newest values would fill differently.
        var latestDiffers: [Int]

        init(columns: Int) {
            leaks = Array(repeating: 0, count: columns)
            latestDiffers = leaks
        }
    }

    /// All rows, in order.
    func run(threads: Int, progress: @escaping @Sendable (Int) -> Void) -> Stretch {
        let count = spine.rowCount
        let size = max(1, (count + threads - 1) / threads)
        let starts = Array(stride(from: 0, to: count, by: size))
        let results = Monitor<[Int: Stretch]>([:])
        let workers = starts.map { start in
            WorkerThread(name: "replay") {
                let stretch = compute(start..<min(start + size, count), progress)
                results.withLock { $0[start] = stretch }
            }
        }
        for worker in workers { worker.join() }
        var whole = Stretch(columns: plan.columns.count)
        whole.rows.reserveCapacity(count)
        let parts = results.withLock { $0 }
        for start in starts {
            guard let part = parts[start] else { continue }
            whole.rows.append(contentsOf: part.rows)
            for column in whole.leaks.indices {
                whole.leaks[column] += part.leaks[column]
                whole.latestDiffers[column] += part.latestDiffers[column]
            }
        }
        return whole
    }

    private func compute(
        _ range: Range<Int>, _ progress: @escaping @Sendable (Int) -> Void
    ) -> Stretch {
        var stretch = Stretch(columns: plan.columns.count)
        stretch.rows.reserveCapacity(range.count)
        let keyColumns = plan.keyFields.compactMap { spine.table[$0.name] }
        let inputColumns = plan.service.inputs.compactMap { spine.table[$0.name] }
        let times = spine.table[spine.timeColumn]
        let newest = spine.newestTime
        // What a plain join would take depends on the key only.
        var latest: [[Value]: [FeatureValue]] = [:]
        for row in range {
            guard let time = times?.timestamp(row) else { continue }
            let keys = keyColumns.map { Value($0.cell(row)) }
            let inputs = inputColumns.map { Value($0.cell(row)) }
            let known = plan.row(
                fold.views, keys: keys, inputs: inputs,
                Visibility(cutoff: time, position: basis, knownBeforeCutoff: true))
            let corrected = plan.row(
                fold.views, keys: keys, inputs: inputs,
                Visibility(cutoff: time, position: basis, knownBeforeCutoff: false))
            for column in known.indices where !known[column].isIdentical(to: corrected[column]) {
                stretch.leaks[column] += 1
            }
            let joined = latest[keys + inputs] ?? plan.row(
                fold.views, keys: keys, inputs: inputs,
                Visibility(cutoff: newest, position: basis, knownBeforeCutoff: false))
            latest[keys + inputs] = joined
            for column in known.indices where !known[column].isIdentical(to: joined[column]) {
                stretch.latestDiffers[column] += 1
            }
            stretch.rows.append(mode == .asKnown ? known : corrected)
            if row % 1000 == 999 { progress(1000) }
        }
        return stretch
    }
}
