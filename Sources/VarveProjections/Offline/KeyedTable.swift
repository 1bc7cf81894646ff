import VarveBytes
import VarveFeatures
import VarveFormats

/// Rows of an entity run while it is being made, each with the hash of its key.
struct KeyedTable {
    /// The key's fields, others, `_event_time`, `_known_time`, `_position`.
    private(set) var columns: [Column]
    private(set) var hashes: [UInt64] = []

    /// Columns that every run has behind those of the stream.
    static let ownColumns = ["_event_time", "_known_time", StreamTable.positionColumn]

    /// No rows.
    /// - Parameter columns: their names and types.
    init(like columns: [Column]) {
        self.columns = columns.map { Column(name: $0.name, type: $0.type) }
    }

    /// The rows of a table that have a key and stand at or above a position.
    /// - Parameters:
    ///   - width: fields of the key, which are the first columns.
    init(_ columns: [Column], width: Int, from start: Int64) {
        let found = KeyTable.hashes(Array(columns[..<width]), rows: columns[0].count)
        let positions = columns[columns.count - 1].words
        var rows: [Int32] = []
        for (row, hash) in found.enumerated() where Int64(bitPattern: positions[row]) >= start {
            guard let hash else { continue }
            rows.append(Int32(truncatingIfNeeded: row))
            hashes.append(hash)
        }
        self.columns =
            rows.count == found.count ? columns : columns.map { $0.taking(rows) }
    }

    var count: Int { hashes.count }

    mutating func append(_ other: KeyedTable) {
        for index in columns.indices { columns[index].append(other.columns[index]) }
        hashes += other.hashes
    }

    /// Some neighbouring rows.
    func extracting(_ range: Range<Int>) -> KeyedTable {
        if range == 0..<count { return self }
        return taking(range.map { Int32(truncatingIfNeeded: $0) })
    }

    /// All rows in order.
    func sorted() -> KeyedTable {
        if count == 0 { return self }
        var order = RadixSort.order(of: hashes)
        let (events, positions) = (
            columns[columns.count - 3].words, columns[columns.count - 1].words)
        func precedes(_ one: Int32, _ other: Int32) -> Bool {
            let times = (
                Int64(bitPattern: events[Int(one)]), Int64(bitPattern: events[Int(other)]))
            if times.0 != times.1 { return times.0 < times.1 }
            return positions[Int(one)] < positions[Int(other)]
        }
        var start = 0
        for end in 1...count
        where end == count || hashes[Int(order[end])] != hashes[Int(order[start])] {
            if end - start > 1 { order[start..<end].sort(by: precedes) }
            start = end
        }
        return taking(order)
    }

    private func taking(_ rows: [Int32]) -> KeyedTable {
        var taken = KeyedTable(like: columns)
        taken.columns = columns.map { $0.taking(rows) }
        taken.hashes = rows.map { hashes[Int($0)] }
        return taken
    }

    /// Where a row stands in the order.
    struct Place: Comparable {
        let hash: UInt64
        let eventTime: Int64
        let position: Int64

        static func < (one: Place, other: Place) -> Bool {
            (one.hash, one.eventTime, one.position)
                < (other.hash, other.eventTime, other.position)
        }
    }

    func place(_ row: Int) -> Place {
        Place(
            hash: hashes[row],
            eventTime: Int64(bitPattern: columns[columns.count - 3].words[row]),
            position: Int64(bitPattern: columns[columns.count - 1].words[row]))
    }

    /// How many rows, of those in order, stand at or before a place.
    func count(upTo place: Place) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self.place(middle) <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
