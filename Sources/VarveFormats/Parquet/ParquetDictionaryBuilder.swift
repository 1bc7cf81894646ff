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

    /// Nil when a dictionary would not make the rows smaller.
    /// - Parameter numbering: the column's, if it is known.
    init?(_ column: Column, _ rows: Range<Int>, _ numbering: ColumnNumbering? = nil) {
        guard column.type != .bool, rows.count >= 8 else { return nil }
        // With more distinct values, or more than a fourth of the rows, plain ones are smaller.
        let limit = min(ColumnNumbering.dictionaryLimit, rows.count / 4)
        if column.type != .string {
            guard numberWords(column, rows, limit, numbering) else { return nil }
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
    private mutating func numberWords(
        _ column: Column, _ rows: Range<Int>, _ limit: Int, _ numbering: ColumnNumbering?
    ) -> Bool {
        if let numbering { return renumber(numbering, rows, limit) }
        guard let own = ColumnNumbering(column, rows, limit: limit) else { return false }
        return renumber(own, 0..<rows.count, limit, from: rows.lowerBound)
    }

    /// Numbers rows from 0 on in order of first appearance that have other numbers already.
    /// - Parameter first: the column's row that is row 0.
    private mutating func renumber(
        _ known: ColumnNumbering, _ rows: Range<Int>, _ limit: Int, from first: Int = 0
    ) -> Bool {
        // Nulls have a place of their own, in front, and index 0.
        var new = Array(repeating: UInt32.max, count: known.words.count + 1)
        new[0] = 0
        var isSmall = true
        indices = [UInt32](capacity: rows.count) { (indices: inout OutputSpan<UInt32>) in
            let numbers = known.numbers.span
            var new = new.mutableSpan
            for row in rows {
                let place = Int(numbers[row]) + 1
                if new[place] == .max {
                    if examples.count == limit {
                        isSmall = false
                        return
                    }
                    new[place] = UInt32(examples.count)
                    examples.append(first + row)
                }
                indices.append(new[place])
            }
        }
        return isSmall && !examples.isEmpty
    }

    private static func hash(_ column: Column, _ row: Int) -> UInt64 {
        KeyHash.hash(column.utf8(row))
    }

    private static func equals(_ column: Column, _ row: Int, _ other: Int) -> Bool {
        column.utf8(row).equals(column.utf8(other))
    }

    /// The bits of the distinct values.
    func words(of column: Column) -> [UInt64] { examples.map { column.words[$0] } }

    /// The distinct values in the PLAIN encoding.
    func plain(of column: Column) -> [UInt8] {
        var writer = ByteWriter(capacity: 8 * count)
        if column.type != .string {
            writer.words(words(of: column).span)
            return writer.bytes
        }
        for example in examples {
            let text = column.utf8(example)
            writer.integer(UInt32(text.byteCount))
            writer.raw(text)
        }
        return writer.bytes
    }
}

/// Bounds for a row group's statistics.
enum ParquetBounds {
    /// Longer texts are no bounds: readers may keep them in memory for every row group.
    private static let textLimit = 256

    /// - Parameter dictionary: of these rows; its values have the bounds of all.
    static func statistics(
        of column: Column, _ rows: Range<Int>, _ dictionary: ParquetDictionaryBuilder? = nil
    ) -> ParquetStatistics {
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
            let isFloat = column.type == .float64
            let bounds: (least: UInt64, most: UInt64)?
            if let distinct = dictionary?.words(of: column) {
                bounds = words(distinct.span, distinct.indices, isFloat: isFloat, nil)
            } else {
                bounds = words(
                    column.words.span, rows, isFloat: isFloat, nulls > 0 ? column.validity : nil)
            }
            if let bounds {
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
    /// - Parameter validity: nil when no cell is null.
    private static func words(
        _ words: borrowing Span<UInt64>, _ rows: Range<Int>, isFloat: Bool, _ validity: Bitmap?
    ) -> (least: UInt64, most: UInt64)? {
        if isFloat {
            let (least, most, isNumber) =
                if let validity { doubles(words, rows) { validity[$0] } } else {
                    doubles(words, rows) { _ in true }
                }
            // The format asks for bounds that hold zeros of either sign. None hold for NaN.
            return isNumber
                ? ((least == 0 ? -0.0 : least).bitPattern, (most == 0 ? 0.0 : most).bitPattern)
                : nil
        }
        var (least, most) = (Int64.max, Int64.min)
        for row in rows where validity?[row] ?? true {
            let value = Int64(bitPattern: words[row])
            least = min(least, value)
            most = max(most, value)
        }
        return (UInt64(bitPattern: least), UInt64(bitPattern: most))
    }

    /// The bounds of doubles, and whether none of them is NaN.
    @inline(__always)
    private static func doubles(
        _ words: borrowing Span<UInt64>, _ rows: Range<Int>, _ isThere: (Int) -> Bool
    ) -> (least: Double, most: Double, isNumber: Bool) {
        // Two at a time: one comparison waits for the one before it.
        var (even, odd) = (DoubleBounds(), DoubleBounds())
        var row = rows.lowerBound
        while row + 1 < rows.upperBound {
            if isThere(row) { even.take(Double(bitPattern: words[row])) }
            if isThere(row + 1) { odd.take(Double(bitPattern: words[row + 1])) }
            row += 2
        }
        if row < rows.upperBound, isThere(row) { even.take(Double(bitPattern: words[row])) }
        return (
            min(even.least, odd.least), max(even.most, odd.most), even.areNumbers && odd.areNumbers
        )
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

private struct DoubleBounds {
    var least = Double.infinity
    var most = -Double.infinity
    var areNumbers = true

    @inline(__always)
    mutating func take(_ value: Double) {
        areNumbers = areNumbers && value == value
        least = value < least ? value : least
        most = value > most ? value : most
    }
}
