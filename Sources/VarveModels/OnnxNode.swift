import VarveBytes
import VarveFormats

/// One node of the graph, as the file has it: an operator, the names of the values it reads and
/// writes, and its attributes.
///
/// Source: NodeProto in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
struct OnnxNode: Sendable, Equatable {
    var name = ""
    /// The operator's name within its domain.
    var operation = ""
    /// "" for the standard operators, "ai.onnx.ml" for the classical models.
    var domain = ""
    var inputs: [String] = []
    var outputs: [String] = []
    var attributes: [OnnxAttribute] = []

    /// Reads a NodeProto.
    /// - Throws: `.malformed`, `.invalid`, `.limit`, `.attribute`.
    init(decoding bytes: RawSpan) throws(ModelError) {
        var spans: [Range<Int>] = []
        do {
            var reader = ProtobufReader(bytes)
            while max(inputs.count, outputs.count, spans.count) <= ModelLimits.listMax,
                let field = try reader.next()
            {
                switch field.number {
                case 1: inputs.append(try reader.text(field))
                case 2: outputs.append(try reader.text(field))
                case 3: name = try reader.text(field)
                case 4: operation = try reader.text(field)
                case 5:
                    try field.require(.bytes)
                    spans.append(field.range)
                case 7: domain = try reader.text(field)
                default: break
                }
            }
        } catch {
            throw .malformed(error, message: "a node")
        }
        if domain == "ai.onnx" { domain = "" }
        try ModelLimits.check(inputs.count, "inputs of a node", atMost: ModelLimits.listMax)
        try ModelLimits.check(outputs.count, "outputs of a node", atMost: ModelLimits.listMax)
        try ModelLimits.check(spans.count, "attributes of a node", atMost: ModelLimits.listMax)
        for span in spans {
            let attribute = try OnnxAttribute(decoding: bytes.extracting(span), of: self)
            guard !attributes.contains(where: { $0.name == attribute.name }) else {
                throw .attribute(
                    node: title, operation: operation, attribute: attribute.name,
                    reason: "is given twice")
            }
            attributes.append(attribute)
        }
    }

    /// What errors call the node: its name, or its first output when it has none.
    var title: String { name.isEmpty ? outputs.first ?? "" : name }

    /// The operator with its domain, as errors show it.
    var qualifiedOperation: String { domain.isEmpty ? operation : "\(domain).\(operation)" }
}

/// One attribute of a node.
struct OnnxAttribute: Sendable, Equatable {
    /// The value, by the kinds the supported operators have.
    enum Value: Sendable, Equatable {
        case float(Float)
        case int(Int64)
        case string(String)
        case tensor(OnnxTensor)
        case floats([Float])
        case ints([Int64])
        case strings([String])
    }

    var name = ""
    var value = Value.int(0)

    /// Reads an AttributeProto of `node`.
    /// - Throws: `.malformed`, `.invalid`, `.attribute`.
    init(decoding bytes: RawSpan, of node: OnnxNode) throws(ModelError) {
        var parts = Parts()
        do {
            try parts.read(bytes)
        } catch {
            throw .malformed(error, message: "an attribute of node \"\(node.title)\"")
        }
        name = parts.name
        // The numbers of AttributeProto.AttributeType.
        switch parts.type {
        case 1: value = .float(parts.float)
        case 2: value = .int(parts.int)
        case 3: value = .string(parts.string)
        case 4: value = .tensor(try OnnxTensor(decoding: bytes.extracting(parts.tensor)))
        case 6: value = .floats(parts.floats)
        case 7: value = .ints(parts.ints)
        case 8: value = .strings(parts.strings)
        default:
            throw .attribute(
                node: node.title, operation: node.qualifiedOperation, attribute: name,
                reason: "has type \(parts.type), expected float (1), int (2), string (3), "
                    + "tensor (4), floats (6), ints (7) or strings (8)")
        }
        guard parts.reference.isEmpty else {
            throw .attribute(
                node: node.title, operation: node.qualifiedOperation, attribute: name,
                reason: "refers to an attribute of a function; functions are not supported")
        }
    }

    /// The fields of an AttributeProto as they lie in the file.
    private struct Parts {
        var name = ""
        var type: Int64 = 0
        var float: Float = 0
        var int: Int64 = 0
        var string = ""
        var tensor = 0..<0
        var floats: [Float] = []
        var ints: [Int64] = []
        var strings: [String] = []
        var reference = ""

        mutating func read(_ bytes: RawSpan) throws(ProtobufError) {
            var reader = ProtobufReader(bytes)
            while let field = try reader.next() {
                switch field.number {
                case 1: name = try reader.text(field)
                case 2: float = try field.float()
                case 3: int = try field.integer()
                case 4: string = try reader.text(field)
                case 5:
                    try field.require(.bytes)
                    tensor = field.range
                case 7: try reader.append(field, to: &floats)
                case 8: try reader.append(field, to: &ints)
                case 9: strings.append(try reader.text(field))
                case 20: type = try field.integer()
                case 21: reference = try reader.text(field)
                default: break
                }
            }
        }
    }
}
