import VarveBytes
import VarveFeatures
import VarveFormats

/// The rows of the spine by the key of some views. Facts need the keys only: rows are put in
/// order beside them.
struct KeyedSpine: Sendable {
    let fields: [String]
    /// Keys are numbered in order of hash, as entity runs have them.
    let isByHash: Bool
    let keys: Once<KeyTable>
    let rows: Once<KeyedRows>

    /// - Parameter threads: that rows are ordered on.
    init(
        _ table: Table, _ fields: [String], timeColumn: String, isByHash: Bool, threads: Int
    ) {
        self.fields = fields
        self.isByHash = isByHash
        let keys = Once {
            KeyTable(fields.compactMap { table[$0] }, rows: table.rowCount, isByHash: isByHash)
        }
        self.keys = keys
        rows = Once {
            let times = table[timeColumn]?.words.signed ?? []
            return KeyedRows(keys.value, times: times) { count, order in
                let parts = try? Parallel.map(count, threads: threads, name: "spine") {
                } _: { _, number in
                    order(number)
                }
                // Ordering does not fail.
                return parts ?? (0..<count).map(order)
            }
        }
    }
}
