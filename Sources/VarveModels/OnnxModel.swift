// The numeric contract, mode 1 ("numeric_mode": 1 in predictions):
//
//   - inputs are float32; a feature is compared with a threshold as the two Floats they are;
//   - votes of trees, products of matrices, norms and softmax sums accumulate in Double, in the
//     order of the file (trees, columns), the base value or intercept last, rounded once to Float;
//   - functions (exp, logistic, tanh) are Varve's own, computed in Double, rounded once;
//   - additions, subtractions, multiplications and divisions the graph spells out are Float;
//   - NaN leaves as the one canonical NaN.
//
// Nothing depends on the batch, on threads or on the machine.

/// The type of the values of a model's input or output.
public enum ValueKind: String, Sendable, Equatable {
    case float32, int64, string
}

/// One input or output of a model: a tensor [rows, width].
public struct Signature: Sendable, Equatable {
    /// Its name in the graph.
    public let name: String
    /// The type of its values; always float32 for inputs.
    public let kind: ValueKind
    /// Columns per row; 1 for labels.
    public let width: Int
    /// The class each column scores, where the model says so.
    public let classes: [String]?
}

/// What a model answers for a batch of rows under one output name.
public struct Output: Sendable, Equatable {
    /// The values, row-major.
    public enum Values: Sendable, Equatable {
        case float32([Float])
        case int64([Int64])
        case string([String])
    }

    /// The output's name in the graph.
    public let name: String
    /// Values per row.
    public let width: Int
    /// `width` values for each row, row-major.
    public let values: Values

    /// The values of a float output; nil for others.
    public var floats: [Float]? {
        if case .float32(let values) = values { values } else { nil }
    }

    /// The type of the values.
    public var kind: ValueKind {
        switch values {
        case .float32: .float32
        case .int64: .int64
        case .string: .string
        }
    }
}

/// An ONNX model of the tabular kind, decoded, checked and ready to be evaluated.
///
/// A value: it can be shared by any number of threads. Decoding refuses every operator and
/// attribute that is not implemented, so a model that exists is one whose answers are defined.
/// Where ONNX leaves open what an operator means, it answers as onnxruntime 1.32 does and says so
/// in `ambiguities`.
public struct OnnxModel: Sendable {
    /// Version of the numeric contract; a prediction logs it, and an audit needs the same one.
    public static let numericMode = 1

    /// The inputs, in the order of the columns of the rows `evaluate` takes. Some exporters make
    /// one input [N, features], others one input [N, 1] per feature.
    public let inputs: [Signature]
    /// The outputs, in the graph's order: for classifiers a label and the classes' scores.
    public let outputs: [Signature]
    /// Name of the program that wrote the file ("skl2onnx", "OnnxMLTools"); may be empty.
    public let producer: String
    /// Why other evaluators may answer differently, one sentence for each reason; usually none.
    public let ambiguities: [String]
    /// Columns of all inputs together.
    public let totalWidth: Int

    private let plan: Plan

    /// Decodes and checks a model file.
    /// - Throws: `ModelError`, naming the node, operator and attribute that is not understood.
    /// - Complexity: linear in the size of the file.
    public init(decoding bytes: RawSpan) throws(ModelError) {
        let file = try OnnxFile(decoding: bytes)
        plan = try Plan(file)
        producer = file.producer
        inputs = plan.inputs
        outputs = plan.outputs
        ambiguities = plan.ambiguities
        totalWidth = plan.inputs.reduce(0) { $0 + $1.width }
    }

    /// Evaluates a batch of rows.
    ///
    /// A row's answer has the same bits whatever other rows are in the batch.
    /// - Parameters:
    ///   - rows: `count` rows of `totalWidth` values, row-major: the columns of the first input,
    ///     then those of the second, and so on. NaN stands for a missing value.
    ///   - count: rows; 0 is allowed.
    /// - Returns: one output for each of `outputs`, in that order.
    /// - Throws: `ModelError.unexpectedRows`; `.node` when the graph looks a row's value up outside
    ///   of its table.
    public func evaluate(_ rows: [Float], count: Int) throws(ModelError) -> [Output] {
        guard count >= 0, count <= ModelLimits.cellsMax / max(plan.widest, totalWidth) else {
            throw .unexpectedRows(
                "\(count) rows, expected 0 to "
                    + "\(ModelLimits.cellsMax / max(plan.widest, totalWidth))")
        }
        guard rows.count == count * totalWidth else {
            throw .unexpectedRows(
                "\(rows.count) values, expected \(count) rows of \(totalWidth) columns")
        }
        var slots = Array(repeating: Batch.empty, count: plan.slotCount)
        load(rows, count, into: &slots)
        for step in plan.steps {
            let results = try step.operation.evaluate(step.reads.map { slots[$0] }, rows: count)
            for (slot, result) in zip(step.writes, results) { slots[slot] = result }
            for slot in step.releases { slots[slot] = .empty }
        }
        return zip(outputs, plan.outputSlots).map { signature, output in
            Output(
                name: signature.name, width: signature.width,
                values: Self.values(slots[output.slot], output.type))
        }
    }

    /// Splits the rows' columns into the inputs, which have the first slots.
    private func load(_ rows: [Float], _ count: Int, into slots: inout [Batch]) {
        if inputs.count == 1 {
            slots[0] = .float32(rows)
            return
        }
        var first = 0
        for (slot, input) in inputs.enumerated() {
            var values: [Float] = []
            values.reserveCapacity(count * input.width)
            for row in 0..<count {
                let start = row * totalWidth + first
                values.append(contentsOf: rows[start..<(start + input.width)])
            }
            slots[slot] = .float32(values)
            first += input.width
        }
    }

    private static func values(_ batch: Batch, _ type: BatchType) -> Output.Values {
        switch batch {
        // The sign and payload of a NaN depend on the machine.
        case .float32(let values): return .float32(values.map { $0.isNaN ? .nan : $0 })
        // No output is planned as float64.
        case .float64(let values): return .float32(values.map { Float($0) })
        case .int64(let values):
            guard let labels = type.labels else { return .int64(values) }
            return .string(values.map { labels[Int($0)] })
        }
    }
}
