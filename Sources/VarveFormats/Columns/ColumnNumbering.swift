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
        self.init(column, 0..<column.count, limit: limit)
    }

    /// The same of some rows.
    init?(_ column: Column, _ rows: Range<Int>, limit: Int) {
        guard column.type != .bool, column.type != .string else { return nil }
        var distinct = WordNumbers()
        // The slot of a null is zero.
        let most = column.nullCount > 0 ? limit + 1 : limit
        let cells = column.words
        guard let numbers = distinct.add(cells.span.extracting(rows), limit: most) else {
            return nil
        }
        self.numbers = numbers
        words = distinct.words
        if column.nullCount > 0 { column.validity.clear(&self.numbers, from: rows.lowerBound) }
    }

    /// How many rows have each number.
    public var counts: [Int] {
        // Nulls have a place of their own, in front. Odd rows are counted beside even ones: where
        // numbers repeat, one count would wait for the one before it.
        let places = words.count + 1
        var counts = Array(repeating: 0, count: 2 * places)
        do {
            var counts = counts.mutableSpan
            let numbers = numbers.span
            var row = 0
            while row + 1 < numbers.count {
                counts[Int(numbers[row]) + 1] += 1
                counts[places + Int(numbers[row + 1]) + 1] += 1
                row += 2
            }
            if row < numbers.count { counts[Int(numbers[row]) + 1] += 1 }
        }
        return (1..<places).map { counts[$0] + counts[places + $0] }
    }
}

extension Bitmap {
    /// Makes every element -1 whose bit is not set: without a branch, as nobody foresees nulls.
    /// - Parameter first: the bit of the first element.
    fileprivate func clear(_ elements: inout [Int32], from first: Int) {
        precondition(first + elements.count <= count, "\(elements.count) of \(count) bits")
        let bytes = bytes.raw
        var elements = elements.mutableSpan
        for index in elements.indices {
            let bit = first + index
            let isSet = Int32(bytes.byte(at: bit &>> 3) &>> UInt8(truncatingIfNeeded: bit & 7) & 1)
            elements[index] |= isSet &- 1
        }
    }
}
