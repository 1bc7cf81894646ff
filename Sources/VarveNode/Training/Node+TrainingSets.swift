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
        /// Which rows are for what; nil does not tell them apart.
        var split: TrainingSplit?
        var resources: BuildResources
    }

    /// What a build may use.
    struct BuildResources {
        /// nil: as many threads as there are cores.
        var threads: Int?
        /// Bytes; facts beyond go to a file. nil: no limit.
        var memoryBytes: Int?
    }

    /// Where the rows of a training set come from.
    enum SpineInput {
        /// A CSV, Parquet or Arrow file.
        case file([UInt8])
        case stream(String, label: SpineLabel?)
    }

    private func memory(_ resources: BuildResources) -> TrainingSet.MemoryLimit? {
        resources.memoryBytes.map {
            TrainingSet.MemoryLimit(bytes: $0, files: files, directory: spillDirectory)
        }
    }

    /// Records that a build will read at most, and views that will answer its rows.
    func trainingWork(service name: String) throws -> TrainingJobs.Work {
        let services = try PinnedDefinitions(newest: catalog.catalog).services
        guard let service = services[name] else {
            throw TrainingError.unknownService(name, known: services.keys.sorted())
        }
        let views = service.definitions.views
        let names = Set(views.map(\.streamName))
        let facts = log.streams().filter { names.contains($0.name.name) }
            .reduce(0) { $0 + Int($1.highWatermark) }
        return TrainingJobs.Work(facts: facts, views: views.count)
    }

    /// Builds a training set with the definitions in force, and appends its manifest and, where it
    /// came as bytes, its spine.
    func createTrainingSet(
        _ request: TrainingSetRequest,
        progress: @escaping TrainingSet.Watcher = { _ in }
    ) throws -> TrainingSet {
        // The basis first: definitions that are read afterwards are those in force at it, or newer.
        let basis = request.basis ?? log.commitPosition
        try settle(min(basis, log.commitPosition), in: [catalog])
        let pinned = try PinnedDefinitions(newest: catalog.catalog)
        guard let service = pinned.services[request.service] else {
            throw TrainingError.unknownService(
                request.service, known: pinned.services.keys.sorted())
        }
        var build = TrainingSet.Request(
            service: request.service, definitions: service.definitions, versions: service.versions,
            mode: request.mode, basis: basis,
            threads: request.resources.threads ?? ProcessEnvironment.coreCount,
            memory: memory(request.resources))
        build.split = request.split
        let (spine, source) = try spine(request, try build.plan(), basis)
        let set = try TrainingSet(
            log, build, spine, source: source, offline: offline, progress: progress)
        if case .file(let bytes) = request.spine {
            let stored = try registry.batches(
                storing: bytes, known: spine.digest, time: clock.now())
            for batch in stored.batches { try record(batch, in: Registry.artifactStream) }
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
        case .stream(let name, let label):
            let (stream, version) = try Reproduction(log, catalog.catalog, registry, offline: offline)
                .declaredStream(name)
            return (
                try Spine(stream: stream, log, upTo: basis, label: label, plan: plan),
                .stream(name, version: version, label: label)
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
    func reproduceTrainingSet(
        _ id: String, _ resources: BuildResources,
        progress: @escaping TrainingSet.Watcher = { _ in }
    ) throws -> TrainingSet {
        try Reproduction(log, catalog.catalog, registry, offline: offline)
            .reproduce(
                try registry.registry.manifest(id),
                threads: resources.threads ?? ProcessEnvironment.coreCount,
                memory: memory(resources), progress: progress)
    }
}
