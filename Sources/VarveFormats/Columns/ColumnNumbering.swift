import VarveBytes

/// The distinct cells of a column of 64-bit words, by number. Found once, it serves whoever counts
/// cells and the dictionaries of every row group.
public struct ColumnNumbering: Sendable {
    /// A row group with more distinct cells has no dictionary.
    public static let dictionaryLimit = 1 << 16

    /// The bits of the distinct cells. A zero that only nulls have may be among them.
    public let words: [UInt64]
    /// The number of each row's cell; -1 for nulls.
    public private(set) var numbers: [Int32]

    /// Nil when there are more than `limit` distinct cells, or one more beside nulls; also for
    /// booleans and texts.
    public init?(_ column: Column, limit: Int) {
        self.init(column, 0..<column.count, column.words, limit: limit)
    }

    /// The same of some rows.
    init?(_ column: Column, _ rows: Range<Int>, limit: Int) {
        if column.words.isEmpty { return nil }
        self.init(column, rows, Array(column.words[rows]), limit: limit)
    }

    private init?(_ column: Column, _ rows: Range<Int>, _ cells: [UInt64], limit: Int) {
        guard column.type != .bool, column.type != .string else { return nil }
        var distinct = WordNumbers()
        // The slot of a null is zero.
        let most = column.nullCount > 0 ? limit + 1 : limit
        guard let numbers = distinct.add(cells, limit: most) else { return nil }
        self.numbers = numbers
        words = distinct.words
        if column.nullCount == 0 { return }
        for row in rows where cells[row - rows.lowerBound] == 0 && column.isNull(row) {
            self.numbers[row - rows.lowerBound] = -1
        }
    }

    /// How many rows have each number.
    public var counts: [Int] {
        var counts = Array(repeating: 0, count: words.count)
        var spans = counts.mutableSpan
        let numbers = numbers.span
        for row in numbers.indices where numbers[row] >= 0 { spans[Int(numbers[row])] += 1 }
        return counts
    }
}
