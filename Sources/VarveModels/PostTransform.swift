/// What a classifier makes of its raw scores. Scores arrive rounded to Float; the transform is
/// computed in Double and rounded once.
enum PostTransform: String, Sendable {
    case none = "NONE"
    case logistic = "LOGISTIC"
    case softmax = "SOFTMAX"
    /// Softmax over the scores that are not (nearly) zero; those become 0.
    case softmaxZero = "SOFTMAX_ZERO"

    /// What counts as zero for `softmaxZero`; onnxruntime's bound.
    private static let zeroBound = Float(1e-7)

    /// Transforms the `width` scores of one row, which start at `start`, in place.
    func apply(to scores: inout [Float], from start: Int, width: Int) {
        switch self {
        case .none:
            return
        case .logistic:
            for index in start..<(start + width) {
                scores[index] = Float(Exponential.logistic(Double(scores[index])).positive)
            }
        case .softmax:
            Self.softmax(&scores, from: start, width: width, skippingZeros: false)
        case .softmaxZero:
            Self.softmax(&scores, from: start, width: width, skippingZeros: true)
        }
    }

    /// e^(x - max) / sum, the sum taken from the first column to the last.
    private static func softmax(
        _ scores: inout [Float], from start: Int, width: Int, skippingZeros: Bool
    ) {
        let columns = start..<(start + width)
        var largest = -Float.infinity
        for index in columns where !(scores[index] <= largest) { largest = scores[index] }
        let isSkipped = { (score: Float) in skippingZeros && abs(score) <= zeroBound }
        var sum = 0.0
        for index in columns where !isSkipped(scores[index]) {
            sum += Exponential.exp(Double(scores[index]) - Double(largest))
        }
        for index in columns {
            let score = scores[index]
            scores[index] =
                isSkipped(score)
                ? 0 : Float(Exponential.exp(Double(score) - Double(largest)) / sum)
        }
    }
}
