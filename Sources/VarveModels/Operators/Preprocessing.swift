/// ai.onnx.ml.Scaler: (x - offset) * scale per column, in Float.
struct Scaler: Operation {
    private let offsets: [Float]
    private let scales: [Float]

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let offsets = try node.floats("offset")
        let scales = try node.floats("scale")
        return .operation(
            Scaler(
                offsets: try node.perColumn(offsets, "offset", width: input.width),
                scales: try node.perColumn(scales, "scale", width: input.width)),
            reads: [input.slot], types: [BatchType(.float32, .matrix(width: input.width))])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        var x = inputs[0].floats
        let width = offsets.count
        for row in 0..<rows {
            for column in 0..<width {
                let place = row * width + column
                x[place] = (x[place] - offsets[column]) * scales[column]
            }
        }
        return [.float32(x)]
    }
}

/// ai.onnx.ml.Imputer: replaces one value, usually NaN, by a constant per column.
struct Imputer: Operation {
    private let replaced: Float
    private let imputed: [Float]

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let values = try node.floats("imputed_value_floats")
        let replaced = try node.float("replaced_value_float", default: 0)
        return .operation(
            Imputer(
                replaced: replaced,
                imputed: try node.perColumn(values, "imputed_value_floats", width: input.width)),
            reads: [input.slot], types: [BatchType(.float32, .matrix(width: input.width))])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        var x = inputs[0].floats
        let width = imputed.count
        let isMissing = replaced.isNaN
        for row in 0..<rows {
            for column in 0..<width {
                let place = row * width + column
                if isMissing ? x[place].isNaN : x[place] == replaced {
                    x[place] = imputed[column]
                }
            }
        }
        return [.float32(x)]
    }
}

/// ai.onnx.ml.Normalizer: each row divided by its norm; a row whose norm is 0 stays as it is.
struct Normalizer: Operation {
    private enum Norm: String {
        case l1 = "L1"
        case l2 = "L2"
        case max = "MAX"
    }

    private let norm: Norm
    private let width: Int

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let name = try node.string("norm", default: "MAX")
        guard let norm = Norm(rawValue: name) else {
            throw node.failure("norm", "is \"\(name)\", expected L1, L2 or MAX")
        }
        if norm == .max {
            node.note(
                "norm MAX; onnxruntime divides by the largest value, the reference and "
                    + "scikit-learn by the largest absolute value")
        }
        return .operation(
            Normalizer(norm: norm, width: input.width), reads: [input.slot],
            types: [BatchType(.float32, .matrix(width: input.width), classes: input.type.classes)])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        var x = inputs[0].floats
        for row in 0..<rows {
            let columns = (row * width)..<((row + 1) * width)
            var size = norm == .max ? -Double.infinity : 0
            for place in columns {
                let value = Double(x[place])
                switch norm {
                case .l1: size += abs(value)
                case .l2: size += value * value
                case .max: if value > size { size = value }
                }
            }
            if norm == .l2 { size = size.squareRoot() }
            if size == 0 { continue }
            for place in columns { x[place] = Float(Double(x[place]) / size) }
        }
        return [.float32(x)]
    }
}

extension NodeReader {
    /// A list with one entry per column, or one for all of them, as one entry per column.
    func perColumn(
        _ values: [Float], _ name: String, width: Int
    ) throws(ModelError) -> [Float] {
        if values.count == 1 { return Array(repeating: values[0], count: width) }
        guard values.count == width else {
            throw failure(name, "has \(values.count) entries, expected 1 or \(width)")
        }
        return values
    }
}
