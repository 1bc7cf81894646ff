import VarveBytes
import VarveModels
import VarveProjections
import VarveSystem

/// Decoded models by the digest of their artifact.
final class ModelCache: Sendable {
    /// Models kept decoded.
    static let limit = 64

    private let registry: RegistryProjection
    private let models = Monitor<[Digest: OnnxModel]>([:])

    init(_ registry: RegistryProjection) { self.registry = registry }

    /// The model of an artifact, read and decoded when it is first asked for.
    func model(_ artifact: Digest) throws -> OnnxModel {
        if let known = models.withLock({ $0[artifact] }) { return known }
        let model = try OnnxModel(decoding: try registry.artifact(artifact).raw)
        models.withLock { models in
            if models.count >= Self.limit { models.removeAll() }
            models[artifact] = model
        }
        return model
    }
}

extension OnnxModel {
    /// The score of one row: the value of an output's column.
    func score(_ row: [Float], output: String, column: Int) throws -> Float {
        let outputs = try evaluate(row, count: 1)
        guard let found = outputs.first(where: { $0.name == output }),
            case .float32(let values) = found.values, values.indices.contains(column)
        else {
            throw NodeError.badRequest("the model has no float output \(output)[\(column)]")
        }
        return values[column]
    }

    /// Scores of several rows, row-major.
    func scores(_ rows: [Float], count: Int, output: String, column: Int) throws -> [Float] {
        let outputs = try evaluate(rows, count: count)
        guard let found = outputs.first(where: { $0.name == output }),
            case .float32(let values) = found.values, column < found.width
        else {
            throw NodeError.badRequest("the model has no float output \(output)[\(column)]")
        }
        return (0..<count).map { values[$0 * found.width + column] }
    }
}
