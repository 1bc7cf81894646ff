import VarveBytes
import VarveFormats

/// The fields of a key in some rows of a table.
///
/// Keys are equal when `EntityKey` says so. A key of one field that is no text is its 64 bits; any
/// other is its bytes, a text among several fields with its length.
struct KeyCells {
    let columns: [Column]

    init(_ columns: [Column]) { self.columns = columns }

    /// The key is 64 bits.
    var areWords: Bool { columns.count == 1 && columns[0].type != .string }

    /// Rows' keys as words: those that are words themselves, of others the hashes.
    struct Words {
        var words: [UInt64]
        /// Places among them of rows in which a field is null; ascending.
        var nulls: [Int32] = []
    }

    /// The words of some rows.
    func words(_ rows: Range<Int>) -> Words {
        let column = columns[0]
        if columns.count == 1, column.type == .int64 || column.type == .timestamp {
            // Integers and times are those of the column.
            var found = Words(
                words: rows == 0..<column.count ? column.words : Array(column.words[rows]))
            if column.nullCount == 0 { return found }
            for row in rows where column.isNull(row) { found.addNull(row - rows.lowerBound) }
            return found
        }
        var found = Words(words: [])
        found.words.reserveCapacity(rows.count)
        var scratch = ByteWriter()
        for row in rows {
            if columns.contains(where: { $0.isNull(row) }) {
                found.addNull(found.words.count)
                found.words.append(0)
            } else {
                found.words.append(areWords ? word(column, row) : hash(row, &scratch))
            }
        }
        return found
    }

    /// What words are ordered by.
    func hash(ofWord word: UInt64) -> UInt64 { areWords ? KeyHash.mixed(word) : word }

    /// The hash of a row's key that is no word and has no null.
    private func hash(_ row: Int, _ scratch: inout ByteWriter) -> UInt64 {
        if columns.count == 1 { return columns[0].textHash(row) }
        scratch.bytes.removeAll(keepingCapacity: true)
        write(row, to: &scratch)
        return KeyHash.hash(scratch.bytes.raw)
    }

    /// Writes the bytes of a row's key that is no word and has no null.
    func write(_ row: Int, to writer: inout ByteWriter) {
        if columns.count == 1 {
            let texts = columns[0]
            return writer.raw(texts.utf8(row))
        }
        for column in columns {
            if column.type == .string {
                column.writeText(row, to: &writer)
            } else {
                writer.integer(word(column, row))
            }
        }
    }

    /// Whether two rows without a null have the same key.
    func areEqual(_ one: Int, _ other: Int) -> Bool {
        columns.allSatisfy { column in
            column.type == .string
                ? column.text(one, equals: column.utf8(other))
                : word(column, one) == word(column, other)
        }
    }

    /// The bits of a cell that is no text; the zeros of a float are one key.
    private func word(_ column: Column, _ row: Int) -> UInt64 {
        switch column.type {
        case .bool: column.bool(row) == true ? 1 : 0
        case .float64: column.words[row] == 0x8000_0000_0000_0000 ? 0 : column.words[row]
        default: column.words[row]
        }
    }
}

extension KeyCells.Words {
    fileprivate mutating func addNull(_ place: Int) {
        nulls.append(Int32(truncatingIfNeeded: place))
    }
}
