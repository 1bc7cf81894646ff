import VarveBytes

/// Many rows at a time, for readers of column formats.
extension Column {
    /// Adds one row for each bit of `valid`, whose set bits take the next of `present`: the bits of
    /// int64, float64 or timestamp cells.
    mutating func append(words present: [UInt64], valid: Bitmap) {
        if present.count == valid.count {
            words += present
        } else {
            words.reserveCapacity(words.count + valid.count)
            var next = 0
            for row in 0..<valid.count {
                if valid[row] {
                    words.append(present[next])
                    next += 1
                } else {
                    words.append(0)
                }
            }
        }
        finish(valid, nulls: valid.count - present.count)
    }

    /// The words of all rows, to be put back with more.
    mutating func takeWords() -> [UInt64] {
        var taken: [UInt64] = []
        swap(&taken, &words)
        return taken
    }

    /// Puts words back, of one row more for each bit of `valid`, all of which are set.
    mutating func put(words all: [UInt64], _ valid: Bitmap) {
        words = all
        finish(valid, nulls: 0)
        precondition(words.count == count, "\(words.count) words of \(count) rows")
    }

    /// Adds one row for each bit of `valid`, whose set bits take the next of `present`.
    mutating func append(bits present: Bitmap, valid: Bitmap) {
        if present.count == valid.count {
            bits.append(packed: present.bytes.raw, count: present.count)
        } else {
            var next = 0
            for row in 0..<valid.count {
                bits.append(valid[row] && present[next])
                if valid[row] { next += 1 }
            }
        }
        finish(valid, nulls: valid.count - present.count)
    }

    /// Adds one row for each bit of `valid`, whose set bits take the next of `present`: texts by
    /// their places in `source`, which the caller knows to be UTF-8.
    mutating func append(texts present: [UInt32], of source: ParquetTexts, valid: Bitmap) {
        let text = source.bytes.raw
        offsets.reserveCapacity(offsets.count + valid.count)
        var next = 0
        for row in 0..<valid.count {
            if valid[row] {
                let index = Int(present[next])
                next += 1
                bytes.append(
                    copying: text.extracting(source.ends[index]..<source.ends[index + 1]))
            }
            offsets.append(bytes.count)
        }
        finish(valid, nulls: valid.count - present.count)
    }

    /// Adds one row for each bit of `valid`, whose set bits take the texts of `source` in order.
    mutating func append(texts source: ParquetTexts, valid: Bitmap) {
        let base = bytes.count
        bytes += source.bytes
        offsets.reserveCapacity(offsets.count + valid.count)
        var next = 0
        for row in 0..<valid.count {
            if valid[row] { next += 1 }
            offsets.append(base + source.ends[next])
        }
        finish(valid, nulls: valid.count - source.count)
    }

    /// A column of the bits of int64, float64 or timestamp cells; those of nulls must be zero.
    /// - Parameters:
    ///   - marks: one for each row, less than 128.
    ///   - valid: the mark of rows that are no null.
    public init(name: String, type: ColumnType, words: [UInt64], marks: [UInt8], valid: UInt8) {
        precondition(type != .bool && type != .string, "\(type.rawValue) cells are no words")
        precondition(marks.count == words.count, "\(marks.count) marks of \(words.count) words")
        self.init(name: name, type: type)
        self.words = words
        count = words.count
        validity = Bitmap(of: valid, in: marks)
        nullCount = words.count - validity.ones
    }

    /// Adds the rows of another column of the same type.
    public mutating func append(_ other: Column) {
        precondition(type == other.type, "column \(name) holds \(type), not \(other.type)")
        let base = bytes.count
        words += other.words
        bytes += other.bytes
        bits.append(packed: other.bits.bytes.raw, count: other.bits.count)
        for end in other.offsets.dropFirst() { offsets.append(base + end) }
        finish(other.validity, nulls: other.nullCount)
    }

    /// Some rows, in any order.
    public func taking(_ rows: [Int32]) -> Column {
        var taken = Column(name: name, type: type, capacity: rows.count)
        if type == .bool {
            for row in rows { taken.bits.append(bits[Int(row)]) }
        } else if type == .string {
            let all = bytes.raw
            for row in rows {
                taken.bytes.append(
                    copying: all.extracting(offsets[Int(row)]..<offsets[Int(row) + 1]))
                taken.offsets.append(taken.bytes.count)
            }
        } else {
            taken.words = Self.taking(rows, of: words)
        }
        var valid = Bitmap(capacity: rows.count)
        if nullCount == 0 {
            valid.append(repeating: true, count: rows.count)
        } else {
            for row in rows { valid.append(validity[Int(row)]) }
        }
        taken.finish(valid, nulls: rows.count - valid.ones)
        return taken
    }

    private static func taking(_ rows: [Int32], of words: [UInt64]) -> [UInt64] {
        let (rows, words) = (rows.span, words.span)
        return [UInt64](capacity: rows.count) { (taken: inout OutputSpan<UInt64>) in
            for index in rows.indices { taken.append(words[Int(rows[index])]) }
        }
    }

    /// An int64 column as float64, each value the nearest one; nil for other types.
    public func widened() -> Column? {
        guard type == .int64 else { return nil }
        var column = Column(name: name, type: .float64)
        column.words = words.map { Double(Int64(bitPattern: $0)).bitPattern }
        (column.validity, column.count, column.nullCount) = (validity, count, nullCount)
        return column
    }

    private mutating func finish(_ valid: Bitmap, nulls: Int) {
        validity.append(packed: valid.bytes.raw, count: valid.count)
        nullCount += nulls
        count += valid.count
    }
}

/// Texts laid end to end.
struct ParquetTexts {
    /// Where each begins, and where the last one ends.
    var ends: [Int] = [0]
    var bytes: [UInt8] = []

    var count: Int { ends.count - 1 }

    mutating func append(_ text: RawSpan) {
        bytes.append(copying: text)
        ends.append(bytes.count)
    }

    mutating func removeAll() {
        ends.removeAll(keepingCapacity: true)
        ends.append(0)
        bytes.removeAll(keepingCapacity: true)
    }

    /// Whether each text is UTF-8: all of them together are, and none begins inside a character.
    var areUTF8: Bool {
        let all = bytes.raw
        guard all.text() != nil else { return false }
        for end in ends where end < all.byteCount && all.byte(at: end) & 0xC0 == 0x80 {
            return false
        }
        return true
    }
}
