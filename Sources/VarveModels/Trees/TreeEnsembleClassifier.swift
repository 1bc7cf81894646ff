// ONNX leaves open what two classes and one score mean. onnxruntime 1.32, which the converters are
// tested against, decides as below (found by asking it, see fixtures/onnx/README.md); `s` is the
// sum of the votes and the base value, `L` the logistic function.
//
//     classes voted for | label 1 when              | scores NONE     | LOGISTIC      | SOFTMAX
//     0 only, all >= 0  | s > 0.5                   | 1 - s, s        | L(-s), L(s)   | as NONE
//     0 only, mixed     | s > 0                     | -s, s           | L(-s), L(s)   | as NONE
//     1 only            | s > 0.5 or s > 0, as above| 0, s            | 0.5, L(s)     | softmax
//     0 and 1           | score 1 > 0               | as voted        | each          | softmax
//
// skl2onnx, onnxmltools (XGBoost, LightGBM) write the first two rows, with NONE and LOGISTIC.

/// ai.onnx.ml.TreeEnsembleClassifier.
struct TreeEnsembleClassifier: Operation {
    /// How scores become columns and a label.
    private enum Rule {
        /// One score for two classes: the label is 1 above the bound.
        case oneScore(bound: Float, isComplement: Bool)
        /// Two classes with a column each: the label is 1 when score 1 is above the bound.
        case secondScore(bound: Float)
        /// The label is the class with the largest score among those that got a vote.
        case largest
    }

    private let forest: Forest
    private let labels: ClassLabels
    private let baseValues: [Float]
    private let transform: PostTransform
    private let rule: Rule

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let labels = try node.classLabels(ints: "classlabels_int64s")
        let transform = try node.postTransform()
        let baseValues = try node.floatsOrTensor("base_values")
        var tables = try TreeTables(&node, votes: "class")
        let voted = Set(tables.voteTargets)
        let rule: Rule
        if labels.count > 2 {
            rule = .largest
        } else if voted == [0] {
            rule = Self.oneScore(tables, transform, &node)
        } else {
            let isPositive = voted.count == 1 && tables.voteWeights.allSatisfy { $0 >= 0 }
            rule = .secondScore(bound: isPositive ? 0.5 : 0)
            node.note(
                "its leaves vote for class \(voted.sorted()) of two classes; onnxruntime takes "
                    + "the sign of class 1's score as the label, the reference the larger score")
        }
        var allowed = [0, labels.count]
        switch rule {
        case .oneScore:
            // One score, so the forest has one target.
            allowed = [0, 1]
        case .secondScore:
            allowed = [0]
        case .largest:
            break
        }
        guard allowed.contains(baseValues.count) else {
            throw node.failure(
                "base_values",
                "has \(baseValues.count) entries; evaluators agree for "
                    + "\(allowed.map(String.init).joined(separator: " or ")) entries here")
        }
        let isOneScore = if case .oneScore = rule { true } else { false }
        if isOneScore { tables.voteTargets = tables.voteTargets.map { _ in 0 } }
        let forest = try Forest(
            tables, width: input.width, targetCount: isOneScore ? 1 : labels.count, node: node)
        switch rule {
        case .secondScore where !forest.isAlwaysVoted[1]:
            throw node.failure(
                "some rows get no vote for class 1 of two classes; ONNX does not say what their "
                    + "scores are")
        case .largest where baseValues.isEmpty && forest.isAlwaysVoted.contains(false):
            node.note(
                "some rows get no vote for some class; onnxruntime lets only classes with votes "
                    + "be the label, the reference all")
        default:
            break
        }
        return .operation(
            TreeEnsembleClassifier(
                forest: forest, labels: labels, baseValues: baseValues, transform: transform,
                rule: rule),
            reads: [input.slot], types: labels.outputTypes)
    }

    private static func oneScore(
        _ tables: TreeTables, _ transform: PostTransform, _ node: inout NodeReader
    ) -> Rule {
        let isPositive = tables.voteWeights.allSatisfy { $0 >= 0 }
        switch transform {
        case .logistic where isPositive:
            node.note(
                "one logistic score and no negative vote; onnxruntime compares the raw score with "
                    + "0.5 for the label, the reference with 0")
        case .none where !isPositive:
            node.note(
                "one score without a transform and negative votes; onnxruntime gives class 0 the "
                    + "score -s, the reference 1 - s")
        case .softmax, .softmaxZero:
            node.note(
                "\(transform.rawValue) of a single score; onnxruntime ignores it, the reference "
                    + "applies it")
        default:
            break
        }
        return .oneScore(bound: isPositive ? 0.5 : 0, isComplement: isPositive)
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let features = inputs[0].floats
        var classes: [Int64] = []
        classes.reserveCapacity(rows)
        var output: [Float] = []
        output.reserveCapacity(rows * labels.count)
        var sums = Array(repeating: 0.0, count: min(rows, Forest.blockRows))
        for first in stride(from: 0, to: rows, by: Forest.blockRows) {
            let count = min(Forest.blockRows, rows - first)
            if case .oneScore(let bound, let isComplement) = rule {
                forest.sum(features, from: first, into: &sums, count: count)
                let base = Double(baseValues.first ?? 0)
                for index in 0..<count {
                    let score = Float(sums[index] + base)
                    classes.append(labels.value(score > bound ? 1 : 0))
                    append(score, isComplement: isComplement, to: &output)
                }
            } else {
                let scores = forest.collect(features, from: first, count: count, by: .sum)
                for row in 0..<count {
                    let best = finish(scores, row: row, into: &output)
                    classes.append(labels.value(best))
                }
            }
        }
        return [.int64(classes), .float32(output)]
    }

    /// Writes the two columns of one score.
    private func append(_ score: Float, isComplement: Bool, to output: inout [Float]) {
        if transform == .logistic {
            let both = Exponential.logistic(Double(score))
            output.append(Float(both.negative))
            output.append(Float(both.positive))
        } else {
            output.append(isComplement ? 1 - score : -score)
            output.append(score)
        }
    }

    /// Writes the columns of one row; returns the index of its class.
    private func finish(_ scores: Forest.Scores, row: Int, into output: inout [Float]) -> Int {
        let width = labels.count
        let start = output.count
        var best: Int?
        for target in 0..<width {
            let place = row * width + target
            let base = baseValues.isEmpty ? 0 : Double(baseValues[target])
            let score = Float(scores.values[place] + base)
            output.append(score)
            guard scores.isVoted[place] || !baseValues.isEmpty else { continue }
            if let leader = best, !(score > output[start + leader]) { continue }
            best = target
        }
        if case .secondScore(let bound) = rule {
            best = output[start + 1] > bound ? 1 : 0
        }
        transform.apply(to: &output, from: start, width: width)
        return best ?? 0
    }
}
