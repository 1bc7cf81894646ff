import VarveBytes
import VarveFormats

/// An ONNX file decoded: the graph and what the file says about itself. Nothing is known yet about
/// whether its operators can be evaluated; `Plan` decides that.
///
/// Source: ModelProto and GraphProto in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
struct OnnxFile: Sendable {
    /// A graph's input or output as declared.
    struct ValueInfo: Sendable, Equatable {
        var name = ""
        /// TensorProto.DataType; nil when it is not a plain tensor (ZipMap's sequence of maps).
        var elementType: Int64?
        /// Lengths of the axes, nil where the file leaves one open; nil when there is no shape.
        var shape: [Int?]?
    }

    /// Version of the file format.
    var formatVersion: Int64 = 0
    var producer = ""
    /// Versions of the operator sets by domain; "" is ai.onnx.
    var operatorSets: [String: Int64] = [:]
    var nodes: [OnnxNode] = []
    var initializers: [OnnxTensor] = []
    var inputs: [ValueInfo] = []
    var outputs: [ValueInfo] = []

    /// Reads a ModelProto.
    /// - Throws: `.malformed`, `.invalid`, `.limit`, `.attribute`.
    init(decoding bytes: RawSpan) throws(ModelError) {
        try ModelLimits.check(bytes.byteCount, "bytes", atMost: ModelLimits.fileBytesMax)
        var graph: Range<Int>?
        var sets: [Range<Int>] = []
        var hasFunctions = false
        do {
            var reader = ProtobufReader(bytes)
            while sets.count <= ModelLimits.listMax, let field = try reader.next() {
                switch field.number {
                case 1: formatVersion = try field.integer()
                case 2: producer = try reader.text(field)
                case 7:
                    try field.require(.bytes)
                    graph = field.range
                case 8:
                    try field.require(.bytes)
                    sets.append(field.range)
                case 25: hasFunctions = true
                default: break
                }
            }
        } catch {
            throw .malformed(error, message: "the model")
        }
        guard let graph else { throw .invalid("the file holds no graph") }
        guard !hasFunctions else { throw .invalid("the file defines functions of its own") }
        try ModelLimits.check(sets.count, "operator sets", atMost: ModelLimits.listMax)
        for set in sets { try readOperatorSet(bytes.extracting(set)) }
        try readGraph(bytes.extracting(graph))
    }

    /// A domain may be imported twice (skl2onnx does it), with the same version.
    private mutating func readOperatorSet(_ bytes: RawSpan) throws(ModelError) {
        var domain = ""
        var version: Int64 = 0
        do {
            var reader = ProtobufReader(bytes)
            while let field = try reader.next() {
                switch field.number {
                case 1: domain = try reader.text(field)
                case 2: version = try field.integer()
                default: break
                }
            }
        } catch {
            throw .malformed(error, message: "an operator set")
        }
        if domain == "ai.onnx" { domain = "" }
        if let other = operatorSets[domain], other != version {
            throw .invalid(
                "operator set \"\(domain)\" is imported as version \(other) and \(version)")
        }
        operatorSets[domain] = version
    }

    private mutating func readGraph(_ bytes: RawSpan) throws(ModelError) {
        var fields: [ProtobufField] = []
        do {
            var reader = ProtobufReader(bytes)
            while fields.count <= ModelLimits.constantsMax * 2, let field = try reader.next() {
                guard [1, 5, 11, 12, 15].contains(field.number) else { continue }
                try field.require(.bytes)
                fields.append(field)
            }
        } catch {
            throw .malformed(error, message: "the graph")
        }
        try ModelLimits.check(
            fields.count, "parts of the graph", atMost: ModelLimits.constantsMax * 2)
        let count = { (number: Int) in fields.count { $0.number == number } }
        try ModelLimits.check(count(1), "nodes", atMost: ModelLimits.graphNodesMax)
        try ModelLimits.check(count(5), "initializers", atMost: ModelLimits.constantsMax)
        try ModelLimits.check(count(11), "inputs", atMost: ModelLimits.listMax)
        try ModelLimits.check(count(12), "outputs", atMost: ModelLimits.listMax)
        for field in fields {
            let part = bytes.extracting(field.range)
            switch field.number {
            case 1: nodes.append(try OnnxNode(decoding: part))
            case 5: initializers.append(try OnnxTensor(decoding: part))
            case 11: inputs.append(try ValueInfo(decoding: part))
            case 12: outputs.append(try ValueInfo(decoding: part))
            default: throw .invalid("sparse initializers are not supported")
            }
        }
    }
}

extension OnnxFile.ValueInfo {
    /// Reads a ValueInfoProto and the TypeProto in it.
    /// - Throws: `.malformed`, `.limit`.
    init(decoding bytes: RawSpan) throws(ModelError) {
        do {
            var reader = ProtobufReader(bytes)
            while let field = try reader.next() {
                switch field.number {
                case 1: name = try reader.text(field)
                case 2: try readType(try reader.message(field))
                default: break
                }
            }
        } catch {
            throw .malformed(error, message: "an input or output of the graph")
        }
        try ModelLimits.check(shape?.count ?? 0, "axes", atMost: ModelLimits.axesMax)
    }

    private mutating func readType(_ bytes: RawSpan) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            let tensor = try reader.message(field)
            var inner = ProtobufReader(tensor)
            while let field = try inner.next() {
                switch field.number {
                case 1: elementType = try field.integer()
                case 2: shape = try Self.readShape(try inner.message(field))
                default: break
                }
            }
        }
    }

    private static func readShape(_ bytes: RawSpan) throws(ProtobufError) -> [Int?] {
        var shape: [Int?] = []
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            let axis = try reader.message(field)
            var length: Int?
            var inner = ProtobufReader(axis)
            while let field = try inner.next() {
                // A length of 0 is how some converters write "open".
                if field.number == 1 {
                    let value = try field.integer()
                    length = value > 0 ? Int(exactly: value) : nil
                }
            }
            shape.append(length)
        }
        return shape
    }
}
