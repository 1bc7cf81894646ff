/// The operators that can be evaluated, by domain and name, and the versions of their sets.
enum OperatorSet {
    /// Versions of the ONNX file format (ModelProto.ir_version): since 3, graphs look as decoded.
    static let formatVersions: ClosedRange<Int64> = 3...14
    /// Versions of ai.onnx: since 7, operands broadcast as decoded here.
    static let standardVersions: ClosedRange<Int64> = 7...28
    /// Versions of ai.onnx.ml. Version 5 still has the operators below, unchanged.
    static let classicalVersions: ClosedRange<Int64> = 1...5

    static let classicalDomain = "ai.onnx.ml"

    /// The version the file imports for the node's domain.
    /// - Throws: `.unsupportedOperator`.
    static func version(of node: OnnxNode, _ sets: [String: Int64]) throws(ModelError) -> Int64 {
        let supported =
            switch node.domain {
            case "": standardVersions
            case classicalDomain: classicalVersions
            default:
                throw unsupported(
                    node, "domain \"\(node.domain)\" is unknown, expected ai.onnx or ai.onnx.ml")
            }
        guard let version = sets[node.domain] else {
            throw unsupported(node, "the file imports no operator set of its domain")
        }
        guard supported.contains(version) else {
            throw unsupported(
                node, "its operator set has version \(version), expected \(supported)")
        }
        return version
    }

    /// Plans a node with the operator it names.
    /// - Throws: `.unsupportedOperator`, `.attribute`, `.node`, `.limit`.
    static func plan(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        node.node.domain.isEmpty ? try planStandard(&node) : try planClassical(&node)
    }

    private static func planClassical(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        switch node.node.operation {
        case "TreeEnsembleClassifier": try TreeEnsembleClassifier.plan(&node)
        case "TreeEnsembleRegressor": try TreeEnsembleRegressor.plan(&node)
        case "LinearClassifier": try LinearClassifier.plan(&node)
        case "LinearRegressor": try LinearRegressor.plan(&node)
        case "Scaler": try Scaler.plan(&node)
        case "Imputer": try Imputer.plan(&node)
        case "Normalizer": try Normalizer.plan(&node)
        case "ArrayFeatureExtractor": try ArrayFeatureExtractor.plan(&node)
        case "ZipMap": try Shaping.zipMap(&node)
        default: throw unsupported(node.node, "it is not among the operators Varve evaluates")
        }
    }

    private static func planStandard(_ node: inout NodeReader) throws(ModelError) -> PlannedNode {
        switch node.node.operation {
        case "Identity": try Shaping.identity(&node)
        case "Constant": try Shaping.constant(&node)
        case "Reshape": try Shaping.reshape(&node)
        case "Flatten": try Shaping.flatten(&node)
        case "Squeeze": try Shaping.squeeze(&node)
        case "Unsqueeze": try Shaping.unsqueeze(&node)
        case "Cast": try Cast.plan(&node)
        case "Concat": try Concat.plan(&node)
        case "Add": try Arithmetic.plan(.add, &node)
        case "Sub": try Arithmetic.plan(.subtract, &node)
        case "Mul": try Arithmetic.plan(.multiply, &node)
        case "Div": try Arithmetic.plan(.divide, &node)
        case "Sum": try Arithmetic.plan(.add, &node, operands: 1...ModelLimits.listMax)
        case "MatMul": try MatrixProduct.planMatMul(&node)
        case "Gemm": try MatrixProduct.planGemm(&node)
        case "Sigmoid": try ElementwiseFunction.plan(.sigmoid, &node)
        case "Exp": try ElementwiseFunction.plan(.exponential, &node)
        case "Tanh": try ElementwiseFunction.plan(.tanh, &node)
        case "Relu": try ElementwiseFunction.plan(.relu, &node)
        case "Neg": try ElementwiseFunction.plan(.negate, &node)
        case "Abs": try ElementwiseFunction.plan(.absolute, &node)
        case "Sqrt": try ElementwiseFunction.plan(.squareRoot, &node)
        case "Softmax": try Softmax.plan(&node)
        case "ArgMax": try ArgMax.plan(&node)
        default: throw unsupported(node.node, "it is not among the operators Varve evaluates")
        }
    }

    private static func unsupported(_ node: OnnxNode, _ reason: String) -> ModelError {
        .unsupportedOperator(
            node: node.title, operation: node.qualifiedOperation, reason: reason)
    }
}
