import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem

/// What was served, or would be, held against replays of the log.
struct SkewReport {
    /// One answer that a replay gives with other bits.
    struct Mismatch {
        /// `prediction ID`, or the view and the key.
        let subject: String
        let time: Timestamp
        /// K of the answer.
        let position: Position
        /// What differs, one sentence each.
        let differences: [String]
        /// The first record from which on the answers differ; of a prediction, the first that it did
        /// not see. Nil where that is not known.
        let record: Int64?
    }

    /// Predictions that were computed again.
    var predictions = 0
    /// Reads of the online store that were.
    var reads = 0
    var mismatches: [Mismatch] = []
    /// Records of the predictions' stream that are none.
    var unreadable: PredictionRecord.Unreadable
}

extension Node {
    /// Computes the features of every prediction again by replay to its position, and those of a
    /// sample of the online store's entities, and compares the bits.
    /// - Parameter sample: entities of each view that are read, evenly over all of them.
    func checkSkew(sample: Int) throws -> SkewReport {
        let reader = online.reader
        var report = try checkPredictions()
        var fold = FeatureFold(reader.definitions)
        try fold.fold(log, upTo: reader.position)
        let now = clock.now()
        for (index, view) in fold.views.enumerated() {
            let keys = view.entityKeys
            let step = max(1, keys.count / max(1, sample))
            for place in stride(from: 0, to: keys.count, by: step) {
                let key = keys[place]
                // Now, and when a fact last came in or went out: where errors of one step show.
                let moments = view.changes(ofFeature: 0, key).filter { $0 <= now.microseconds }
                for time in [now] + moments.suffix(1).map({ Timestamp(microseconds: $0) }) {
                    report.reads += 1
                    if let found = Self.mismatch(reader, index, view, key, time) {
                        report.mismatches.append(found)
                    }
                }
            }
        }
        try reader.check()
        return report
    }

    private func checkPredictions() throws -> SkewReport {
        var predictions: [PredictionRecord] = []
        let unreadable = try PredictionRecord.forEach(in: log, upTo: log.commitPosition) {
            prediction, _ in predictions.append(prediction)
        }
        var report = SkewReport(unreadable: unreadable)
        // Each fold goes through the log once.
        predictions.sort { $0.position < $1.position }
        var auditor = Auditor(log, catalog.catalog, registry)
        for prediction in predictions {
            report.predictions += 1
            let differences = try auditor.featureDifferences(prediction)
            if differences.isEmpty { continue }
            report.mismatches.append(
                .init(
                    subject: "prediction \(prediction.id)", time: prediction.time,
                    position: prediction.position, differences: differences,
                    record: auditor.firstDivergence(prediction)))
        }
        return report
    }

    private static func mismatch(
        _ reader: OnlineReader, _ number: Int, _ view: ViewState, _ key: EntityKey,
        _ time: Timestamp
    ) -> SkewReport.Mismatch? {
        func differences(_ end: Int64) -> [String] {
            let served = reader.asOf(Position(end)).read(view: number, key, at: time)
            let again = view.read(key, Visibility(cutoff: time, position: end))
            return zip(view.plan.view.features, zip(served, again)).compactMap { field, values in
                values.0.isIdentical(to: values.1)
                    ? nil
                    : "\(field.name) is served as \(text(values.0)), replay gives "
                        + text(values.1)
            }
        }
        let found = differences(reader.position.value)
        if found.isEmpty { return nil }
        let first = view.positions(of: key).first {
            $0 < reader.position.value && !differences($0 + 1).isEmpty
        }
        let name = key.values.map(\.text).joined(separator: "|")
        return .init(
            subject: "\(view.plan.view.name):\(name)", time: time, position: reader.position,
            differences: found, record: first)
    }

    private static func text(_ value: FeatureValue) -> String {
        value.status == .present ? value.value.text : value.status.name
    }
}
