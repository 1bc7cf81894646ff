import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog
import VarveProjections

extension Spine {
    /// The records of a declared stream that stand at a position as a spine: one row for each, with
    /// the stream's fields as columns and T its event time, under the name of the event-time field
    /// or `_event_time`. Amended and retracted records have no row. A label adds a column, and with a
    /// delay T is before the event time, in a column of its own.
    /// - Throws: `TrainingError.badSpine` when none of the stream's records fits its definition.
    public init(
        stream: StreamDefinition, _ log: Log, upTo basis: Position, label: SpineLabel? = nil,
        plan: ServicePlan
    ) throws {
        var columns = stream.fields.map { Column(name: $0.name, type: $0.type.columnType) }
        var timeColumn = "_event_time"
        if case .field(let name) = stream.eventTime { timeColumn = name }
        if let label, label.delay != 0 { timeColumn = SpineLabel.timeColumn }
        var times = Column(name: timeColumn, type: .timestamp)
        let expression = try label?.compiled(over: stream)
        var labels = expression.map { Column(name: SpineLabel.column, type: $0.type.columnType) }
        var hash = SHA256()
        if let label { hash.update(Array(label.json.text.utf8).raw) }
        let unreadable = try StandingRecords(stream, log, upTo: basis).forEach { slots, time, value in
            for index in columns.indices { columns[index].append(slots[index].cell) }
            let (start, isFar) = time.microseconds.subtractingReportingOverflow(label?.delay ?? 0)
            // Before all time: no fact is visible then.
            times.append(Timestamp(microseconds: isFar ? .min : start))
            if let expression { labels?.append(expression.evaluate(slots).cell) }
            hash.update(value)
        }
        if times.count == 0, let unreadable {
            throw TrainingError.badSpine(
                "none of the \(unreadable.count) records of stream \(stream.name) fits its"
                    + " definition; the first, at position \(unreadable.position.value):"
                    + " \(unreadable.reason)")
        }
        if !columns.contains(where: { $0.name == timeColumn }) { columns.append(times) }
        if let labels {
            guard !columns.contains(where: { $0.name == labels.name }) else {
                throw TrainingError.badSpine(
                    "stream \(stream.name) has a field \(labels.name), the name of the label's column")
            }
            columns.append(labels)
        }
        try self.init(
            Table(columns: columns), timeColumn: timeColumn, digest: hash.finalized(), plan: plan)
        self.unreadable = unreadable
    }
}
