import VarveFeatures
import VarveFormats

/// The rows of the spine by the key of some views.
struct KeyedSpine: Sendable {
    let fields: [String]
    let rows: Once<KeyedRows>
    /// For each row the number of its key; see `KeyedRows.numbers`.
    let numbers: Once<[Int32]>

    /// - Parameter threads: that rows are ordered on.
    init(_ table: Table, _ fields: [String], timeColumn: String, threads: Int) {
        self.fields = fields
        let rows = Once {
            KeyedRows(
                fields.compactMap { table[$0] },
                times: table[timeColumn] ?? Column(name: timeColumn, type: .timestamp),
                workers: SpineWorkers(threads: threads))
        }
        self.rows = rows
        numbers = Once { rows.value.numbers(rows: table.rowCount) }
    }

    /// Needed by all that is looked up.
    var keys: KeyTable { rows.value.keys }
}

/// Threads that put rows in order.
private struct SpineWorkers: Workers {
    let threads: Int

    func map<Piece: Sendable>(
        _ count: Int, _ piece: @escaping @Sendable (Int) -> Piece
    ) -> [Piece] {
        let pieces = try? Parallel.map(count, threads: threads, name: "spine") {
        } _: { _, number in
            piece(number)
        }
        // Pieces do not fail.
        return pieces ?? (0..<count).map(piece)
    }
}
