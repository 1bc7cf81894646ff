import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog

/// Rows of one stream as typed columns: its fields, then where and when each record stands.
struct StreamTable {
    let stream: StreamDefinition
    private let decoder: RecordDecoder
    private var columns: [Column]
    private var slots: [Value] = []
    private(set) var firstPosition: Int64?
    private(set) var rowCount = 0

    init(_ stream: StreamDefinition) {
        self.stream = stream
        decoder = RecordDecoder(stream)
        columns =
            stream.fields.map { Column(name: $0.name, type: $0.type.columnType) } + [
                Column(name: "_position", type: .int64),
                Column(name: "_event_time", type: .timestamp),
                Column(name: "_ingest_time", type: .timestamp),
                Column(name: "_known_time", type: .timestamp),
            ]
    }

    /// The rows so far.
    var table: Table { Table(columns: columns) }

    /// Adds a record; one that the definition cannot read was appended before it and is left out,
    /// as it is of features. Retractions have no row.
    mutating func add(_ record: borrowing LogRecord) {
        guard let value = record.view.value else { return }
        do {
            try decoder.decode(value, into: &slots)
            let eventTime = try decoder.eventTime(slots, timestamp: record.view.timestamp)
            for (index, value) in slots.enumerated() { columns[index].append(value.cell) }
            let known = decoder.knownTime(
                slots, eventTime: eventTime, ingestTime: record.ingestTime)
            columns[slots.count].append(record.position.value)
            for (index, time) in [eventTime, record.ingestTime, known].enumerated() {
                columns[slots.count + 1 + index].append(time)
            }
            if firstPosition == nil { firstPosition = record.position.value }
            rowCount += 1
        } catch {
            // Counted, with its reason, by the online store's fold of the same records.
        }
    }
}
