public import VarveBytes

/// What the cells of a column can be.
public enum ColumnType: String, Sendable, Equatable, CaseIterable {
    case bool, int64, float64, string
    /// Microseconds since 1970 in UTC.
    case timestamp
}

/// One column of a table: a name, a type, and one cell or null for each row, laid out without gaps
/// as in Arrow:
///
///     validity  one bit per row, 1 = present, least significant bit first
///     bool      one bit per row
///     int64, float64, timestamp   one 64-bit word per row
///     string    offsets (one more than rows) into one run of UTF-8 bytes
///
/// The slot of a null is zero, or empty for a string, so equal columns have equal bytes.
/// Appending a value of another type than the column's stops the program.
public struct Column: Sendable, Equatable {
    /// The column's name; unique within a table.
    public let name: String
    /// The type of every cell.
    public let type: ColumnType
    /// Rows so far.
    public internal(set) var count = 0
    /// Rows that are null.
    public internal(set) var nullCount = 0

    var validity: Bitmap
    var bits: Bitmap
    /// int64 and timestamp as two's complement, float64 as its bit pattern.
    public internal(set) var words: [UInt64] = []
    /// Where each string starts in `bytes`, and where the last one ends. Empty for other types.
    var offsets: [Int]
    var bytes: [UInt8] = []

    /// Bytes of memory, roughly.
    public var byteCount: Int { 8 * (words.count + offsets.count) + bytes.count + count / 4 }

    /// One cell with its value.
    public enum Cell: Sendable, Hashable {
        case null
        case bool(Bool)
        case int64(Int64)
        case float64(Double)
        case string(String)
        case timestamp(Timestamp)

        /// The value's type; nil for null.
        public var type: ColumnType? {
            switch self {
            case .null: nil
            case .bool: .bool
            case .int64: .int64
            case .float64: .float64
            case .string: .string
            case .timestamp: .timestamp
            }
        }
    }

    /// An empty column with room for `capacity` rows.
    public init(name: String, type: ColumnType, capacity: Int = 0) {
        self.name = name
        self.type = type
        validity = Bitmap(capacity: capacity)
        bits = Bitmap(capacity: type == .bool ? capacity : 0)
        offsets = type == .string ? [0] : []
        switch type {
        case .bool: break
        case .string: offsets.reserveCapacity(capacity + 1)
        case .int64, .float64, .timestamp: words.reserveCapacity(capacity)
        }
    }

    /// A column of the given cells; a cell of another type stops the program.
    public init(name: String, type: ColumnType, cells: some Sequence<Cell>) {
        self.init(name: name, type: type)
        for cell in cells { append(cell) }
    }
}

extension Column {
    /// Adds a null row.
    public mutating func appendNull() {
        switch type {
        case .bool: bits.append(false)
        case .string: offsets.append(bytes.count)
        case .int64, .float64, .timestamp: words.append(0)
        }
        nullCount += 1
        finishRow(isValid: false)
    }

    /// Adds a row.
    public mutating func append(_ value: Bool) {
        require(.bool)
        bits.append(value)
        finishRow(isValid: true)
    }

    /// Adds a row.
    public mutating func append(_ value: Int64) {
        require(.int64)
        words.append(UInt64(bitPattern: value))
        finishRow(isValid: true)
    }

    /// Adds a row. The value's bits are kept, also of non-finite values.
    public mutating func append(_ value: Double) {
        require(.float64)
        words.append(value.bitPattern)
        finishRow(isValid: true)
    }

    /// Adds a row.
    public mutating func append(_ value: String) {
        require(.string)
        bytes.append(contentsOf: value.utf8)
        offsets.append(bytes.count)
        finishRow(isValid: true)
    }

    /// Adds a row of text whose bytes the caller knows to be UTF-8.
    public mutating func append(utf8 text: RawSpan) {
        require(.string)
        bytes.append(copying: text)
        offsets.append(bytes.count)
        finishRow(isValid: true)
    }

    /// Adds a row.
    public mutating func append(_ value: Timestamp) {
        require(.timestamp)
        words.append(UInt64(bitPattern: value.microseconds))
        finishRow(isValid: true)
    }

    /// Adds a row of any type but text: a number or time by its bits, a boolean as 0 or another
    /// number.
    public mutating func append(word: UInt64) {
        switch type {
        case .bool: bits.append(word != 0)
        case .int64, .float64, .timestamp: words.append(word)
        case .string: preconditionFailure("column \(name) holds texts")
        }
        finishRow(isValid: true)
    }

    /// Adds a row.
    public mutating func append(_ cell: Cell) {
        switch cell {
        case .null: appendNull()
        case .bool(let value): append(value)
        case .int64(let value): append(value)
        case .float64(let value): append(value)
        case .string(let value): append(value)
        case .timestamp(let value): append(value)
        }
    }

    private mutating func finishRow(isValid: Bool) {
        validity.append(isValid)
        count += 1
    }

    private func require(_ other: ColumnType) {
        precondition(type == other, "column \(name) holds \(type), not \(other)")
    }
}

extension Column {
    /// Whether the row is null.
    public func isNull(_ row: Int) -> Bool { !validity[row] }

    /// The value of a row of a bool column; nil for null.
    public func bool(_ row: Int) -> Bool? {
        require(.bool)
        return validity[row] ? bits[row] : nil
    }

    /// The value of a row of an int64 column; nil for null.
    public func int64(_ row: Int) -> Int64? {
        require(.int64)
        return validity[row] ? Int64(bitPattern: words[row]) : nil
    }

    /// The value of a row of a float64 column; nil for null.
    public func float64(_ row: Int) -> Double? {
        require(.float64)
        return validity[row] ? Double(bitPattern: words[row]) : nil
    }

    /// The value of a row of a timestamp column; nil for null.
    public func timestamp(_ row: Int) -> Timestamp? {
        require(.timestamp)
        return validity[row] ? Timestamp(microseconds: Int64(bitPattern: words[row])) : nil
    }

    /// The text of a row of a string column; nil for null.
    public func string(_ row: Int) -> String? {
        require(.string)
        guard validity[row] else { return nil }
        return String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self)
    }

    /// The UTF-8 bytes of a row of a string column, borrowed; empty for null.
    @_lifetime(borrow self)
    public func utf8(_ row: Int) -> RawSpan {
        require(.string)
        return bytes.raw.extracting(offsets[row]..<offsets[row + 1])
    }

    /// The cell of a row.
    public func cell(_ row: Int) -> Cell {
        guard validity[row] else { return .null }
        switch type {
        case .bool: return .bool(bits[row])
        case .int64: return .int64(Int64(bitPattern: words[row]))
        case .float64: return .float64(Double(bitPattern: words[row]))
        case .timestamp:
            return .timestamp(Timestamp(microseconds: Int64(bitPattern: words[row])))
        case .string:
            return .string(
                String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self))
        }
    }

    /// SHA-256 over the column's type, rows, validity and values; its name does not count.
    ///
    /// Hashed: type name, 0x00, row count (8 bytes), validity bits, then the bits of a bool column,
    /// the 8-byte words, or the string offsets (8 bytes each) and text. Integers little-endian.
    public var digest: Digest {
        var hash = digestOfHead
        hash.update(words: words.span)
        return digest(after: hash)
    }

    /// The digests of two columns, in not much more time than that of one takes.
    public static func digests(_ one: Column, _ other: Column) -> (Digest, Digest) {
        var (hash, otherHash) = (one.digestOfHead, other.digestOfHead)
        SHA256.update(&hash, words: one.words.span, &otherHash, words: other.words.span)
        return (one.digest(after: hash), other.digest(after: otherHash))
    }

    private var digestOfHead: SHA256 {
        var prefix = ByteWriter()
        prefix.text(type.rawValue)
        prefix.integer(UInt8(0))
        prefix.integer(Int64(count))
        prefix.raw(validity.bytes)
        prefix.raw(bits.bytes)
        var hash = SHA256()
        hash.update(prefix.bytes.raw)
        return hash
    }

    /// What is left when the words are in.
    private func digest(after hash: SHA256) -> Digest {
        var hash = hash
        var block = ByteWriter(capacity: offsets.isEmpty ? 0 : 8 * 8192)
        for start in stride(from: 0, to: offsets.count, by: 8192) {
            block.bytes.removeAll(keepingCapacity: true)
            for offset in offsets[start..<min(start + 8192, offsets.count)] {
                block.integer(Int64(offset))
            }
            hash.update(block.bytes.raw)
        }
        hash.update(bytes.raw)
        return hash.finalized()
    }
}
