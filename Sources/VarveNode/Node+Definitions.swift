import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem

extension Node {
    /// What applying a document would change, and where it was applied.
    struct Application {
        let plan: CatalogPlan
        /// The position after the new definitions; nil when nothing changed.
        let position: Position?
        /// Views whose live generation keeps an older version until a rebuild.
        let needsRebuild: [String]
    }

    /// Holds a document of definitions against those in force, without changing anything.
    func plan(_ document: JSON) throws -> CatalogPlan {
        try CatalogPlan(document, catalog.catalog)
    }

    /// Puts a document of definitions in force: all of it or nothing.
    func apply(_ document: JSON) throws -> Application {
        try applying.withLock { _ in
            try settle(log.commitPosition, in: [catalog])
            let plan = try self.plan(document)
            var position: Position?
            let records = plan.records(time: clock.now())
            if !records.isEmpty {
                let streams = plan.definitions.streams.map(\.name)
                    + plan.definitions.views.compactMap { view in
                        if case .written = view.source { view.streamName } else { nil }
                    }
                try log.createStreams(streams.map { StreamName(name: $0, partition: 0) })
                try online.prepare(plan.definitions)
                let end = try record(try RecordBatch.encode(records), in: Log.catalogName)
                // In force from here on, whatever becomes of the projections.
                gate.adopt(plan.definitions)
                try settle(end, in: [catalog, online])
                position = end
            }
            return Application(plan: plan, position: position, needsRebuild: viewsToRebuild())
        }
    }

    /// Views whose newest version is not the one that the live generation folds.
    func viewsToRebuild() -> [String] {
        let live = online.reader.pinned.versions.filter { $0.kind == .view }
            .map { ($0.name, $0.number) }
        let newest = catalog.catalog
        return live.compactMap { name, number in
            newest.history(.view, name).last?.number == number ? nil : name
        }
    }
}
