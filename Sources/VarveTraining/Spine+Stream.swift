import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog
import VarveProjections

extension Spine {
    /// The records of a declared stream that stand at a position as a spine: one row for each, with
    /// the stream's fields as columns and T its event time, under the name of the event-time field
    /// or `_event_time`. Amended and retracted records have no row.
    /// - Throws: `TrainingError.badSpine` when none of the stream's records fits its definition.
    public init(
        stream: StreamDefinition, _ log: Log, upTo basis: Position, plan: ServicePlan
    ) throws {
        var columns = stream.fields.map { Column(name: $0.name, type: $0.type.columnType) }
        var timeColumn = "_event_time"
        if case .field(let name) = stream.eventTime { timeColumn = name }
        var times = Column(name: "_event_time", type: .timestamp)
        var hash = SHA256()
        let unreadable = try StandingRecords(stream, log, upTo: basis).forEach { slots, time, value in
            for index in columns.indices { columns[index].append(slots[index].cell) }
            times.append(time)
            hash.update(value)
        }
        if times.count == 0, let unreadable {
            throw TrainingError.badSpine(
                "none of the \(unreadable.count) records of stream \(stream.name) fits its"
                    + " definition; the first, at position \(unreadable.position.value):"
                    + " \(unreadable.reason)")
        }
        if timeColumn == "_event_time" { columns.append(times) }
        try self.init(
            Table(columns: columns), timeColumn: timeColumn, digest: hash.finalized(), plan: plan)
        self.unreadable = unreadable
    }
}
