import VarveFeatures
import VarveLog
import VarveProjections

/// A view whose facts are read, and for whom.
struct ViewReader: Sendable {
    let reader: FactReader
    let keyed: KeyedSpine
    let partitions: Once<KeyPartitions>
    /// What only is the newest fact's value is looked up at the end.
    let isLookedUp: Bool
    /// Where the facts below its end are in order already; nil: nowhere.
    private let run: EntityRunReader?

    /// - Parameters:
    ///   - features: those that are asked for, by their places in the view.
    ///   - keepsFacts: facts are there still when all rows are answered.
    init(
        _ view: ViewDefinition, _ stream: StreamDefinition, _ features: [Int], _ keyed: KeyedSpine,
        _ run: EntityRunReader?, keepsFacts: Bool, partitionsMax: Int
    ) {
        isLookedUp =
            run == nil && keepsFacts && PartitionSweep.areNewestValues(features, of: view, stream)
        reader = FactReader(view, stream, keepsOrder: isLookedUp)
        self.keyed = keyed
        self.run = run
        partitions = Once {
            guard let run else { return KeyPartitions(keyed.keys, max: partitionsMax) }
            return KeyPartitions(keyed.keys, from: run.firstHashes)
        }
    }

    /// Facts below it are in the run.
    var start: Position { run?.end ?? Position(0) }

    /// What the run has of a partition; nil without a run.
    func sorted(_ partition: Int, basis: Position) throws -> SortedFacts? {
        guard let run else { return nil }
        let entities = partitions.value.entities(partition)
        if entities.isEmpty { return nil }
        let bound = run.end <= basis ? nil : basis.value
        var columns = reader.fields.union(["_event_time", "_known_time"])
        if bound != nil { columns.insert("_position") }
        let records = FactReader.Records(
            try run.table(partition, columns: columns), basis: bound)
        guard let facts = reader.sorted(records, keyed.keys, entities) else {
            throw run.disorder(ofPart: partition)
        }
        return facts
    }
}

extension OfflineStore.Files {
    /// The run that has what a view reads.
    func run(for view: ViewDefinition, _ stream: StreamDefinition) -> EntityRun? {
        let fields = FactReader(view, stream, keepsOrder: false).fields
        return runs.first {
            $0.rowCount > 0 && $0.serves(stream, view.entity.map(\.name), fields)
        }
    }
}
