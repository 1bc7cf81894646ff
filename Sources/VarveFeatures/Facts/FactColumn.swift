import VarveBytes

/// One lane of an entity's facts: for each fact nothing (left out), null, or a value.
///
/// Numbers, booleans and times are one 64-bit word each; texts are kept beside them.
struct FactColumn: Sendable, Equatable {
    enum State: UInt8 { case absent = 0, null = 1, present = 2 }

    private(set) var states: [UInt8] = []
    private(set) var words: [UInt64] = []
    private(set) var texts: [String] = []
    /// The type of the present values; nil while there is none.
    private(set) var type: ValueType?

    mutating func insert(_ value: Value?, at index: Int) {
        let (state, word, text) = encode(value)
        if index == states.count {
            states.append(state.rawValue)
            words.append(word)
            if let text { pad(to: words.count - 1); texts.append(text) } else if !texts.isEmpty {
                texts.append("")
            }
            return
        }
        if let text {
            pad(to: words.count)
            texts.insert(text, at: index)
        } else if !texts.isEmpty {
            texts.insert("", at: index)
        }
        states.insert(state.rawValue, at: index)
        words.insert(word, at: index)
    }

    /// Texts are kept only from the first one on; earlier facts get empty ones.
    private mutating func pad(to count: Int) {
        while texts.count < count { texts.append("") }
    }

    private mutating func encode(_ value: Value?) -> (State, UInt64, String?) {
        guard let value else { return (.absent, 0, nil) }
        if let found = value.type { type = found }
        switch value {
        case .null: return (.null, 0, nil)
        case .bool(let value): return (.present, value ? 1 : 0, nil)
        case .int64(let value): return (.present, UInt64(bitPattern: value), nil)
        case .float64(let value): return (.present, value.bitPattern, nil)
        case .timestamp(let value): return (.present, UInt64(bitPattern: value.microseconds), nil)
        case .string(let value): return (.present, 0, value)
        }
    }

    func isAbsent(_ index: Int) -> Bool { states[index] == State.absent.rawValue }

    func isPresent(_ index: Int) -> Bool { states[index] == State.present.rawValue }

    func double(_ index: Int) -> Double { Double(bitPattern: words[index]) }

    func integer(_ index: Int) -> Int64 { Int64(bitPattern: words[index]) }

    /// The value of a fact that is not absent.
    func value(_ index: Int) -> Value {
        guard isPresent(index), let type else { return .null }
        return switch type {
        case .bool: .bool(words[index] != 0)
        case .int64: .int64(integer(index))
        case .float64: .float64(double(index))
        case .timestamp: .timestamp(Timestamp(microseconds: integer(index)))
        case .string: .string(texts[index])
        }
    }
}
