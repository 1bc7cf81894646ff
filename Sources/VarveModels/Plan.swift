/// A graph turned into steps over numbered slots: every operator known, every attribute understood,
/// every shape and index checked before the first row is seen.
struct Plan: Sendable {
    /// One operator applied: reads slots, writes slots.
    struct Step: Sendable {
        let operation: any Operation
        let reads: [Int]
        let writes: [Int]
        /// Slots nobody reads after this step.
        var releases: [Int] = []
    }

    /// What a name of the graph stands for.
    private enum Binding {
        case constant(OnnxTensor)
        case batch(slot: Int, type: BatchType)
    }

    private(set) var steps: [Step] = []
    private(set) var slotCount = 0
    /// The graph's inputs, in the order of the columns of the rows: [N, width] in slot i.
    private(set) var inputs: [Signature] = []
    private(set) var outputs: [Signature] = []
    /// The slot of each output, and the texts its int64 values stand for.
    private(set) var outputSlots: [(slot: Int, type: BatchType)] = []
    /// Ways in which evaluators disagree about this graph.
    private(set) var ambiguities: [String] = []
    /// Columns of the widest value.
    private(set) var widest = 1

    private var bindings: [String: Binding] = [:]

    /// Plans a graph.
    /// - Throws: everything but `.malformed` and `.unexpectedRows`.
    init(_ file: OnnxFile) throws(ModelError) {
        guard OperatorSet.formatVersions.contains(file.formatVersion) else {
            throw .invalid(
                "its format version is \(file.formatVersion), expected "
                    + "\(OperatorSet.formatVersions)")
        }
        for tensor in file.initializers { try bind(tensor.name, .constant(tensor)) }
        for input in file.inputs where bindings[input.name] == nil { try add(input) }
        guard !inputs.isEmpty else { throw .invalid("the graph has no inputs") }
        for node in file.nodes { try add(node, file.operatorSets) }
        guard !file.outputs.isEmpty else { throw .invalid("the graph has no outputs") }
        for output in file.outputs { try addOutput(output.name) }
        releaseSlots()
        bindings = [:]
    }

    private mutating func bind(_ name: String, _ binding: Binding) throws(ModelError) {
        guard bindings.updateValue(binding, forKey: name) == nil else {
            throw .invalid("the value \"\(name)\" is defined twice")
        }
    }

    private mutating func newSlot(_ type: BatchType) -> Int {
        widest = max(widest, type.width)
        slotCount += 1
        return slotCount - 1
    }

    private mutating func add(_ input: OnnxFile.ValueInfo) throws(ModelError) {
        guard input.elementType == OnnxTensor.ElementCode.float32.rawValue else {
            let type = input.elementType.map { "element type \($0)" } ?? "no tensor type"
            throw .invalid(
                "input \"\(input.name)\" has \(type), expected float (1); export the model with "
                    + "FloatTensorType inputs and encode texts before")
        }
        guard let shape = input.shape, shape.count == 2, shape[0] ?? 1 == 1, let width = shape[1]
        else {
            let shape = input.shape.map {
                $0.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")
            }
            throw .invalid(
                "input \"\(input.name)\" has shape [\(shape ?? "?")], expected [open, columns]")
        }
        try ModelLimits.check(width, "columns", atMost: ModelLimits.widthMax)
        let type = BatchType(.float32, .matrix(width: width))
        inputs.append(Signature(name: input.name, kind: .float32, width: width, classes: nil))
        try bind(input.name, .batch(slot: newSlot(type), type: type))
    }

    private mutating func add(
        _ node: OnnxNode, _ sets: [String: Int64]
    ) throws(ModelError) {
        var operands: [Operand] = []
        for name in node.inputs {
            switch bindings[name] {
            case .constant(let tensor): operands.append(.constant(tensor))
            case .batch(let slot, let type): operands.append(.batch(slot: slot, type: type))
            case nil where name.isEmpty: operands.append(.missing)
            case nil:
                throw .node(
                    node.title, operation: node.qualifiedOperation,
                    reason: "reads \"\(name)\", which nothing before it writes")
            }
        }
        let version = try OperatorSet.version(of: node, sets)
        var reader = NodeReader(node, operands: operands, version: version)
        let planned = try OperatorSet.plan(&reader)
        try reader.finish()
        ambiguities += reader.ambiguities
        switch planned {
        case .constant(let tensor):
            try requireOutputs(node, 1...1)
            try bind(node.outputs[0], .constant(tensor))
        case .alias(let slot, let type):
            try requireOutputs(node, 1...1)
            try bind(node.outputs[0], .batch(slot: slot, type: type))
        case .operation(let operation, let reads, let types):
            try requireOutputs(node, 1...types.count)
            var writes: [Int] = []
            for (index, type) in types.enumerated() {
                let slot = newSlot(type)
                writes.append(slot)
                guard index < node.outputs.count, !node.outputs[index].isEmpty else { continue }
                try bind(node.outputs[index], .batch(slot: slot, type: type))
            }
            steps.append(Step(operation: operation, reads: reads, writes: writes))
        }
    }

    private func requireOutputs(
        _ node: OnnxNode, _ counts: ClosedRange<Int>
    ) throws(ModelError) {
        guard counts.contains(node.outputs.count) else {
            throw .node(
                node.title, operation: node.qualifiedOperation,
                reason: "has \(node.outputs.count) outputs, expected \(counts)")
        }
    }

    private mutating func addOutput(_ name: String) throws(ModelError) {
        switch bindings[name] {
        case .batch(let slot, let type):
            let kind: ValueKind
            switch type.element {
            case .float32: kind = .float32
            case .int64: kind = type.labels == nil ? .int64 : .string
            case .float64:
                throw .invalid("output \"\(name)\" is float64; cast it to float32 in the graph")
            }
            outputs.append(
                Signature(name: name, kind: kind, width: type.width, classes: type.classes))
            outputSlots.append((slot, type))
        case .constant:
            throw .invalid("output \"\(name)\" is constant")
        case nil:
            throw .invalid("nothing writes output \"\(name)\"")
        }
    }

    /// Notes after which step a slot's values can be freed.
    private mutating func releaseSlots() {
        var last: [Int: Int] = [:]
        for (index, step) in steps.enumerated() {
            for slot in step.reads + step.writes { last[slot] = index }
        }
        for (slot, _) in outputSlots { last[slot] = nil }
        for (slot, index) in last { steps[index].releases.append(slot) }
    }
}
