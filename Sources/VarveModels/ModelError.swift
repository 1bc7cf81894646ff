public import VarveFormats

/// Why a model cannot be decoded or evaluated. All cases but `unexpectedRows` are found when the
/// model is decoded; an `OnnxModel` that exists evaluates any rows of the right width.
public enum ModelError: Error, Sendable, Equatable {
    /// The bytes are not the protobuf message named.
    case malformed(ProtobufError, message: String)
    /// Something the file says about itself, outside of any node, is wrong or not supported.
    case invalid(String)
    /// A count or size is beyond what a model may have.
    case limit(String, value: Int, limit: Int)
    /// An operator that is not implemented, or not in the operator set imported.
    case unsupportedOperator(node: String, operation: String, reason: String)
    /// An attribute the operator does not have here, or a value it may not take.
    case attribute(node: String, operation: String, attribute: String, reason: String)
    /// The node's inputs, outputs or tables do not fit together.
    case node(String, operation: String, reason: String)
    /// The rows given to `evaluate` do not fit the model's inputs.
    case unexpectedRows(String)
}

extension ModelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let error, let message):
            "the file is not an ONNX model: in \(message), \(error)"
        case .invalid(let reason):
            "the ONNX model cannot be used: \(reason)"
        case .limit(let what, let value, let limit):
            "the ONNX model has \(value) \(what), the limit is \(limit)"
        case .unsupportedOperator(let node, let operation, let reason):
            "node \"\(node)\": operator \(operation) is not supported: \(reason)"
        case .attribute(let node, let operation, let attribute, let reason):
            "node \"\(node)\" (\(operation)): attribute \(attribute) \(reason)"
        case .node(let node, let operation, let reason):
            "node \"\(node)\" (\(operation)): \(reason)"
        case .unexpectedRows(let reason):
            "the rows do not fit the model: \(reason)"
        }
    }
}
