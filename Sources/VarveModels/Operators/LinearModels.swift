/// x times a row of coefficients: products and sum in Double, features in their order.
@inline(__always)
private func product(
    _ x: [Float], at start: Int, _ coefficients: [Float], row: Int, width: Int
) -> Double {
    var sum = 0.0
    for column in 0..<width {
        sum += Double(x[start + column]) * Double(coefficients[row * width + column])
    }
    return sum
}

/// ai.onnx.ml.LinearClassifier: logistic regression and its relatives.
struct LinearClassifier: Operation {
    private let width: Int
    /// [score, feature], row-major.
    private let coefficients: [Float]
    private let intercepts: [Float]
    private let labels: ClassLabels
    private let transform: PostTransform

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        // onnxruntime does not read it either: the shape says it all.
        node.ignore("multi_class")
        let labels = try node.classLabels(ints: "classlabels_ints")
        let coefficients = try node.floats("coefficients")
        let intercepts = try node.floats("intercepts")
        let transform = try node.postTransform()
        guard intercepts.count == labels.count || (intercepts.count == 1 && labels.count == 2)
        else {
            throw node.failure(
                "intercepts", "has \(intercepts.count) entries for \(labels.count) classes")
        }
        guard coefficients.count == intercepts.count * input.width else {
            throw node.failure(
                "coefficients",
                "has \(coefficients.count) entries, expected "
                    + "\(intercepts.count) scores x \(input.width) columns")
        }
        if intercepts.count == 1, transform != .logistic {
            node.note(
                "one score with post_transform \(transform.rawValue); onnxruntime answers "
                    + "[1 - s, s], the reference [-s, s] or its transform")
        }
        return .operation(
            LinearClassifier(
                width: input.width, coefficients: coefficients, intercepts: intercepts,
                labels: labels, transform: transform),
            reads: [input.slot], types: labels.outputTypes)
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let x = inputs[0].floats
        let scoreCount = intercepts.count
        var classes: [Int64] = []
        classes.reserveCapacity(rows)
        var scores: [Float] = []
        scores.reserveCapacity(rows * labels.count)
        for row in 0..<rows {
            let start = scores.count
            var best = 0
            for index in 0..<scoreCount {
                let sum = product(x, at: row * width, coefficients, row: index, width: width)
                scores.append(Float(sum + Double(intercepts[index])))
                if scores[start + index] > scores[start + best] { best = index }
            }
            if scoreCount == 1 {
                let score = scores[start]
                best = score > 0 ? 1 : 0
                let pair = Exponential.logistic(Double(score))
                let isLogistic = transform == .logistic
                scores[start] = isLogistic ? Float(pair.negative) : 1 - score
                scores.append(isLogistic ? Float(pair.positive) : score)
            } else {
                transform.apply(to: &scores, from: start, width: scoreCount)
            }
            classes.append(labels.value(best))
        }
        return [.int64(classes), .float32(scores)]
    }
}

/// ai.onnx.ml.LinearRegressor.
struct LinearRegressor: Operation {
    private let width: Int
    private let coefficients: [Float]
    private let intercepts: [Float]

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let targets = try node.int("targets", default: 1)
        guard targets >= 1, targets <= Int64(ModelLimits.widthMax) else {
            throw node.failure("targets", "is \(targets), expected 1 to \(ModelLimits.widthMax)")
        }
        let coefficients = try node.floats("coefficients")
        guard coefficients.count == Int(targets) * input.width else {
            throw node.failure(
                "coefficients",
                "has \(coefficients.count) entries, expected \(targets) targets "
                    + "x \(input.width) columns")
        }
        var intercepts = try node.floats("intercepts")
        if intercepts.isEmpty { intercepts = Array(repeating: 0, count: Int(targets)) }
        guard intercepts.count == Int(targets) else {
            throw node.failure(
                "intercepts", "has \(intercepts.count) entries, expected \(targets)")
        }
        guard try node.postTransform() == .none else {
            throw node.failure("post_transform", "is not NONE; evaluators disagree about others")
        }
        return .operation(
            LinearRegressor(
                width: input.width, coefficients: coefficients, intercepts: intercepts),
            reads: [input.slot],
            types: [BatchType(.float32, .matrix(width: Int(targets)))])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let x = inputs[0].floats
        var output: [Float] = []
        output.reserveCapacity(rows * intercepts.count)
        for row in 0..<rows {
            for (target, intercept) in intercepts.enumerated() {
                let sum = product(x, at: row * width, coefficients, row: target, width: width)
                output.append(Float(sum + Double(intercept)))
            }
        }
        return [.float32(output)]
    }
}

/// MatMul and Gemm of a batch with a constant matrix: alpha * x * B + beta * C.
struct MatrixProduct: Operation {
    private let width: Int
    /// [output column, input column]: B transposed, so that a product runs along both.
    private let coefficients: [Float]
    private let outputs: Int
    private let alpha: Double
    /// beta * C per output column.
    private let addends: [Double]

    static func planMatMul(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(2...2)
        return try plan(&node, alpha: 1, isTransposed: false, addend: nil)
    }

    static func planGemm(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(2...3)
        guard try node.int("transA", default: 0) == 0 else {
            throw node.failure("transA", "would mix rows; only 0 is supported")
        }
        let isTransposed = try node.int("transB", default: 0) != 0
        let alpha = try node.float("alpha", default: 1)
        let beta = try node.float("beta", default: 1)
        var addend: [Double]?
        if case .missing = node.operand(2) {
        } else {
            let tensor = try node.constant(2)
            guard case .float32(let values) = tensor.values,
                tensor.shape.dropLast().allSatisfy({ $0 == 1 })
            else {
                throw node.failure("input 2 has shape \(tensor.shape), expected one row of floats")
            }
            addend = values.map { Double(beta) * Double($0) }
        }
        return try plan(&node, alpha: Double(alpha), isTransposed: isTransposed, addend: addend)
    }

    private static func plan(
        _ node: inout NodeReader, alpha: Double, isTransposed: Bool, addend: [Double]?
    ) throws(ModelError) -> PlannedNode {
        let input = try node.matrix(0)
        let tensor = try node.constant(1)
        guard case .float32(let values) = tensor.values, (1...2).contains(tensor.shape.count)
        else {
            throw node.failure("input 1 has shape \(tensor.shape), expected a matrix of floats")
        }
        // A vector makes one value per row, without a column axis.
        let isVector = tensor.shape.count == 1
        let shape = isVector ? [tensor.shape[0], 1] : tensor.shape
        let (inner, outer) = isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
        guard inner == input.width, outer >= 1, outer <= ModelLimits.widthMax else {
            throw node.failure(
                "input 1 has shape \(tensor.shape), the rows have \(input.width) columns")
        }
        var coefficients = values
        if !isTransposed {
            for column in 0..<outer {
                for row in 0..<inner {
                    coefficients[column * inner + row] = values[row * outer + column]
                }
            }
        }
        let addends = addend ?? [0]
        guard addends.count == 1 || addends.count == outer else {
            throw node.failure("input 2 has \(addends.count) values, expected 1 or \(outer)")
        }
        return .operation(
            MatrixProduct(
                width: inner, coefficients: coefficients, outputs: outer, alpha: alpha,
                addends: addends.count == outer
                    ? addends : Array(repeating: addends[0], count: outer)),
            reads: [input.slot],
            types: [BatchType(.float32, isVector ? .column : .matrix(width: outer))])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let x = inputs[0].floats
        var output: [Float] = []
        output.reserveCapacity(rows * outputs)
        for row in 0..<rows {
            for column in 0..<outputs {
                let sum = product(x, at: row * width, coefficients, row: column, width: width)
                output.append(Float(alpha * sum + addends[column]))
            }
        }
        return [.float32(output)]
    }
}
