import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveProjections

/// Builds training sets again from their manifests: with the same definitions to prove that the
/// bytes are the same, or with others to see what those would have changed.
public struct Reproduction {
    private let log: Log
    private let catalog: Catalog
    private let registry: RegistryProjection
    private let offline: OfflineStore?

    /// - Parameter offline: see `TrainingSet.init`.
    public init(
        _ log: Log, _ catalog: Catalog, _ registry: RegistryProjection,
        offline: OfflineStore? = nil
    ) {
        self.offline = offline
        self.log = log
        self.catalog = catalog
        self.registry = registry
    }

    /// Builds the set that a manifest describes, and checks every column against it.
    /// - Throws: `TrainingError.notReproduced` when a column differs.
    public func reproduce(
        _ manifest: JSON, threads: Int = 2, memory: TrainingSet.MemoryLimit? = nil,
        progress: @escaping TrainingSet.Watcher = { _ in }
    ) throws -> TrainingSet {
        let recipe = try TrainingRecipe(manifest)
        guard recipe.codeVersion == TrainingManifest.codeVersion else {
            throw TrainingError.notReproduced(
                id: recipe.id,
                reason: "it was built by code version \(recipe.codeVersion), this is "
                    + "\(TrainingManifest.codeVersion)")
        }
        guard let definitions = try catalog.definitions(recipe.versions) else {
            throw TrainingError.notReproduced(
                id: recipe.id,
                reason: "the catalog has no definitions with digest \(recipe.versions.digest)")
        }
        let set = try build(
            recipe, definitions, recipe.versions, threads, memory, progress)
        if let difference = recipe.difference(from: set) {
            throw TrainingError.notReproduced(id: recipe.id, reason: difference)
        }
        return set
    }

    /// Builds the set that a manifest describes, whatever its columns are to be.
    public func rebuild(_ recipe: TrainingRecipe) throws -> TrainingSet {
        try rebuild(recipe, with: recipe)
    }

    /// Builds the set that a manifest describes, but with the definitions of another one.
    public func rebuild(
        _ recipe: TrainingRecipe, with other: TrainingRecipe
    ) throws -> TrainingSet {
        guard let definitions = try catalog.definitions(other.versions) else {
            throw TrainingError.notReproduced(
                id: other.id,
                reason: "the catalog has no definitions with digest \(other.versions.digest)")
        }
        return try rebuild(recipe, definitions, other.versions)
    }

    /// Builds the set that a manifest describes, but with other definitions of its service.
    public func rebuild(
        _ recipe: TrainingRecipe, _ definitions: Definitions, _ versions: ServiceVersions
    ) throws -> TrainingSet {
        try build(recipe, definitions, versions, 2, nil) { _ in }
    }

    private func build(
        _ recipe: TrainingRecipe, _ definitions: Definitions, _ versions: ServiceVersions,
        _ threads: Int, _ memory: TrainingSet.MemoryLimit?,
        _ progress: @escaping TrainingSet.Watcher
    ) throws -> TrainingSet {
        var request = TrainingSet.Request(
            service: recipe.service, definitions: definitions, versions: versions,
            mode: recipe.mode, basis: recipe.basis, threads: threads, memory: memory)
        request.split = recipe.split
        let spine = try self.spine(recipe, try request.plan())
        return try TrainingSet(
            log, request, spine, source: recipe.spine, offline: offline, progress: progress)
    }

    private func spine(_ recipe: TrainingRecipe, _ plan: ServicePlan) throws -> Spine {
        switch recipe.spine {
        case .artifact(let digest):
            return try Spine(
                file: try registry.artifact(digest), timeColumn: recipe.timeColumn, plan: plan)
        case .stream(let name, let version, let label):
            let stream = try declaredStream(name, version: version).definition
            return try Spine(stream: stream, log, upTo: recipe.basis, label: label, plan: plan)
        }
    }

    /// A version of a stream's definition; nil: the one in force.
    public func declaredStream(
        _ name: String, version number: Int? = nil
    ) throws -> (definition: StreamDefinition, version: Int) {
        let history = catalog.history(.stream, name)
        let version = number.map { number in history.first { $0.number == number } }
            ?? history.last
        guard let version, let stream = try Catalog.read([version]).streams.first else {
            let known = catalog.inForce().filter { $0.kind == .stream }.map(\.name)
            throw TrainingError.badSpine(
                "stream \(name) is not declared; declared are \(known.joined(separator: ", "))")
        }
        return (stream, version.number)
    }
}
