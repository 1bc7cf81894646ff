/// ai.onnx.ml.TreeEnsembleRegressor.
struct TreeEnsembleRegressor: Operation {
    private let forest: Forest
    private let aggregate: VoteAggregate
    /// Added to each target's score; empty for none.
    private let baseValues: [Float]
    private let transform: PostTransform

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let targets = try node.int("n_targets", default: 1)
        guard targets >= 1, targets <= Int64(ModelLimits.widthMax) else {
            throw node.failure("n_targets", "is \(targets), expected 1 to \(ModelLimits.widthMax)")
        }
        let name = try node.string("aggregate_function", default: "SUM")
        guard let aggregate = VoteAggregate(rawValue: name) else {
            throw node.failure(
                "aggregate_function", "is \"\(name)\", expected SUM, AVERAGE, MIN or MAX")
        }
        var transform = try node.postTransform()
        if targets == 1, transform != .none {
            node.note(
                "post_transform \(transform.rawValue) of a single target; onnxruntime ignores it, "
                    + "the reference applies it")
            transform = .none
        }
        let baseValues = try node.floatsOrTensor("base_values")
        guard baseValues.isEmpty || baseValues.count == Int(targets) else {
            throw node.failure(
                "base_values", "has \(baseValues.count) entries, expected none or \(targets)")
        }
        let tables = try TreeTables(&node, votes: "target")
        let forest = try Forest(
            tables, width: input.width, targetCount: Int(targets), node: node)
        if aggregate == .minimum || aggregate == .maximum, forest.isAlwaysVoted.contains(false) {
            throw node.failure("aggregate \(name) needs a vote for every target in some tree")
        }
        return .operation(
            TreeEnsembleRegressor(
                forest: forest, aggregate: aggregate, baseValues: baseValues,
                transform: transform),
            reads: [input.slot],
            types: [BatchType(.float32, .matrix(width: Int(targets)))])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let features = inputs[0].floats
        let targets = forest.targetCount
        var output: [Float] = []
        output.reserveCapacity(rows * targets)
        var sums = Array(repeating: 0.0, count: min(rows, Forest.blockRows))
        for first in stride(from: 0, to: rows, by: Forest.blockRows) {
            let count = min(Forest.blockRows, rows - first)
            if targets == 1, aggregate == .sum {
                forest.sum(features, from: first, into: &sums, count: count)
                let base = Double(baseValues.first ?? 0)
                for index in 0..<count { output.append(Float(sums[index] + base)) }
            } else {
                let scores = forest.collect(features, from: first, count: count, by: aggregate)
                for index in 0..<(count * targets) {
                    let base = baseValues.isEmpty ? 0 : Double(baseValues[index % targets])
                    output.append(Float(scores.values[index] + base))
                }
            }
        }
        if transform != .none {
            for row in 0..<rows {
                transform.apply(to: &output, from: row * targets, width: targets)
            }
        }
        return [.float32(output)]
    }
}
