import VarveBytes

/// A record's fields as a decoder read them, one cell for each: numbers, booleans and times as
/// their bits, texts as where they lie in the record. Nothing is allocated from record to record,
/// and no text is made that nobody asks for.
public struct RecordCells: Sendable {
    /// What a cell holds.
    enum Kind: UInt8, Sendable {
        case null
        /// The bits of a number, a boolean or a time.
        case word
        /// Start and length of a text in the record's bytes.
        case text
        /// The same in `unescaped`: the record has it with escapes.
        case unescaped
    }

    private(set) var kinds: [Kind] = []
    private(set) var words: [UInt64] = []
    /// Texts that were written with escapes, resolved.
    private var unescaped: [UInt8] = []

    /// Cells of no record.
    public init() {}

    /// Makes all cells null.
    mutating func reset(_ count: Int) {
        if kinds.count != count {
            kinds = Array(repeating: .null, count: count)
            words = Array(repeating: 0, count: count)
        } else {
            for index in 0..<count { kinds[index] = .null }
        }
        unescaped.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func set(_ slot: Int, word: UInt64) {
        kinds[slot] = .word
        words[slot] = word
    }

    @inline(__always)
    mutating func set(_ slot: Int, text range: Range<Int>) {
        kinds[slot] = .text
        words[slot] = Self.place(range.lowerBound, range.count)
    }

    mutating func set(_ slot: Int, unescaped text: String) {
        kinds[slot] = .unescaped
        words[slot] = Self.place(unescaped.count, text.utf8.count)
        unescaped.append(contentsOf: text.utf8)
    }

    /// Records are shorter than 4 GiB.
    private static func place(_ start: Int, _ count: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: start) << 32 | UInt64(truncatingIfNeeded: count)
    }

    /// Whether a field is null.
    @inline(__always)
    func isNull(_ slot: Int) -> Bool { kinds[slot] == .null }

    /// The bits of a number, boolean or time; nil for null.
    @inline(__always)
    func word(_ slot: Int) -> UInt64? { kinds[slot] == .word ? words[slot] : nil }

    /// The bytes of a text; nil for null.
    /// - Parameter record: the bytes that the cells were read from.
    @_lifetime(borrow self, copy record)
    @inline(__always)
    func text(_ slot: Int, of record: RawSpan) -> RawSpan? {
        let start = Int(words[slot] >> 32)
        let range = start..<start + Int(words[slot] & 0xFFFF_FFFF)
        switch kinds[slot] {
        case .text: return record.extracting(range)
        case .unescaped: return unescaped.raw.extracting(range)
        case .null, .word: return nil
        }
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
