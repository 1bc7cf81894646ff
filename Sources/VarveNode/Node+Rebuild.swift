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
    /// - Parameter rollback: fold with the definitions of the generation before the live one.
    func rebuildOnline(
        swap: Bool, rollback: Bool = false, progress: (@Sendable (Position) -> Void)? = nil
    ) throws -> RebuildReport {
        try rebuilding.withLock { _ in
            var base: Position?
            if rollback {
                guard let before = catalog.catalog.previousGeneration(of: online.name) else {
                    throw NodeError.badRequest(
                        "the online store has had one generation: there is none to roll back to")
                }
                base = before.base
            }
            return try rebuilt(swap: swap, base: base, progress: progress)
        }
    }

    private func rebuilt(
        swap: Bool, base: Position?, progress: (@Sendable (Position) -> Void)?
    ) throws -> RebuildReport {
        let built = try online.rebuild(base: base, progress: progress)
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
        try online.check()
        if swap {
            let node = self
            try projector.perform {
                var newest = candidate
                try online.catchUp(&newest)
                try online.swap(to: newest) { try node.makeLive($0, of: online.name) }
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
            try projector.perform {
                try offline.rebuild(
                    swap: swap ? { try self.makeLive($0, of: offline.name) } : nil)
            }
        }
    }

    /// Puts a swap on record. Projections take the record in later: this is their thread.
    private func makeLive(_ generation: Generation, of projection: String) throws {
        let record = generation.record(of: projection, time: clock.now())
        try self.record(try RecordBatch.encode([record]), in: Log.catalogName)
    }
}
