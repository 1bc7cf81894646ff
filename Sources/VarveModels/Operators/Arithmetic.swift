/// Add, Sub, Mul, Div and Sum of batches and constants, with ONNX's broadcasting as far as it keeps
/// rows apart: a constant row or scalar, or a batch of one column, is repeated.
struct Arithmetic: Operation {
    enum Kind: Sendable {
        case add, subtract, multiply, divide
    }

    /// Where one operand's values are: row r, column c is at r * rowStride + c * columnStride of
    /// the constant, or of the operation's input `batch`.
    private struct Source: Sendable {
        var batch: Int?
        var constant: OnnxTensor.Values
        var rowStride: Int
        var columnStride: Int
    }

    private let kind: Kind
    private let sources: [Source]
    private let width: Int
    private let element: BatchType.Element

    static func plan(
        _ kind: Kind, _ node: inout NodeReader, operands: ClosedRange<Int> = 2...2
    ) throws(ModelError) -> PlannedNode {
        try node.requireInputs(operands)
        var type: BatchType?
        for operand in node.operands {
            guard case .batch(_, let other) = operand else { continue }
            type =
                try type.map { type throws(ModelError) in
                    try joined(type, other, node)
                } ?? other
        }
        guard var type else { throw node.failure("reads constants only") }
        guard type.element != .int64 else {
            throw node.failure("is \(type); only floats are supported")
        }
        for operand in node.operands {
            guard case .constant(let tensor) = operand else { continue }
            type.layout = try layout(type, with: tensor.shape, node)
        }
        // Sums and products of scores no longer are one column per class, unless width agrees.
        if type.classes?.count != type.width { type.classes = nil }
        var sources: [Source] = []
        var reads: [Int] = []
        for operand in node.operands {
            switch operand {
            case .missing:
                throw node.failure("has an input without a name")
            case .batch(let slot, let own):
                sources.append(
                    Source(
                        batch: reads.count, constant: .int64([]), rowStride: own.width,
                        columnStride: own.width == 1 ? 0 : 1))
                reads.append(slot)
            case .constant(let tensor):
                try requireElement(tensor, type.element, node)
                sources.append(
                    Source(
                        batch: nil, constant: tensor.values, rowStride: 0,
                        columnStride: tensor.values.count == 1 ? 0 : 1))
            }
        }
        return .operation(
            Arithmetic(kind: kind, sources: sources, width: type.width, element: type.element),
            reads: reads, types: [type])
    }

    /// The type of two batches taken together.
    private static func joined(
        _ left: BatchType, _ right: BatchType, _ node: NodeReader
    ) throws(ModelError) -> BatchType {
        guard left.element == right.element else {
            throw node.failure("combines \(left) with \(right)")
        }
        switch (left.layout, right.layout) {
        case (.column, .column), (.transposedColumn, .transposedColumn):
            return left
        case (.matrix(let a), .matrix(let b)) where a == b || b == 1:
            return left
        case (.matrix(1), .matrix):
            return right
        default:
            throw node.failure("combines \(left) with \(right), which would mix rows")
        }
    }

    private static func layout(
        _ type: BatchType, with shape: [Int], _ node: NodeReader
    ) throws(ModelError) -> BatchType.Layout {
        let count = shape.reduce(1, *)
        if count == 1, shape.count <= 2 {
            switch type.layout {
            case .column: return shape.count == 2 ? .transposedColumn : .column
            case .matrix, .transposedColumn: return type.layout
            }
        }
        if case .matrix(let width) = type.layout, shape.count <= 2, shape.last == count,
            width == count || width == 1, (1...ModelLimits.widthMax).contains(count)
        {
            return .matrix(width: count)
        }
        throw node.failure("combines \(type) with a constant of shape \(shape)")
    }

    private static func requireElement(
        _ tensor: OnnxTensor, _ element: BatchType.Element, _ node: NodeReader
    ) throws(ModelError) {
        switch (tensor.values, element) {
        case (.float32, .float32), (.float64, .float64): return
        default: throw node.failure("combines \(element) values with a constant of another type")
        }
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        if element == .float64 {
            return [
                .float64(
                    fold(rows) { source in
                        if let batch = source.batch { return inputs[batch].doubles }
                        if case .float64(let values) = source.constant { return values }
                        return []
                    })
            ]
        }
        return [
            .float32(
                fold(rows) { source in
                    if let batch = source.batch { return inputs[batch].floats }
                    if case .float32(let values) = source.constant { return values }
                    return []
                })
        ]
    }

    private func fold<Number: BinaryFloatingPoint>(
        _ rows: Int, _ values: (Source) -> [Number]
    ) -> [Number] {
        var output: [Number] = []
        output.reserveCapacity(rows * width)
        let first = sources[0]
        let start = values(first)
        for row in 0..<rows {
            for column in 0..<width {
                output.append(start[row * first.rowStride + column * first.columnStride])
            }
        }
        for source in sources.dropFirst() {
            let operand = values(source)
            for row in 0..<rows {
                for column in 0..<width {
                    let value = operand[row * source.rowStride + column * source.columnStride]
                    let place = row * width + column
                    switch kind {
                    case .add: output[place] += value
                    case .subtract: output[place] -= value
                    case .multiply: output[place] *= value
                    case .divide: output[place] /= value
                    }
                }
            }
        }
        return output
    }
}

/// Functions of one float32 value each: computed in Double, rounded once.
struct ElementwiseFunction: Operation {
    enum Kind: Sendable {
        case sigmoid, exponential, tanh, relu, negate, absolute, squareRoot
    }

    private let kind: Kind

    static func plan(_ kind: Kind, _ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let (slot, type) = try node.batch(0)
        guard type.element == .float32 else {
            throw node.failure("input 0 is \(type), expected float32")
        }
        return .operation(ElementwiseFunction(kind: kind), reads: [slot], types: [type])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let x = inputs[0].floats
        let values: [Float] =
            switch kind {
            case .sigmoid: x.map { Float(Exponential.logistic(Double($0)).positive) }
            case .exponential: x.map { Float(Exponential.exp(Double($0))) }
            case .tanh: x.map { Float(Exponential.tanh(Double($0))) }
            case .relu: x.map { $0 < 0 ? 0 : $0 }
            case .negate: x.map { -$0 }
            case .absolute: x.map { abs($0) }
            case .squareRoot: x.map { $0.squareRoot() }
            }
        return [.float32(values)]
    }
}
