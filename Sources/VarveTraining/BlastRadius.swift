import VarveBytes
import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveProjections

/// Who consumed a value that a rebuilt generation answers differently: exactly the predictions
/// whose features differ at their own position and time, the training sets with a column that
/// differs, and the models trained on those.
public struct BlastRadius: Sendable {
    /// A prediction and its features that differ.
    public struct AffectedPrediction: Sendable, Equatable {
        public let id: String
        public let model: String
        public let version: Int
        public let features: [String]
    }

    /// A training set and its columns that differ.
    public struct AffectedTrainingSet: Sendable, Equatable {
        public let id: String
        /// Empty when the set cannot be made with the generation's definitions.
        public let columns: [String]
        /// Why it cannot; nil when it can.
        public let reason: String?
    }

    public let predictions: [AffectedPrediction]
    /// Predictions that were compared.
    public let comparedPredictions: Int
    public let trainingSets: [AffectedTrainingSet]
    /// `NAME:VERSION` of models trained on an affected set.
    public let models: [String]

    /// Holds everything that was answered against a generation.
    public init(
        of candidate: OnlineStore.State, _ log: Log, _ reproduction: Reproduction,
        _ registry: Registry
    ) throws {
        var predictions: [AffectedPrediction] = []
        var compared = 0
        try PredictionRecord.forEach(in: log, upTo: candidate.position) { prediction, _ in
            guard let service = candidate.pinned.services[prediction.service] else { return }
            compared += 1
            let row = prediction.row(service.plan, candidate.fold)
            let differing = prediction.differences(from: row, service.plan.columns)
            if differing.isEmpty { return }
            predictions.append(
                AffectedPrediction(
                    id: prediction.id, model: prediction.model, version: prediction.version,
                    features: differing))
        }
        self.predictions = predictions
        comparedPredictions = compared
        var sets: [AffectedTrainingSet] = []
        for manifest in try registry.allManifests() {
            let recipe = try TrainingRecipe(manifest)
            guard let service = candidate.pinned.services[recipe.service],
                service.versions.digest != recipe.versions.digest
            else { continue }
            let set: TrainingSet
            do {
                set = try reproduction.rebuild(recipe, service.definitions, service.versions)
            } catch let error as TrainingError {
                // Its spine lacks what the service of today needs.
                sets.append(
                    AffectedTrainingSet(id: recipe.id, columns: [], reason: "\(error)"))
                continue
            }
            // Columns that the service has gained since are in nobody's set.
            let columns = recipe.digests.filter { known in
                set.manifest.columns.first { $0.field.name == known.column }?.digest.description
                    != known.digest
            }
            if columns.isEmpty { continue }
            sets.append(
                AffectedTrainingSet(id: recipe.id, columns: columns.map(\.column), reason: nil))
        }
        trainingSets = sets
        let affected = Set(sets.map(\.id))
        models = registry.models.flatMap { model in
            registry.versions(of: model)
                .filter { affected.contains($0.trainingSet ?? "") }
                .map { "\($0.model):\($0.number)" }
        }
    }

    /// For clients; at most `limit` predictions are listed, all are counted.
    public func json(predictionLimit limit: Int) -> JSON {
        var byFeature: [String: Int64] = [:]
        for prediction in predictions {
            for feature in prediction.features { byFeature[feature, default: 0] += 1 }
        }
        return .object([
            .init("predictions_compared", .integer(Int64(comparedPredictions))),
            .init("predictions", .integer(Int64(predictions.count))),
            .init(
                "predictions_by_feature",
                .object(byFeature.sorted { $0.key < $1.key }.map { .init($0, .integer($1)) })),
            .init("prediction_ids", .array(predictions.prefix(limit).map { .string($0.id) })),
            .init(
                "training_sets",
                .array(
                    trainingSets.map { set in
                        .object([
                            .init("id", .string(set.id)),
                            .init("columns", .array(set.columns.map { .string($0) })),
                            .init("reason", set.reason.map { .string($0) } ?? .null),
                        ])
                    })),
            .init("models", .array(models.map { .string($0) })),
        ])
    }
}
