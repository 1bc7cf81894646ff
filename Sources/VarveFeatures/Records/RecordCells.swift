import VarveBytes

/// A record's fields as a decoder read them, one cell for each: numbers, booleans and times as
/// their bits, texts as where they lie in the record. Nothing is allocated from record to record,
/// and no text is made that nobody asks for.
public struct RecordCells: Sendable {
    /// For each field its bits, or start << 32 | length of a text.
    var words: [UInt64] = []
    /// A bit for each field that is not null.
    var present: [UInt64] = []
    /// Texts that were written with escapes, resolved.
    var unescaped: [UInt8] = []

    /// Marks the place of a text that lies in `unescaped`. Records are shorter than 2 GiB.
    private static let escapeMark: UInt64 = 1 << 63

    /// Cells of no record.
    public init() {}

    /// Makes all cells null.
    mutating func reset(_ count: Int) {
        if words.count != count {
            words = Array(repeating: 0, count: count)
            present = Array(repeating: 0, count: (count + 63) / 64)
        } else {
            for index in present.indices { present[index] = 0 }
        }
        if !unescaped.isEmpty { unescaped.removeAll(keepingCapacity: true) }
    }

    /// The word of a text that lies in the record.
    static func place(_ range: Range<Int>) -> UInt64 {
        UInt64(truncatingIfNeeded: range.lowerBound) << 32
            | UInt64(truncatingIfNeeded: range.upperBound &- range.lowerBound)
    }

    /// Keeps a text that is not as the record has it; answers its word.
    static func keep(_ text: String, _ unescaped: inout [UInt8]) -> UInt64 {
        let start = unescaped.count
        unescaped.append(contentsOf: text.utf8)
        return place(start..<unescaped.count) | escapeMark
    }

    /// Whether a field is null.
    @inline(__always)
    func isNull(_ slot: Int) -> Bool {
        present.span[slot >> 6] &>> UInt64(truncatingIfNeeded: slot & 63) & 1 == 0
    }

    /// The bits of a number, boolean or time; nil for null.
    @inline(__always)
    func word(_ slot: Int) -> UInt64? { isNull(slot) ? nil : words.span[slot] }

    /// The bytes of a text; nil for null.
    /// - Parameter record: the bytes that the cells were read from.
    @_lifetime(borrow self, copy record)
    @inline(__always)
    func text(_ slot: Int, of record: RawSpan) -> RawSpan? {
        if isNull(slot) { return nil }
        let word = words.span[slot]
        let start = Int((word & ~Self.escapeMark) >> 32)
        let range = start..<start + Int(word & 0xFFFF_FFFF)
        if word & Self.escapeMark != 0 { return unescaped.raw.extracting(range) }
        return record.extracting(range)
    }

    /// A field's value.
    /// - Parameters:
    ///   - type: the field's.
    ///   - record: the bytes that the cells were read from.
    func value(_ slot: Int, _ type: ValueType, of record: RawSpan) -> Value {
        if type == .string {
            guard let text = text(slot, of: record) else { return .null }
            // The decoder has checked the bytes.
            return .string(text.text() ?? "")
        }
        guard let word = word(slot) else { return .null }
        switch type {
        case .bool: return .bool(word != 0)
        case .int64: return .int64(Int64(bitPattern: word))
        case .float64: return .float64(Double(bitPattern: word))
        case .timestamp: return .timestamp(Timestamp(microseconds: Int64(bitPattern: word)))
        case .string: return .null
        }
    }
}
