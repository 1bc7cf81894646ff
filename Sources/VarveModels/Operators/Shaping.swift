/// Operators that only rename a value or say its shape differently; they cost nothing at run time.
enum Shaping {
    static func identity(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        switch node.operand(0) {
        case .missing: throw node.failure("has no input")
        case .constant(let tensor): return .constant(tensor)
        case .batch(let slot, let type): return .alias(slot: slot, type: type)
        }
    }

    static func constant(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(0...0)
        if let tensor = try node.tensor("value") { return .constant(tensor) }
        let values: OnnxTensor.Values
        var shape: [Int] = []
        if node.has("value_float") {
            values = .float32([try node.float("value_float", default: 0)])
        } else if node.has("value_int") {
            values = .int64([try node.int("value_int", default: 0)])
        } else if node.has("value_floats") {
            values = .float32(try node.floats("value_floats"))
            shape = [values.count]
        } else if node.has("value_ints") {
            values = .int64(try node.ints("value_ints"))
            shape = [values.count]
        } else {
            throw node.failure("has no value of a supported type")
        }
        return .constant(OnnxTensor(name: "", shape: shape, values: values))
    }

    /// Reshape, as far as the first axis stays the batch and no row is split or joined.
    static func reshape(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(2...2)
        let (slot, old) = try node.batch(0)
        let shape = try node.constantIntegers(1)
        guard try node.int("allowzero", default: 0) == 0 else {
            throw node.failure("allowzero", "must be 0")
        }
        var type = old
        let isBatchFirst: Bool =
            switch old.layout {
            case .column, .matrix: true
            case .transposedColumn: false
            }
        switch shape.count {
        case 1 where old.width == 1 && (shape[0] == -1 || (shape[0] == 0 && isBatchFirst)):
            type.layout = .column
        case 2 where isBatchFirst && isColumns(shape, old),
            2 where shape == [-1, 1] && old.width == 1:
            type.layout = .matrix(width: old.width)
        default:
            throw node.failure("reshapes \(old) to \(shape), which may mix rows")
        }
        return .alias(slot: slot, type: type)
    }

    /// Whether the shape keeps the rows (-1 or 0 as first axis) and means the columns there are: by
    /// their number, by copying it (0), or by asking for what is left (-1) after copying the rows.
    private static func isColumns(_ shape: [Int64], _ type: BatchType) -> Bool {
        guard shape[0] == -1 || shape[0] == 0 else { return false }
        if shape[1] == -1 { return shape[0] == 0 }
        if shape[1] == 0, case .matrix = type.layout { return true }
        return shape[1] == Int64(type.width)
    }

    static func flatten(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        let (slot, type) = try node.batch(0)
        guard try node.int("axis", default: 1) == 1, type.layout != .transposedColumn else {
            throw node.failure("axis", "must be 1, on a value whose first axis is the batch")
        }
        var flat = type
        flat.layout = .matrix(width: type.width)
        return .alias(slot: slot, type: flat)
    }

    /// [N, 1] to [N].
    static func squeeze(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        let (slot, type) = try node.batch(0)
        let axes = try axes(&node)
        guard case .matrix(1) = type.layout, axes == [1] || axes == [-1] else {
            throw node.failure("squeezes axes \(axes) of \(type); only [N, 1] to [N] is supported")
        }
        var column = type
        column.layout = .column
        return .alias(slot: slot, type: column)
    }

    /// [N] to [N, 1].
    static func unsqueeze(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        let (slot, type) = try node.batch(0)
        let axes = try axes(&node)
        guard case .column = type.layout, axes == [1] || axes == [-1] else {
            throw node.failure("adds axes \(axes) to \(type); only [N] to [N, 1] is supported")
        }
        var matrix = type
        matrix.layout = .matrix(width: 1)
        return .alias(slot: slot, type: matrix)
    }

    /// An attribute until operator set 12, an input since.
    private static func axes(_ node: inout NodeReader) throws(ModelError) -> [Int64] {
        if node.version < 13 {
            try node.requireInputs(1...1)
            return try node.ints("axes")
        }
        try node.requireInputs(2...2)
        return try node.constantIntegers(1)
    }

    /// ai.onnx.ml.ZipMap: a map from class to score per row. Here the scores stay columns, and
    /// the output's signature names their classes.
    static func zipMap(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        var (slot, _, type) = try node.matrix(0)
        let labels = try node.classLabels(ints: "classlabels_int64s")
        guard labels.count == type.width else {
            throw node.failure("names \(labels.count) classes for \(type)")
        }
        type.classes = labels.names
        return .alias(slot: slot, type: type)
    }
}

/// Cast between float32, float64 and int64. A float that is no Int64 (NaN, infinite, too large)
/// becomes Int64.min, as onnxruntime has it on x86.
struct Cast: Operation {
    private let from: BatchType.Element
    private let to: BatchType.Element

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(1...1)
        node.ignore("saturate")
        let (slot, type) = try node.batch(0)
        let code = try node.int("to", default: 0)
        let target: BatchType.Element
        switch OnnxTensor.ElementCode(rawValue: code) {
        case .float32: target = .float32
        case .float64: target = .float64
        case .int64: target = .int64
        case .string where type.labels != nil: target = .int64
        default:
            throw node.failure("to", "is \(code), expected float (1), int64 (7) or double (11)")
        }
        guard type.labels == nil || code == OnnxTensor.ElementCode.string.rawValue else {
            throw node.failure("to", "is \(code), the input holds texts")
        }
        if target == type.element { return .alias(slot: slot, type: type) }
        return .operation(
            Cast(from: type.element, to: target), reads: [slot],
            types: [BatchType(target, type.layout, classes: type.classes)])
    }

    func evaluate(_ inputs: [Batch], rows: Int) -> [Batch] {
        let input = inputs[0]
        switch (from, to) {
        case (.float32, .float64): return [.float64(input.floats.map { Double($0) })]
        case (.float64, .float32): return [.float32(input.doubles.map { Float($0) })]
        case (.int64, .float32): return [.float32(input.integers.map { Float($0) })]
        case (.int64, .float64): return [.float64(input.integers.map { Double($0) })]
        case (.float32, .int64): return [.int64(input.floats.map { Self.integer(Double($0)) })]
        case (.float64, .int64): return [.int64(input.doubles.map { Self.integer($0) })]
        default: return [input]
        }
    }

    private static func integer(_ value: Double) -> Int64 {
        // 2^63, exactly; the comparison is false for NaN. The conversion drops the fraction.
        abs(value) < 9_223_372_036_854_775_808 ? Int64(value) : .min
    }
}

/// ai.onnx.ml.ArrayFeatureExtractor, in its two uses: columns picked out of a matrix by constant
/// indexes, and rows' values looked up in a constant (a class index to its label).
struct ArrayFeatureExtractor: Operation {
    private enum Use: Sendable {
        case columns([Int], width: Int)
        case lookUp(OnnxTensor.Values)
    }

    private let use: Use
    private let element: BatchType.Element
    private let title: String

    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        try node.requireInputs(2...2)
        if case .constant(let table) = node.operand(0) { return try lookUp(table, node) }
        let (slot, type) = try node.batch(0)
        guard case .matrix(let width) = type.layout, type.labels == nil else {
            throw node.failure("input 0 is \(type), expected [N, columns]")
        }
        var columns: [Int] = []
        for index in try node.constantIntegers(1) {
            guard index >= 0, index < Int64(width) else {
                throw node.failure("picks column \(index) of \(width)")
            }
            columns.append(Int(index))
        }
        guard (1...ModelLimits.widthMax).contains(columns.count) else {
            throw node.failure("picks \(columns.count) columns")
        }
        let classes = type.classes.map { names in columns.map { names[$0] } }
        return .operation(
            ArrayFeatureExtractor(
                use: .columns(columns, width: width), element: type.element,
                title: node.node.title),
            reads: [slot],
            types: [BatchType(type.element, .matrix(width: columns.count), classes: classes)])
    }

    private static func lookUp(
        _ table: OnnxTensor, _ node: NodeReader
    ) throws(ModelError) -> PlannedNode {
        let (slot, type) = try node.batch(1)
        guard type.element == .int64, type.labels == nil, type.width == 1 else {
            throw node.failure("input 1 is \(type), expected one int64 index per row")
        }
        guard table.values.count > 0, table.shape.dropLast().allSatisfy({ $0 == 1 }) else {
            throw node.failure("input 0 has shape \(table.shape), expected one row")
        }
        var labels: [String]?
        let element: BatchType.Element
        switch table.values {
        case .float32: element = .float32
        case .float64: element = .float64
        case .int64: element = .int64
        case .string(let texts):
            element = .int64
            labels = texts
        }
        return .operation(
            ArrayFeatureExtractor(
                use: .lookUp(table.values), element: element, title: node.node.title),
            reads: [slot],
            types: [BatchType(element, .transposedColumn, labels: labels)])
    }

    func evaluate(_ inputs: [Batch], rows: Int) throws(ModelError) -> [Batch] {
        switch use {
        case .columns(let columns, let width):
            switch element {
            case .float32: return [.float32(picked(inputs[0].floats, columns, width, rows))]
            case .float64: return [.float64(picked(inputs[0].doubles, columns, width, rows))]
            case .int64: return [.int64(picked(inputs[0].integers, columns, width, rows))]
            }
        case .lookUp(let table):
            let indexes = inputs[0].integers
            for index in indexes where index < 0 || index >= Int64(table.count) {
                throw .node(
                    title, operation: "ai.onnx.ml.ArrayFeatureExtractor",
                    reason: "a row asks for entry \(index) of \(table.count)")
            }
            switch table {
            case .float32(let values): return [.float32(indexes.map { values[Int($0)] })]
            case .float64(let values): return [.float64(indexes.map { values[Int($0)] })]
            case .int64(let values): return [.int64(indexes.map { values[Int($0)] })]
            // Texts stay indexes until they leave the model.
            case .string: return [.int64(indexes)]
            }
        }
    }

    private func picked<Element>(
        _ values: [Element], _ columns: [Int], _ width: Int, _ rows: Int
    ) -> [Element] {
        var output: [Element] = []
        output.reserveCapacity(rows * columns.count)
        for row in 0..<rows {
            for column in columns { output.append(values[row * width + column]) }
        }
        return output
    }
}
