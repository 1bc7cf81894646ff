import VarveFeatures
public import VarveFormats

/// Predictions joined with what happened: how good the scores were.
public struct Outcomes: Sendable, Equatable {
    /// Predictions of the model version.
    public let predictions: Int
    /// Those whose outcome is known.
    public let joined: Int
    /// Share of joined outcomes that were positive; nil without any.
    public let positiveShare: Double?
    /// Area under the ROC curve, ties counted half; nil without both kinds of outcome.
    public let auc: Double?
    /// Mean of -ln of the probability given to what happened; nil without any.
    public let logLoss: Double?
    /// Mean squared difference of score and outcome; nil without any.
    public let brier: Double?

    /// Scores are kept this far from 0 and 1 in the log loss, as scikit-learn does for doubles.
    public static let smallestProbability = 2.220446049250313e-16

    /// - Parameters:
    ///   - pairs: score and outcome of every joined prediction, in any order.
    ///   - predictions: how many there are, joined or not.
    public init(_ pairs: [(score: Float, isPositive: Bool)], predictions: Int) {
        self.predictions = predictions
        joined = pairs.count
        let positives = pairs.count { $0.isPositive }
        let negatives = pairs.count - positives
        positiveShare = pairs.isEmpty ? nil : Double(positives) / Double(pairs.count)
        auc = positives > 0 && negatives > 0
            ? Self.concordance(pairs) / (Double(positives) * Double(negatives)) : nil
        var (loss, squares) = (0.0, 0.0)
        // A fixed order makes the rounded sums the same wherever they are computed.
        let ordered = pairs.sorted {
            $0.score == $1.score ? !$0.isPositive && $1.isPositive : $0.score < $1.score
        }
        for pair in ordered {
            let score = Double(pair.score)
            let given = pair.isPositive ? score : 1 - score
            loss -= naturalLog(min(max(given, Self.smallestProbability), 1))
            squares += (score - (pair.isPositive ? 1 : 0)) * (score - (pair.isPositive ? 1 : 0))
        }
        logLoss = pairs.isEmpty ? nil : loss / Double(pairs.count)
        brier = pairs.isEmpty ? nil : squares / Double(pairs.count)
    }

    /// Pairs of a positive and a negative in which the positive has the larger score, ties half.
    private static func concordance(_ pairs: [(score: Float, isPositive: Bool)]) -> Double {
        let sorted = pairs.sorted { $0.score < $1.score }
        var (below, total) = (0.0, 0.0)
        var start = 0
        while start < sorted.count {
            var end = start
            while end < sorted.count, sorted[end].score == sorted[start].score { end += 1 }
            let tied = sorted[start..<end]
            let positives = Double(tied.count { $0.isPositive })
            let negatives = Double(tied.count) - positives
            total += positives * (below + negatives / 2)
            below += negatives
            start = end
        }
        return total
    }

    /// For clients.
    public var json: JSON {
        func number(_ value: Double?) -> JSON { value.map { .number($0) } ?? .null }
        return .object([
            .init("predictions", .integer(Int64(predictions))),
            .init("joined", .integer(Int64(joined))),
            .init("positive_share", number(positiveShare)), .init("auc", number(auc)),
            .init("log_loss", number(logLoss)), .init("brier", number(brier)),
        ])
    }
}
