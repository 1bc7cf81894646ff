import VarveFeatures
import VarveFormats

/// The rows of the spine by the key of some views. Facts need the keys only: rows are put in
/// order beside them.
struct KeyedSpine: Sendable {
    let fields: [String]
    /// Whether the keys' numbers are in order of their hashes, as runs want them.
    let isByHash: Bool
    let keys: Once<KeyTable>
    let rows: Once<KeyedRows>

    /// - Parameter isByHash: see `KeyTable.init`.
    init(_ table: Table, _ fields: [String], timeColumn: String, isByHash: Bool) {
        self.fields = fields
        self.isByHash = isByHash
        let keys = Once {
            KeyTable(fields.compactMap { table[$0] }, rows: table.rowCount, isByHash: isByHash)
        }
        self.keys = keys
        rows = Once {
            let times = (table[timeColumn]?.words ?? []).map { Int64(bitPattern: $0) }
            return KeyedRows(keys.value, times: times)
        }
    }
}
