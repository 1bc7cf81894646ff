import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog

/// Rows of one stream as typed columns, by day of their event time: the stream's fields, then where
/// and when each record stands.
struct StreamTable {
    /// The rows of one day that wait to be written, in order of position.
    struct Day {
        /// Days since 1970-01-01, UTC.
        let number: Int64
        var columns: [Column]
        var rowCount = 0
        var positions: Range<Int64>

        fileprivate init(_ number: Int64, _ stream: StreamDefinition, from position: Int64) {
            self.number = number
            positions = position..<position
            columns = stream.tableColumns()
        }
    }

    static let positionColumn = "_position"
    static let timeColumns = ["_event_time", "_ingest_time", "_known_time"]
    static let ownTypes: [String: ColumnType] = [
        "_event_time": .timestamp, "_ingest_time": .timestamp, "_known_time": .timestamp,
        positionColumn: .int64,
    ]
    /// Columns that no field of the stream is.
    static let ownColumns = Set(timeColumns + [positionColumn])
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    let stream: StreamDefinition
    /// Taken out while it reads.
    private var reader: RecordReader?
    private(set) var days: [Day] = []
    /// By day number: its place in `days`.
    private var places: [Int64: Int] = [:]
    /// Rows of all days.
    private(set) var rowCount = 0

    init(_ stream: StreamDefinition) {
        self.stream = stream
        reader = RecordReader(stream)
    }

    /// Columns that never hold a null.
    var required: Set<String> {
        Set(stream.fields.filter { !$0.isNullable }.map(\.name))
            .union(Self.timeColumns).union([Self.positionColumn])
    }

    /// Adds the records of a frame; retractions have no row.
    /// - Returns: the rows of the fullest day that got any, and the records that the definition
    ///   cannot read, which were appended before there was one.
    mutating func add(
        _ frame: borrowing FrameView
    ) -> (fullest: Int, unreadable: RecordReader.Unreadable?) {
        guard var reader = reader.take() else { return (0, nil) }
        defer { self.reader = reader }
        reader.unreadable = nil
        var fullest = 0
        let decoder = reader.decoder
        reader.readCells(FrameHead(frame), frame.body) { record, cells, event in
            guard case .fact(let eventTime, let known, _) = event, let value = record.view.value
            else { return }
            let position = record.position.value
            let place = self.place(
                ofDay: eventTime.microseconds.flooredDivision(by: Self.microsecondsPerDay).quotient,
                position)
            decoder.append(cells, of: value, to: &days[place].columns)
            days[place].columns.append(position, (eventTime, record.ingestTime, known))
            days[place].rowCount += 1
            days[place].positions = days[place].positions.lowerBound..<(position + 1)
            rowCount += 1
            fullest = max(fullest, days[place].rowCount)
        }
        return (fullest, reader.unreadable)
    }

    private mutating func place(ofDay number: Int64, _ position: Int64) -> Int {
        if let known = places[number] { return known }
        places[number] = days.count
        days.append(Day(number, stream, from: position))
        return days.count - 1
    }

    /// Removes the rows of some days, which then begin anew.
    mutating func remove(days numbers: Set<Int64>) {
        if numbers.isEmpty { return }
        days.removeAll { numbers.contains($0.number) }
        rowCount = days.reduce(0) { $0 + $1.rowCount }
        places = Dictionary(
            days.enumerated().map { ($1.number, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
