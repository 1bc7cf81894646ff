import VarveFeatures
import VarveFormats

/// The rows of the spine by the key of some views. Facts need the keys only: rows are put in
/// order beside them.
struct KeyedSpine: Sendable {
    let fields: [String]
    let keys: Once<KeyTable>
    let rows: Once<KeyedRows>

    init(_ table: Table, _ fields: [String], timeColumn: String) {
        self.fields = fields
        let keys = Once {
            KeyTable(fields.compactMap { table[$0] }, rows: table.rowCount)
        }
        self.keys = keys
        rows = Once {
            let times = (table[timeColumn]?.words ?? []).map { Int64(bitPattern: $0) }
            return KeyedRows(keys.value, times: times)
        }
    }

    /// Of partitions: there are some hundred at most, each of neighbouring keys.
    func shift(partitionsMax: Int) -> Int {
        var shift = 0
        while keys.value.count >> shift > partitionsMax { shift += 1 }
        return shift
    }
}

/// A view whose facts are read, and for whom.
struct ViewReader: Sendable {
    let reader: FactReader
    let keyed: KeyedSpine
}
