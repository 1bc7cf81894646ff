import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog

/// A stretch of a stream as the rows of a table, in order of position: what the offline store keeps
/// in files, straight from the log. For a stream with an `id` also since when each row is known to
/// be replaced.
public struct StreamRows {
    private let stream: StreamDefinition
    private var columns: [Column]
    /// The rows that each id named.
    private var rowsByID: [Value: [Int]] = [:]
    /// For each row since when it is known to be amended or retracted, `Int64.max` for never; empty
    /// for streams without an id.
    public private(set) var replaced: [Int64] = []
    /// Records that the definition cannot read, and that are no rows therefore.
    public private(set) var unreadable = 0

    /// No rows yet.
    public init(_ stream: StreamDefinition) {
        self.stream = stream
        columns = stream.tableColumns()
    }

    /// The rows.
    public var table: Table { Table(columns: columns) }

    /// Reads a stretch of the log, of the stream's partitions.
    public static func read(
        _ log: Log, _ stream: StreamDefinition, _ positions: Range<Position>
    ) throws -> StreamRows {
        var rows = StreamRows(stream)
        let ids = Set(log.streams().filter { $0.name.name == stream.name }.map(\.id))
        if ids.isEmpty || positions.isEmpty { return rows }
        var reader = RecordReader(stream)
        try log.read(from: positions.lowerBound, upTo: positions.upperBound, streams: ids) { frame in
            reader.read(frame, within: positions) { record, slots, event in
                rows.add(record, slots, event)
            }
            return true
        }
        rows.unreadable = reader.unreadable?.count ?? 0
        return rows
    }

    private mutating func add(
        _ record: borrowing LogRecord, _ slots: borrowing [Value], _ event: RecordReader.Event
    ) {
        switch event {
        case .retraction(let id, let known): replace(id, known)
        case .fact(let eventTime, let known, let id):
            if let id {
                replace(id, known)
                rowsByID[id, default: []].append(columns[0].count)
            }
            if stream.id != nil { replaced.append(Int64.max) }
            columns.append(slots, record.position.value, (eventTime, record.ingestTime, known))
        }
    }

    /// Ends the rows that an id names; each with the first record that does.
    private mutating func replace(_ id: Value, _ known: Timestamp) {
        for row in rowsByID[id] ?? [] {
            replaced[row] = min(replaced[row], known.microseconds, Int64.max - 1)
        }
    }
}

extension StreamDefinition {
    /// Whether the stream carries the values of a written view, whose newer version may have more
    /// features than this one.
    var isWrittenView: Bool { name.hasPrefix("varve.features.") }

    /// Empty columns for the stream's fields, then for where and when each record stands.
    func tableColumns() -> [Column] {
        var columns = fields.map { Column(name: $0.name, type: $0.type.columnType) }
        columns.append(Column(name: StreamTable.positionColumn, type: .int64))
        for name in StreamTable.timeColumns {
            columns.append(Column(name: name, type: .timestamp))
        }
        return columns
    }
}

extension [Column] {
    /// Adds a row to columns that `tableColumns` made.
    mutating func append(_ slots: borrowing [Value], _ position: Int64, _ times: RecordTimes) {
        for index in 0..<slots.count { self[index].append(slots[index].cell) }
        append(position, times)
    }

    /// Adds where and when a record stands to the last of them.
    mutating func append(_ position: Int64, _ times: RecordTimes) {
        self[count - 4].append(position)
        self[count - 3].append(times.event)
        self[count - 2].append(times.ingest)
        self[count - 1].append(times.known)
    }
}

/// When a record's fact happened, when it came, and since when it is known.
typealias RecordTimes = (event: Timestamp, ingest: Timestamp, known: Timestamp)
