import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog
import VarveProjections

extension Spine {
    /// The records of a declared stream below a position as a spine: one row for each, with the
    /// stream's fields as columns and T its event time, under the name of the event-time field or
    /// `_event_time`.
    /// - Throws: `TrainingError.badSpine` naming the position of a record that does not fit.
    public init(
        stream: StreamDefinition, _ log: Log, upTo basis: Position, plan: ServicePlan
    ) throws {
        let decoder = RecordDecoder(stream)
        var columns = stream.fields.map { Column(name: $0.name, type: $0.type.columnType) }
        var timeColumn = "_event_time"
        if case .field(let name) = stream.eventTime { timeColumn = name }
        var times = Column(name: "_event_time", type: .timestamp)
        let ids = Set(log.streams().filter { $0.name.name == stream.name }.map(\.id))
        var slots: [Value] = []
        var scratch: [UInt8] = []
        var hash = SHA256()
        if !ids.isEmpty {
            try log.read(from: Position(0), upTo: basis, streams: ids) { frame in
                if frame.isQuarantined { return true }
                try frame.forEachRecord(scratch: &scratch) { record in
                    guard record.position < basis, let value = record.view.value else { return }
                    do {
                        try decoder.decode(value, into: &slots)
                        times.append(
                            try decoder.eventTime(slots, timestamp: record.view.timestamp))
                    } catch {
                        throw TrainingError.badSpine(
                            "the record at position \(record.position.value) of stream"
                                + " \(stream.name) does not fit its definition: \(error)")
                    }
                    for (index, slot) in slots.enumerated() { columns[index].append(slot.cell) }
                    hash.update(value)
                }
                return true
            }
        }
        if timeColumn == "_event_time" { columns.append(times) }
        try self.init(
            Table(columns: columns), timeColumn: timeColumn, digest: hash.finalized(), plan: plan)
    }
}
