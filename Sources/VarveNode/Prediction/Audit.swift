import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveModels
import VarveProjections

/// One prediction computed again from the log, held against what was served.
struct AuditFinding {
    let prediction: PredictionRecord
    let position: Position
    /// What differs, one sentence each; empty: identical bit for bit.
    let differences: [String]

    /// The record's place in the log, proven under the log's head; nil where it was not asked for.
    var proof: InclusionProof?

    var isIdentical: Bool { differences.isEmpty }

    var json: JSON {
        .object([
            .init("head", proof.map { .string($0.head.note) } ?? .null),
            .init("proof", proof?.json ?? .null),
            .init("id", .string(prediction.id)),
            .init("verdict", .string(isIdentical ? "identical" : "different")),
            .init("differences", .array(differences.map { .string($0) })),
            .init("record_position", .integer(position.value)),
            .init("prediction", prediction.json),
        ])
    }
}

/// Computes predictions again: the features by folding the log up to each prediction's position
/// with its definitions, the score by evaluating the artifact with its digest.
///
/// Predictions are taken in order of position, so that the log is folded once for each set of
/// definitions, however many there are.
struct Auditor {
    private let log: Log
    private let catalog: Catalog
    private let registry: RegistryProjection
    /// One fold for each set of versions, as far as it got: D alone does not tell streams apart that
    /// differ in fields the service does not use.
    private var folds: [ServiceVersions: Replayed] = [:]
    private let models: ModelCache

    private struct Replayed {
        var fold: FeatureFold
        let plan: ServicePlan
        var position: Position
    }

    init(_ log: Log, _ catalog: Catalog, _ registry: RegistryProjection) {
        self.log = log
        self.catalog = catalog
        self.registry = registry
        // A cache of its own: the artifact's bytes are read and checked anew for every audit.
        models = ModelCache(registry)
    }

    /// Audits one prediction; each call must be at or after the position of the one before.
    mutating func audit(_ prediction: PredictionRecord, at position: Position) throws
        -> AuditFinding
    {
        var differences = try featureDifferences(prediction)
        differences += try modelDifferences(prediction)
        return AuditFinding(
            prediction: prediction, position: position, differences: differences)
    }

    /// Where the features of a prediction differ from a replay, one sentence each; see `audit`.
    mutating func featureDifferences(_ prediction: PredictionRecord) throws -> [String] {
        guard var replayed = try replayed(prediction) else {
            return [
                "the catalog has no definitions with digest \(prediction.definitions.digest)"
            ]
        }
        try replayed.fold.fold(log, from: replayed.position, upTo: prediction.position)
        replayed.position = prediction.position
        folds[prediction.definitions] = replayed
        let row = prediction.row(replayed.plan, replayed.fold)
        let columns = replayed.plan.columns
        return prediction.differences(from: row, columns).map { name in
            let served = prediction.features.first { $0.field.name == name }?.value
            let again = columns.firstIndex { $0.name == name }.map { row[$0] }
            return "feature \(name) was served as \(Self.text(served)), replay gives "
                + Self.text(again)
        }
    }

    /// The record that a prediction did not see, though it lies below its position: replays up to it
    /// give what was served, replays beyond do not. Nil when no replay gives it.
    ///
    /// Call after `featureDifferences` has found some.
    func firstDivergence(_ prediction: PredictionRecord) -> Int64? {
        guard let replayed = folds[prediction.definitions] else { return nil }
        let keys = prediction.keys(replayed.plan)
        var positions: Set<Int64> = []
        for (view, key) in replayed.plan.entities(keys) {
            guard let key else { continue }
            positions.formUnion(replayed.fold.views[view].positions(of: key))
        }
        return positions.filter { $0 < prediction.position.value }.sorted(by: >).first { position in
            let visibility = Visibility(cutoff: prediction.time, position: position)
            let row = prediction.row(replayed.plan, replayed.fold, visibility)
            return prediction.differences(from: row, replayed.plan.columns).isEmpty
        }
    }

    private static func text(_ value: FeatureValue?) -> String {
        guard let value else { return "nothing" }
        return value.status == .present ? value.value.text : value.status.name
    }

    private mutating func replayed(_ prediction: PredictionRecord) throws -> Replayed? {
        // Positions only grow: a fold that is further was fed by a later prediction's audit.
        if let known = folds[prediction.definitions], known.position <= prediction.position {
            return known
        }
        guard let definitions = try catalog.definitions(prediction.definitions),
            let service = definitions.services.first(where: { $0.name == prediction.service })
        else { return nil }
        return Replayed(
            fold: FeatureFold(definitions), plan: ServicePlan(service, definitions),
            position: Position(0))
    }

    private func modelDifferences(_ prediction: PredictionRecord) throws -> [String] {
        guard
            let version = registry.registry.versions(of: prediction.model)
                .first(where: { $0.number == prediction.version })
        else { return ["model \(prediction.model):\(prediction.version) is not registered"] }
        guard version.artifact == prediction.artifact else {
            return [
                "model \(version.model):\(version.number) has artifact \(version.artifact), the"
                    + " prediction was made by \(prediction.artifact)"
            ]
        }
        guard prediction.numericMode == OnnxModel.numericMode else {
            return [
                "the prediction was made under numeric mode \(prediction.numericMode), this is mode"
                    + " \(OnnxModel.numericMode)"
            ]
        }
        let model: OnnxModel
        do {
            model = try models.model(prediction.artifact)
        } catch {
            return ["\(error)"]
        }
        let row = try prediction.features.map { try Node.number($0, version) }
        let score = try model.score(row, output: version.output, column: version.outputColumn)
        if score.bitPattern == prediction.score.bitPattern { return [] }
        return ["the score was served as \(prediction.score), the model gives \(score)"]
    }
}

extension Node {
    /// Audits one prediction by its id.
    func audit(_ id: String) throws -> AuditFinding {
        guard let position = monitoring.position(ofPrediction: id),
            let prediction = try PredictionRecord.read(log, at: position)
        else { throw NodeError.notFound("there is no prediction \(id)") }
        var auditor = Auditor(log, catalog.catalog, registry)
        var finding = try auditor.audit(prediction, at: position)
        let proof = try log.reader.prove(position)
        // What is handed out as evidence is checked first, as its receiver will.
        _ = try proof.check(headHash: proof.head.root)
        finding.proof = proof
        return finding
    }

    /// What auditing every prediction found.
    struct AuditSummary {
        let count: Int
        /// Those that differ.
        let findings: [AuditFinding]
        /// Predictions whose row in a training set built today, mode as-known, has other bits than
        /// what was served: late data that asserts to have been known, or training-serving skew.
        let skewed: [String]
        /// Records that are no predictions, and so not audited.
        let unreadable: PredictionRecord.Unreadable
    }

    /// Audits every prediction of the log.
    func auditAll() throws -> AuditSummary {
        let end = log.commitPosition
        var predictions: [(record: PredictionRecord, position: Position)] = []
        let unreadable = try PredictionRecord.forEach(in: log, upTo: end) {
            predictions.append(($0, $1))
        }
        // By what was read, not by where it was kept: concurrent requests finish out of order.
        predictions.sort {
            ($0.record.position, $0.position) < ($1.record.position, $1.position)
        }
        let catalog = catalog.catalog
        var auditor = Auditor(log, catalog, registry)
        var offline = OfflineRows(log, catalog, end)
        var findings: [AuditFinding] = []
        var skewed: [String] = []
        for (record, position) in predictions {
            let finding = try auditor.audit(record, at: position)
            if !finding.isIdentical { findings.append(finding) }
            if try offline.differs(from: record) { skewed.append(record.id) }
        }
        return AuditSummary(
            count: predictions.count, findings: findings, skewed: skewed, unreadable: unreadable)
    }
}

/// Rows as a training set over the whole log has them.
private struct OfflineRows {
    private let log: Log
    private let catalog: Catalog
    private let end: Position
    private var folds: [ServiceVersions: (fold: FeatureFold, plan: ServicePlan)] = [:]

    init(_ log: Log, _ catalog: Catalog, _ end: Position) {
        self.log = log
        self.catalog = catalog
        self.end = end
    }

    /// Whether a prediction was served with other features than a training set has for its row.
    mutating func differs(from prediction: PredictionRecord) throws -> Bool {
        let versions = prediction.definitions
        if folds[versions] == nil {
            guard let definitions = try catalog.definitions(prediction.definitions),
                let service = definitions.service(prediction.service)
            else { return true }
            var fold = FeatureFold(definitions)
            try fold.fold(log, upTo: end)
            folds[versions] = (fold, ServicePlan(service, definitions))
        }
        guard let (fold, plan) = folds[versions] else { return true }
        let row = prediction.row(
            plan, fold,
            Visibility(cutoff: prediction.time, position: end.value, knownBeforeCutoff: true))
        return !prediction.differences(from: row, plan.columns).isEmpty
    }
}
