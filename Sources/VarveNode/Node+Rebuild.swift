import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTraining

extension Node {
    /// What a rebuild of the online store found.
    struct RebuildReport: Sendable {
        let generation: Generation
        let position: Position
        let diff: GenerationDiff
        let radius: BlastRadius
        let isSwapped: Bool
    }

    /// Folds a new generation of the online store with the definitions in force, holds it against
    /// the live one at one position, finds who consumed a value that differs, and makes it the live
    /// one if asked to. Reads and appends go on meanwhile.
    func rebuildOnline(
        swap: Bool, progress: (@Sendable (Position) -> Void)? = nil
    ) throws -> RebuildReport {
        try rebuilding.withLock { _ in try rebuilt(swap: swap, progress: progress) }
    }

    private func rebuilt(
        swap: Bool, progress: (@Sendable (Position) -> Void)?
    ) throws -> RebuildReport {
        let built = try online.rebuild(progress: progress)
        let online = online
        // Both stand at the same position only while nothing is applied.
        let (candidate, live) = try projector.perform {
            var candidate = built
            try online.catchUp(&candidate)
            return (candidate, online.current)
        }
        let diff = GenerationDiff(live.fold, candidate.fold)
        let radius = try BlastRadius(
            of: candidate, log, Reproduction(log, catalog.catalog, registry), registry.registry)
        if swap {
            try projector.perform {
                var newest = candidate
                try online.catchUp(&newest)
                try online.swap(to: newest)
            }
        }
        return RebuildReport(
            generation: candidate.generation, position: candidate.position, diff: diff,
            radius: radius, isSwapped: swap)
    }

    /// Writes a new generation of the offline store, and makes it the live one if asked to.
    func rebuildOffline(swap: Bool) throws -> Generation {
        let offline = offline
        return try rebuilding.withLock { _ in
            try projector.perform { try offline.rebuild(swap: swap) }
        }
    }
}
