/// What a node reads: nothing (an optional input left out), a constant, or a batch.
enum Operand: Sendable {
    case missing
    case constant(OnnxTensor)
    case batch(slot: Int, type: BatchType)
}

/// What a node turns out to be.
enum PlannedNode {
    /// Computes: reads the batches in these slots, writes values of these types.
    case operation(any Operation, reads: [Int], types: [BatchType])
    /// Its output is its input under another shape or name.
    case alias(slot: Int, type: BatchType)
    /// Its output is a constant.
    case constant(OnnxTensor)
}

/// Hands out one node's inputs and attributes with their types checked. `finish` refuses the node
/// when it has an attribute nobody asked for: an attribute that is not understood may change what
/// the operator means.
struct NodeReader {
    let node: OnnxNode
    let operands: [Operand]
    /// Version of the operator set of the node's domain.
    let version: Int64
    private var unread: Set<String>
    /// Ways in which evaluators disagree about this node.
    private(set) var ambiguities: [String] = []

    init(_ node: OnnxNode, operands: [Operand], version: Int64) {
        self.node = node
        self.operands = operands
        self.version = version
        unread = Set(node.attributes.map(\.name))
    }

    // MARK: Errors

    func failure(_ reason: String) -> ModelError {
        .node(node.title, operation: node.qualifiedOperation, reason: reason)
    }

    func failure(_ attribute: String, _ reason: String) -> ModelError {
        .attribute(
            node: node.title, operation: node.qualifiedOperation, attribute: attribute,
            reason: reason)
    }

    /// Notes that evaluators disagree about this node; onnxruntime's answer is the one given.
    mutating func note(_ ambiguity: String) {
        ambiguities.append("node \"\(node.title)\" (\(node.qualifiedOperation)): \(ambiguity)")
    }

    /// Refuses attributes that were not read.
    func finish() throws(ModelError) {
        guard let attribute = unread.min() else { return }
        throw failure(attribute, "is not supported")
    }

    // MARK: Inputs

    func requireInputs(_ counts: ClosedRange<Int>) throws(ModelError) {
        guard counts.contains(operands.count) else {
            throw failure("has \(operands.count) inputs, expected \(counts)")
        }
    }

    func operand(_ index: Int) -> Operand {
        index < operands.count ? operands[index] : .missing
    }

    /// The batch that must be input `index`.
    func batch(_ index: Int) throws(ModelError) -> (slot: Int, type: BatchType) {
        guard case .batch(let slot, let type) = operand(index) else {
            throw failure("input \(index) is constant or missing, expected a value per row")
        }
        return (slot, type)
    }

    /// The float32 matrix that must be input `index`.
    func matrix(_ index: Int) throws(ModelError) -> (slot: Int, width: Int, type: BatchType) {
        let (slot, type) = try batch(index)
        guard case .matrix(let width) = type.layout, type.element == .float32 else {
            throw failure("input \(index) is \(type), expected float32 [N, columns]")
        }
        return (slot, width, type)
    }

    /// The constant that must be input `index`.
    func constant(_ index: Int) throws(ModelError) -> OnnxTensor {
        guard case .constant(let tensor) = operand(index) else {
            throw failure("input \(index) is not constant; only constants are supported there")
        }
        return tensor
    }

    /// The constant integers that must be input `index`.
    func constantIntegers(_ index: Int) throws(ModelError) -> [Int64] {
        guard case .int64(let values) = try constant(index).values else {
            throw failure("input \(index) holds no integers")
        }
        return values
    }

    // MARK: Attributes

    func has(_ name: String) -> Bool { node.attributes.contains { $0.name == name } }

    /// Accepts attributes without a meaning for the result.
    mutating func ignore(_ names: String...) { unread.subtract(names) }

    private mutating func take(_ name: String) -> OnnxAttribute.Value? {
        unread.remove(name)
        return node.attributes.first { $0.name == name }?.value
    }

    mutating func int(_ name: String, default standard: Int64) throws(ModelError) -> Int64 {
        guard let value = take(name) else { return standard }
        guard case .int(let int) = value else { throw failure(name, "is not an int") }
        return int
    }

    mutating func float(_ name: String, default standard: Float) throws(ModelError) -> Float {
        guard let value = take(name) else { return standard }
        guard case .float(let float) = value else { throw failure(name, "is not a float") }
        return float
    }

    mutating func string(_ name: String, default standard: String) throws(ModelError) -> String {
        guard let value = take(name) else { return standard }
        guard case .string(let string) = value else { throw failure(name, "is not a string") }
        return string
    }

    mutating func tensor(_ name: String) throws(ModelError) -> OnnxTensor? {
        guard let value = take(name) else { return nil }
        guard case .tensor(let tensor) = value else { throw failure(name, "is not a tensor") }
        return tensor
    }

    mutating func floats(_ name: String) throws(ModelError) -> [Float] {
        guard let value = take(name) else { return [] }
        guard case .floats(let floats) = value else {
            throw failure(name, "is not a list of floats")
        }
        return floats
    }

    mutating func ints(_ name: String) throws(ModelError) -> [Int64] {
        guard let value = take(name) else { return [] }
        guard case .ints(let ints) = value else { throw failure(name, "is not a list of ints") }
        return ints
    }

    mutating func strings(_ name: String) throws(ModelError) -> [String] {
        guard let value = take(name) else { return [] }
        guard case .strings(let strings) = value else {
            throw failure(name, "is not a list of strings")
        }
        return strings
    }

    /// A list of floats that newer operator sets may give as a tensor, under `name` + "_as_tensor".
    mutating func floatsOrTensor(_ name: String) throws(ModelError) -> [Float] {
        let tensorName = name + "_as_tensor"
        guard let tensor = try tensor(tensorName) else { return try floats(name) }
        guard case .float32(let values) = tensor.values else {
            throw failure(tensorName, "is not float32; double models are not supported")
        }
        guard try floats(name).isEmpty else { throw failure(name, "is given twice") }
        return values
    }

    /// Class labels: int64 or texts, at least 2 of them.
    mutating func classLabels(
        ints intsName: String, strings stringsName: String = "classlabels_strings"
    ) throws(ModelError) -> ClassLabels {
        let ints = try ints(intsName)
        let strings = try strings(stringsName)
        guard ints.isEmpty || strings.isEmpty else {
            throw failure(stringsName, "and \(intsName) are both given")
        }
        let labels: ClassLabels = strings.isEmpty ? .ints(ints) : .strings(strings)
        guard labels.count >= 2, labels.count <= ModelLimits.widthMax else {
            throw failure(
                intsName,
                "or \(stringsName) names \(labels.count) classes, expected 2 to "
                    + "\(ModelLimits.widthMax)")
        }
        return labels
    }

    /// A post_transform that is implemented.
    mutating func postTransform() throws(ModelError) -> PostTransform {
        let name = try string("post_transform", default: "NONE")
        guard let transform = PostTransform(rawValue: name) else {
            throw failure(
                "post_transform",
                "is \"\(name)\", expected NONE, LOGISTIC, SOFTMAX or "
                    + "SOFTMAX_ZERO")
        }
        return transform
    }
}

/// The labels of a classifier's classes.
enum ClassLabels: Sendable, Equatable {
    case ints([Int64])
    case strings([String])

    var count: Int {
        switch self {
        case .ints(let labels): labels.count
        case .strings(let labels): labels.count
        }
    }

    /// The classes as texts, in the order of the scores' columns.
    var names: [String] {
        switch self {
        case .ints(let labels): labels.map { "\($0)" }
        case .strings(let labels): labels
        }
    }

    /// The types of a classifier's two outputs.
    var outputTypes: [BatchType] {
        let texts: [String]? = if case .strings(let labels) = self { labels } else { nil }
        return [
            BatchType(.int64, .column, labels: texts),
            BatchType(.float32, .matrix(width: count), classes: names),
        ]
    }

    /// What an int64 label batch holds for class `index`: the label, or the index of the text.
    func value(_ index: Int) -> Int64 {
        switch self {
        case .ints(let labels): labels[index]
        case .strings: Int64(index)
        }
    }
}
