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
        let known = models.withLock { $0[artifact] }
        if let known { return known }
        let bytes = try registry.artifact(artifact)
        let model = try OnnxModel(decoding: bytes.raw)
        models.withLock { models in
            if models.count >= Self.limit { models.removeAll() }
            models[artifact] = model
        }
        return model
    }
}

extension OnnxModel {
    /// Scores of rows, row-major: for each the value of one column of an output.
    func scores(_ rows: [Float], count: Int, output: String, column: Int) throws -> [Float] {
        for found in try evaluate(rows, count: count) where found.name == output {
            if let values = found.floats, column < found.width {
                return (0..<count).map { values[$0 * found.width + column] }
            }
        }
        throw NodeError.badRequest("the model has no float output \(output)[\(column)]")
    }

    /// The score of one row.
    func score(_ row: [Float], output: String, column: Int) throws -> Float {
        try scores(row, count: 1, output: output, column: column)[0]
    }
}
