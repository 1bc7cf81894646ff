/// Softmax over the columns of each row.
struct Softmax: Operation {
    private let width: Int

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let axis = try node.int("axis", default: node.version >= 13 ? -1 : 1)
        guard axis == 1 || axis == -1 else {
            throw node.failure("axis", "is \(axis); only the columns (1 or -1) are supported")
        }
        return .operation(
            Softmax(width: input.width), reads: [input.slot],
            types: [BatchType(.float32, .matrix(width: input.width), classes: input.type.classes)])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        var x = inputs[0].floats
        for row in 0..<rows {
            PostTransform.softmax.apply(to: &x, from: row * width, width: width)
        }
        return [.float32(x)]
    }
}

/// ArgMax over the columns of each row: the first of the largest.
struct ArgMax: Operation {
    private let width: Int

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let input = try node.matrix(0)
        let axis = try node.int("axis", default: 0)
        guard axis == 1 || axis == -1 else {
            throw node.failure("axis", "is \(axis); only the columns (1 or -1) are supported")
        }
        guard try node.int("select_last_index", default: 0) == 0 else {
            throw node.failure("select_last_index", "must be 0")
        }
        let keepsAxis = try node.int("keepdims", default: 1) != 0
        return .operation(
            ArgMax(width: input.width), reads: [input.slot],
            types: [BatchType(.int64, keepsAxis ? .matrix(width: 1) : .column)])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let x = inputs[0].floats
        var output: [Int64] = []
        output.reserveCapacity(rows)
        for row in 0..<rows {
            var best = 0
            for column in 1..<max(width, 1) where x[row * width + column] > x[row * width + best] {
                best = column
            }
            output.append(Int64(best))
        }
        return [.int64(output)]
    }
}

/// Concat of matrices side by side.
struct Concat: Operation {
    private let widths: [Int]
    private let element: BatchType.Element

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...ModelLimits.listMax)
        var reads: [Int] = []
        var widths: [Int] = []
        var element: BatchType.Element?
        for index in node.operands.indices {
            let (slot, type) = try node.batch(index)
            guard case .matrix(let width) = type.layout, type.labels == nil,
                type.element == element ?? type.element
            else {
                throw node.failure("input \(index) is \(type), expected columns of one type")
            }
            element = type.element
            reads.append(slot)
            widths.append(width)
        }
        let axis = try node.int("axis", default: 1)
        guard axis == 1 || axis == -1 else {
            throw node.failure("axis", "is \(axis); only the columns (1 or -1) are supported")
        }
        let width = widths.reduce(0, +)
        try ModelLimits.check(width, "columns", atMost: ModelLimits.widthMax)
        let type = BatchType(element ?? .float32, .matrix(width: width))
        return .operation(
            Concat(widths: widths, element: type.element), reads: reads, types: [type])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        switch element {
        case .float32: [.float32(joined(inputs.map(\.floats), rows))]
        case .float64: [.float64(joined(inputs.map(\.doubles), rows))]
        case .int64: [.int64(joined(inputs.map(\.integers), rows))]
        }
    }

    private func joined<Element>(_ parts: [[Element]], _ rows: Int) -> [Element] {
        var output: [Element] = []
        output.reserveCapacity(rows * widths.reduce(0, +))
        for row in 0..<rows {
            for (part, width) in zip(parts, widths) {
                output.append(contentsOf: part[(row * width)..<((row + 1) * width)])
            }
        }
        return output
    }
}
