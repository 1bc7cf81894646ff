import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog

extension PredictionRecord {
    /// Records of the predictions' stream that could not be read.
    public struct Unreadable: Sendable, Equatable {
        public var count = 0
        /// Where the first is and why it cannot be read; nil while there is none.
        public var first: String?
    }

    /// Calls `body` with every prediction of the log below a position, in order.
    /// - Returns: the records that are none; one of them must not keep the others from being told.
    @discardableResult
    public static func forEach(
        in log: Log, upTo end: Position, _ body: (PredictionRecord, Position) throws -> Void
    ) throws -> Unreadable {
        var unreadable = Unreadable()
        guard let id = log.stream(stream)?.id else { return unreadable }
        var scratch: [UInt8] = []
        try log.read(from: Position(0), upTo: end, streams: [id]) { frame in
            try frame.forEachRecord(scratch: &scratch) { record in
                guard record.position < end, let value = record.view.value else { return }
                let prediction: PredictionRecord
                do {
                    prediction = try PredictionRecord(try JSON(parsing: value))
                } catch {
                    unreadable.count += 1
                    if unreadable.first == nil {
                        unreadable.first = "position \(record.position.value): \(error)"
                    }
                    return
                }
                try body(prediction, record.position)
            }
            return true
        }
        return unreadable
    }

    /// The prediction at a position; nil when another record is there.
    public static func read(_ log: Log, at position: Position) throws -> PredictionRecord? {
        var found: PredictionRecord?
        var scratch: [UInt8] = []
        try log.read(from: position, upTo: Position(position.value + 1)) { frame in
            try frame.forEachRecord(scratch: &scratch) { record in
                guard record.position == position, let value = record.view.value else { return }
                found = try PredictionRecord(try JSON(parsing: value))
            }
            return false
        }
        return found
    }

    /// The features at the prediction's own position and time, as a fold answers them. The fold
    /// covers at least that position.
    public func row(_ plan: ServicePlan, _ fold: FeatureFold) -> [FeatureValue] {
        row(plan, fold, Visibility(cutoff: time, position: position.value))
    }

    /// The features for the prediction's keys and inputs, under any visibility.
    public func row(
        _ plan: ServicePlan, _ fold: FeatureFold, _ visibility: Visibility
    ) -> [FeatureValue] {
        plan.row(
            fold.views, keys: keys(plan),
            inputs: plan.service.inputs.map { Self.value($0, in: inputs) ?? .null },
            visibility)
    }

    /// The values of the service's key fields.
    public func keys(_ plan: ServicePlan) -> [Value] {
        plan.keyFields.map { Self.value($0, in: keys) ?? .null }
    }

    /// Names of the features that were served with other bits than a row has, or that the row does
    /// not have.
    public func differences(from row: [FeatureValue], _ columns: [Field]) -> [String] {
        features.compactMap { served in
            guard let index = columns.firstIndex(where: { $0.name == served.field.name }) else {
                return served.field.name
            }
            return row[index].isIdentical(to: served.value) ? nil : served.field.name
        }
    }
}
