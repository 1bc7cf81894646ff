import VarveBytes

/// The distinct values of a column's rows in order of first appearance, and which of them each row
/// has; nulls have index 0.
struct ParquetDictionaryBuilder {
    /// One for each row.
    private(set) var indices: [UInt32] = []
    /// A row that holds each distinct value.
    private var examples: [Int] = []

    /// Distinct values.
    var count: Int { examples.count }

    /// Bits of an index.
    var width: Int { count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount }

    /// Distinct values beyond which plain ones are written: 65,536, or a fourth of the rows.
    private static let countLimit = 1 << 16

    /// Nil when a dictionary would not make the rows smaller.
    init?(_ column: Column, _ rows: Range<Int>) {
        guard column.type != .bool, rows.count >= 8 else { return nil }
        let limit = min(Self.countLimit, rows.count / 4)
        if column.type != .string {
            guard numberWords(column, rows, limit) else { return nil }
            return
        }
        indices.reserveCapacity(rows.count)
        // Open addressing, at most half full: 0 is free, else 1 + the number of a value.
        var slots = [UInt32](repeating: 0, count: 256)
        var mask = slots.count - 1
        for row in rows {
            if column.isNull(row) {
                indices.append(0)
                continue
            }
            let hash = Self.hash(column, row)
            var slot = Int(truncatingIfNeeded: hash >> 32) & mask
            while slots[slot] != 0 {
                if Self.equals(column, row, examples[Int(slots[slot]) - 1]) { break }
                slot = (slot + 1) & mask
            }
            if slots[slot] == 0 {
                if examples.count == limit { return nil }
                examples.append(row)
                slots[slot] = UInt32(examples.count)
                indices.append(UInt32(examples.count - 1))
                if examples.count * 2 > slots.count {
                    slots = [UInt32](repeating: 0, count: slots.count * 4)
                    mask = slots.count - 1
                    for (number, example) in examples.enumerated() {
                        var place = Int(truncatingIfNeeded: Self.hash(column, example) >> 32) & mask
                        while slots[place] != 0 { place = (place + 1) & mask }
                        slots[place] = UInt32(number + 1)
                    }
                }
            } else {
                indices.append(slots[slot] - 1)
            }
        }
        if examples.isEmpty { return nil }
    }

    /// The same for cells of 64 bits; false when there are more than `limit` distinct ones.
    private mutating func numberWords(_ column: Column, _ rows: Range<Int>, _ limit: Int) -> Bool {
        var table = WordTable()
        var row = rows.lowerBound
        let words = column.words.span
        let valid = column.nullCount > 0 ? column.validity : nil
        indices = [UInt32](capacity: rows.count) { (numbers: inout OutputSpan<UInt32>) in
            while row < rows.upperBound {
                let most = min(limit, table.room)
                row = table.number(words, valid, row..<rows.upperBound, most, &numbers, &examples)
                if row == rows.upperBound || examples.count == limit { return }
                table.grow(words, examples)
            }
        }
        return row == rows.upperBound && !examples.isEmpty
    }

    private static func hash(_ column: Column, _ row: Int) -> UInt64 {
        KeyHash.hash(column.utf8(row))
    }

    private static func equals(_ column: Column, _ row: Int, _ other: Int) -> Bool {
        column.utf8(row).equals(column.utf8(other))
    }

    /// The distinct values in the PLAIN encoding.
    func plain(of column: Column) -> [UInt8] {
        var writer = ByteWriter(capacity: 8 * count)
        for example in examples {
            if column.type == .string {
                let text = column.utf8(example)
                writer.integer(UInt32(text.byteCount))
                writer.raw(text)
            } else {
                writer.integer(column.words[example])
            }
        }
        return writer.bytes
    }
}

/// Numbers of distinct words: open addressing, at most half full. A place holds a word beside its
/// number, so that one look tells.
private struct WordTable {
    private var words = [UInt64](repeating: 0, count: 1024)
    /// 0 is free, else 1 + the number.
    private var numbers = [UInt32](repeating: 0, count: 1024)

    /// Distinct words that it may hold.
    var room: Int { words.count / 2 }

    /// Numbers rows up to the first that would be one distinct word more than `most`.
    /// - Returns: that row, or the end.
    mutating func number(
        _ cells: borrowing Span<UInt64>, _ valid: Bitmap?, _ rows: Range<Int>, _ most: Int,
        _ found: inout OutputSpan<UInt32>, _ examples: inout [Int]
    ) -> Int {
        Self.number(cells, valid, rows, most, &found, &examples, &words, &numbers)
    }

    private static func number(
        _ cells: borrowing Span<UInt64>, _ valid: Bitmap?, _ rows: Range<Int>, _ most: Int,
        _ found: inout OutputSpan<UInt32>, _ examples: inout [Int], _ words: inout [UInt64],
        _ numbers: inout [UInt32]
    ) -> Int {
        let mask = words.count - 1
        var words = words.mutableSpan
        var numbers = numbers.mutableSpan
        for row in rows {
            if let valid, !valid[row] {
                found.append(0)
                continue
            }
            let word = cells[row]
            var slot = Int(truncatingIfNeeded: hash(word) &>> 32) & mask
            while numbers[slot] != 0, words[slot] != word { slot = (slot + 1) & mask }
            if numbers[slot] != 0 {
                found.append(numbers[slot] &- 1)
                continue
            }
            if examples.count == most { return row }
            found.append(UInt32(examples.count))
            examples.append(row)
            words[slot] = word
            numbers[slot] = UInt32(examples.count)
        }
        return rows.upperBound
    }

    /// Makes four times the room.
    mutating func grow(_ cells: borrowing Span<UInt64>, _ examples: [Int]) {
        let count = 4 * words.count
        words = [UInt64](repeating: 0, count: count)
        numbers = [UInt32](repeating: 0, count: count)
        for (number, row) in examples.enumerated() {
            var slot = Int(truncatingIfNeeded: Self.hash(cells[row]) &>> 32) & (count - 1)
            while numbers[slot] != 0 { slot = (slot + 1) & (count - 1) }
            words[slot] = cells[row]
            numbers[slot] = UInt32(number + 1)
        }
    }

    private static func hash(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0xe703_7ed1_a0b4_28db)
            .multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.high ^ product.low
    }
}

/// Bounds for a row group's statistics.
enum ParquetBounds {
    /// Longer texts are no bounds: readers may keep them in memory for every row group.
    private static let textLimit = 256

    static func statistics(of column: Column, _ rows: Range<Int>) -> ParquetStatistics {
        var statistics = ParquetStatistics()
        let nulls = column.nullCount == 0 ? 0 : column.validity.zeros(in: rows)
        statistics.nullCount = Int64(nulls)
        if nulls == rows.count { return statistics }
        let present = rows.lazy.filter { nulls == 0 || column.validity[$0] }
        switch column.type {
        case .bool:
            let hasFalse = present.contains { !column.bits[$0] }
            let hasTrue = present.contains { column.bits[$0] }
            statistics.minimum = [hasFalse ? 0 : 1]
            statistics.maximum = [hasTrue ? 1 : 0]
        case .int64, .timestamp, .float64:
            if let bounds = words(column, rows, hasNulls: nulls > 0) {
                (statistics.minimum, statistics.maximum) = (word(bounds.least), word(bounds.most))
            }
        case .string:
            guard let first = present.first else { return statistics }
            var (least, most) = (first, first)
            for row in present {
                if column.utf8(row).precedes(column.utf8(least)) { least = row }
                if column.utf8(most).precedes(column.utf8(row)) { most = row }
            }
            let (minimum, maximum) = (column.utf8(least), column.utf8(most))
            if minimum.byteCount <= textLimit, maximum.byteCount <= textLimit {
                statistics.minimum = minimum.copied()
                statistics.maximum = maximum.copied()
            }
        }
        return statistics
    }

    /// The bounds of cells of 64 bits, of which one at least is no null; nil where none hold.
    private static func words(
        _ column: Column, _ rows: Range<Int>, hasNulls: Bool
    ) -> (least: UInt64, most: UInt64)? {
        let words = column.words.span
        let validity = column.validity
        if column.type == .float64 {
            let (least, most, isNumber) =
                hasNulls
                ? doubles(words, rows) { validity[$0] } : doubles(words, rows) { _ in true }
            // The format asks for bounds that hold zeros of either sign. None hold for NaN.
            return isNumber
                ? ((least == 0 ? -0.0 : least).bitPattern, (most == 0 ? 0.0 : most).bitPattern)
                : nil
        }
        var (least, most) = (Int64.max, Int64.min)
        for row in rows where !hasNulls || validity[row] {
            let value = Int64(bitPattern: words[row])
            least = min(least, value)
            most = max(most, value)
        }
        return (UInt64(bitPattern: least), UInt64(bitPattern: most))
    }

    /// The bounds of doubles, four at a time as one comparison waits for the one before it, and
    /// whether none of them is NaN.
    @inline(__always)
    private static func doubles(
        _ words: borrowing Span<UInt64>, _ rows: Range<Int>, _ isThere: (Int) -> Bool
    ) -> (least: Double, most: Double, isNumber: Bool) {
        var least = SIMD4<Double>(repeating: .infinity)
        var most = -least
        var isNumber = true
        func take(_ row: Int, _ lane: Int) {
            guard isThere(row) else { return }
            let value = Double(bitPattern: words[row])
            isNumber = isNumber && value == value
            least[lane] = value < least[lane] ? value : least[lane]
            most[lane] = value > most[lane] ? value : most[lane]
        }
        var row = rows.lowerBound
        while row + 4 <= rows.upperBound {
            take(row, 0)
            take(row + 1, 1)
            take(row + 2, 2)
            take(row + 3, 3)
            row += 4
        }
        while row < rows.upperBound {
            take(row, 0)
            row += 1
        }
        return (least.min(), most.max(), isNumber)
    }

    private static func word(_ value: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.integer(value)
        return writer.bytes
    }
}

extension RawSpan {
    /// Whether these bytes come before others in their unsigned order.
    fileprivate func precedes(_ other: RawSpan) -> Bool {
        var index = 0
        while index < byteCount, index < other.byteCount {
            let (mine, theirs) = (byte(at: index), other.byte(at: index))
            if mine != theirs { return mine < theirs }
            index += 1
        }
        return byteCount < other.byteCount
    }
}
