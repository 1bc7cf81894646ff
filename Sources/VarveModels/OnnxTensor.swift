import VarveBytes
import VarveFormats

/// A constant of the graph: an initializer or the value of a tensor attribute.
///
/// Source: TensorProto in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
struct OnnxTensor: Sendable, Equatable {
    /// The values, row-major. The narrower integers and booleans are widened to Int64.
    enum Values: Sendable, Equatable {
        case float32([Float])
        case float64([Double])
        case int64([Int64])
        case string([String])

        var count: Int {
            switch self {
            case .float32(let values): values.count
            case .float64(let values): values.count
            case .int64(let values): values.count
            case .string(let values): values.count
            }
        }
    }

    /// The number ONNX gives an element type in TensorProto.data_type and in Cast's `to`.
    enum ElementCode: Int64 {
        case float32 = 1
        case int32 = 6
        case int64 = 7
        case string = 8
        case bool = 9
        case float64 = 11
    }

    var name = ""
    /// Lengths of the axes, outermost first; empty for a scalar.
    var shape: [Int] = []
    var values = Values.float32([])

    /// Reads a TensorProto.
    /// - Throws: `.malformed`, `.invalid`, `.limit`.
    init(decoding bytes: RawSpan) throws(ModelError) {
        var parts = Parts()
        do {
            try parts.read(bytes)
        } catch {
            throw .malformed(error, message: "a tensor")
        }
        name = parts.name
        guard !parts.isExternal else {
            throw .invalid("tensor \"\(name)\" keeps its data in another file; save it in one file")
        }
        try ModelLimits.check(parts.shape.count, "axes", atMost: ModelLimits.axesMax)
        var count = 1
        for length in parts.shape {
            guard length >= 0, let axis = Int(exactly: length) else {
                throw .invalid("tensor \"\(name)\" has an axis of length \(length)")
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: axis)
            guard !overflow else { throw .invalid("tensor \"\(name)\" is too large") }
            count = product
            shape.append(axis)
        }
        values = try parts.values(count: count)
        guard values.count == count else {
            throw .invalid("tensor \"\(name)\" has \(values.count) values, shape \(shape)")
        }
    }

    /// A constant made from an attribute.
    init(name: String, shape: [Int], values: Values) {
        self.name = name
        self.shape = shape
        self.values = values
    }

    /// The fields of a TensorProto as they lie in the file.
    private struct Parts {
        var name = ""
        var shape: [Int64] = []
        var elementType: Int64 = 0
        var floats: [Float] = []
        var doubles: [Double] = []
        var int32s: [Int64] = []
        var int64s: [Int64] = []
        var strings: [String] = []
        var raw: [UInt8]?
        var isExternal = false

        mutating func read(_ bytes: RawSpan) throws(ProtobufError) {
            var reader = ProtobufReader(bytes)
            while let field = try reader.next() {
                switch field.number {
                case 1: try reader.append(field, to: &shape)
                case 2: elementType = try field.integer()
                case 4: try reader.append(field, to: &floats)
                case 5: try reader.append(field, to: &int32s)
                case 6: strings.append(try reader.text(field))
                case 7: try reader.append(field, to: &int64s)
                case 8: name = try reader.text(field)
                case 9: raw = try reader.message(field).copied()
                case 10: try reader.append(field, to: &doubles)
                case 13: isExternal = true
                case 14: if try field.integer() != 0 { isExternal = true }
                default: break
                }
            }
        }

        func values(count: Int) throws(ModelError) -> Values {
            guard let code = ElementCode(rawValue: elementType) else {
                throw .invalid(
                    "tensor \"\(name)\" has element type \(elementType), expected float (1), "
                        + "int32 (6), int64 (7), string (8), bool (9) or double (11)")
            }
            guard let raw else {
                switch code {
                case .float32: return .float32(floats)
                case .float64: return .float64(doubles)
                case .int64: return .int64(int64s)
                case .int32, .bool:
                    return .int64(int32s.map { Int64(Int32(truncatingIfNeeded: $0)) })
                case .string: return .string(strings)
                }
            }
            let width =
                switch code {
                case .float32, .int32: 4
                case .float64, .int64: 8
                case .bool: 1
                case .string: 0
                }
            guard width > 0, raw.count % width == 0, raw.count / width == count else {
                throw .invalid(
                    "tensor \"\(name)\" has \(raw.count) raw bytes, expected \(count) values "
                        + "of \(width) bytes")
            }
            let offsets = stride(from: 0, to: raw.count, by: width)
            return switch code {
            case .float32:
                .float32(offsets.map { Float(bitPattern: raw.raw.littleEndian(at: $0)) })
            case .float64:
                .float64(offsets.map { Double(bitPattern: raw.raw.littleEndian(at: $0)) })
            case .int32:
                .int64(offsets.map { Int64(raw.raw.littleEndian(at: $0, as: Int32.self)) })
            case .int64: .int64(offsets.map { raw.raw.littleEndian(at: $0) })
            case .bool, .string: .int64(raw.map { Int64($0) })
            }
        }
    }
}
