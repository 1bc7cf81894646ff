import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTraining

extension Node {
    /// What a training set is asked with.
    struct TrainingSetRequest {
        var service: String
        var spine: SpineInput
        var mode: TrainingMode
        /// The first position that is not used; nil: all that is committed.
        var basis: Position?
        /// The spine's column that holds T.
        var timeColumn: String
    }

    /// Where the rows of a training set come from.
    enum SpineInput {
        /// A CSV, Parquet or Arrow file.
        case file([UInt8])
        case stream(String)
    }

    /// Builds a training set with the definitions in force, and appends its manifest and, where it
    /// came as bytes, its spine.
    func createTrainingSet(
        _ request: TrainingSetRequest,
        progress: @escaping @Sendable (TrainingSet.Progress) -> Void = { _ in }
    ) throws -> TrainingSet {
        let pinned = try PinnedDefinitions(newest: catalog.catalog)
        guard let service = pinned.services[request.service] else {
            throw TrainingError.unknownService(
                request.service, known: pinned.services.keys.sorted())
        }
        let basis = request.basis ?? log.commitPosition
        let build = TrainingSet.Request(
            service: request.service, definitions: service.definitions, versions: service.versions,
            mode: request.mode, basis: basis)
        let (spine, source) = try spine(request, try build.plan(), basis)
        let set = try TrainingSet(
            log, build, spine, source: source, offline: offline, progress: progress)
        if case .file(let bytes) = request.spine {
            for batch in try registry.batches(storing: bytes, time: clock.now()).batches {
                try record(batch, in: Registry.artifactStream)
            }
        }
        let batch = try RecordBatch.encode([
            Record(
                key: Array(set.manifest.id.utf8), value: Array(set.manifest.json.text.utf8),
                timestamp: milliseconds())
        ])
        try record(batch, in: Registry.trainingSetStream, settling: [registry])
        return set
    }

    private func spine(
        _ request: TrainingSetRequest, _ plan: ServicePlan, _ basis: Position
    ) throws -> (Spine, SpineSource) {
        switch request.spine {
        case .file(let bytes):
            let spine = try Spine(file: bytes, timeColumn: request.timeColumn, plan: plan)
            return (spine, .artifact(spine.digest))
        case .stream(let name):
            let (stream, version) = try Reproduction(log, catalog.catalog, registry, offline: offline)
                .declaredStream(name)
            return (
                try Spine(stream: stream, log, upTo: basis, plan: plan),
                .stream(name, version: version)
            )
        }
    }

    /// How two training sets differ, and why.
    func diffTrainingSets(_ first: String, _ second: String) throws -> TrainingDiff {
        try TrainingDiff(
            try registry.registry.manifest(first), try registry.registry.manifest(second),
            Reproduction(log, catalog.catalog, registry, offline: offline))
    }

    /// Builds a training set again from its manifest, and proves that it is the same.
    func reproduceTrainingSet(_ id: String) throws -> TrainingSet {
        try Reproduction(log, catalog.catalog, registry, offline: offline)
            .reproduce(try registry.registry.manifest(id))
    }
}
