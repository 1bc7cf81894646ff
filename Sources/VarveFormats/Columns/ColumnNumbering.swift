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
        guard column.type != .bool, column.type != .string,
            let found = Self.found(column, rows, limit)
        else { return nil }
        self = found
    }

    private init(words: [UInt64], numbers: [Int32]) {
        self.words = words
        self.numbers = numbers
    }

    private static func found(
        _ column: Column, _ rows: Range<Int>, _ limit: Int
    ) -> ColumnNumbering? {
        let cells = column.words
        if column.nullCount > 0, let valid = fewValid(column, rows) {
            let present = valid.map { cells[Int($0)] }
            guard var found = numbered(present.span, limit: limit) else { return nil }
            let numbers = found.numbers
            found.numbers = Array(repeating: -1, count: rows.count)
            for (row, number) in zip(valid, numbers) {
                found.numbers[Int(row) - rows.lowerBound] = number
            }
            return found
        }
        // The slot of a null is zero.
        let most = column.nullCount > 0 ? limit + 1 : limit
        guard var found = numbered(cells.span.extracting(rows), limit: most) else { return nil }
        if column.nullCount > 0 { column.validity.clear(&found.numbers, from: rows.lowerBound) }
        return found
    }

    /// The rows that are no nulls, where those are the fewer.
    private static func fewValid(_ column: Column, _ rows: Range<Int>) -> [Int32]? {
        let valid = column.validity
        let count = rows.count - valid.zeros(in: rows)
        if 2 * count > rows.count { return nil }
        return [Int32](capacity: count) { (found: inout OutputSpan<Int32>) in
            for row in rows where valid[row] { found.append(Int32(truncatingIfNeeded: row)) }
        }
    }

    private static func numbered(
        _ cells: borrowing Span<UInt64>, limit: Int
    ) -> ColumnNumbering? {
        if areClose(cells) { return inTable(cells, limit: limit) }
        var distinct = WordNumbers()
        guard let numbers = distinct.add(cells, limit: limit) else { return nil }
        return ColumnNumbering(words: distinct.words, numbers: numbers)
    }

    /// Whether all lie near the first one, as integers.
    private static func areClose(_ cells: borrowing Span<UInt64>) -> Bool {
        for index in cells.indices
        where cells[index] &- cells[0] &+ UInt64(tableSize / 2) >= UInt64(tableSize) {
            return false
        }
        return true
    }

    /// Numbers words that lie close together by looking them up in a table.
    private static func inTable(
        _ cells: borrowing Span<UInt64>, limit: Int
    ) -> ColumnNumbering? {
        var table = Array(repeating: Int32(-1), count: tableSize)
        var words: [UInt64] = []
        let numbers = [Int32](count: cells.count) { numbers in
            var table = table.mutableSpan
            for index in cells.indices {
                let place = Int(
                    truncatingIfNeeded: cells[index] &- cells[0] &+ UInt64(tableSize / 2))
                if table[place] < 0 {
                    table[place] = Int32(truncatingIfNeeded: words.count)
                    words.append(cells[index])
                }
                numbers[index] = table[place]
            }
        }
        return words.count <= limit ? ColumnNumbering(words: words, numbers: numbers) : nil
    }

    /// A table fits the first cache.
    private static let tableSize = 1 << 12

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
