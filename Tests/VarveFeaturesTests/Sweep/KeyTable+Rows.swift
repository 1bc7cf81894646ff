import VarveFormats

@testable import VarveFeatures

extension KeyTable {
    /// The keys of all rows, without `KeyedRows`.
    init(_ columns: [Column], rows: Int) {
        let cells = KeyCells(columns)
        let found = cells.words(0..<rows)
        let nulls = Set(found.nulls)
        let kept = (0..<Int32(rows)).filter { !nulls.contains($0) }
        var numbers: [Int32] = []
        self.init(
            KeyStretch(cells, kept, kept.map { found.words[Int($0)] }, &numbers),
            areWords: cells.areWords)
    }
}
