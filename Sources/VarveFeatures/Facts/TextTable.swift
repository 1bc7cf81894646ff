import VarveBytes

/// Texts, each kept once under a number that never changes: facts say the number. The empty text
/// is 0.
struct TextTable: Sendable {
    private(set) var texts: [String] = []
    private var hashes: [UInt64] = []
    /// Open addressing: a text's number plus one; 0 is free.
    private var slots: [UInt32] = []
    private(set) var textBytes = 0

    /// Memory, in bytes, as well as it can be told.
    var byteCount: Int { texts.capacity * 24 + slots.capacity * 4 + textBytes }

    subscript(number: UInt64) -> String { number == 0 ? "" : texts[Int(number) - 1] }

    /// The number of a text, new or known.
    mutating func number(of text: String) -> UInt64 { number(of: Array(text.utf8).raw) }

    /// The same of a text's bytes.
    mutating func number(of text: RawSpan) -> UInt64 {
        if text.byteCount == 0 { return 0 }
        let hash = KeyHash.hash(text)
        if texts.count * 2 >= slots.count { grow() }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            // By bytes: `==` of texts knows more than one spelling of a character.
            if hashes[number] == hash, texts[number].hasBytes(text) { return UInt64(number + 1) }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(texts.count < Int(UInt32.max) - 1, "more than 4 billion texts in one shard")
        // Whoever read the record has checked the bytes.
        texts.append(text.text() ?? "")
        hashes.append(hash)
        if text.byteCount > 15 { textBytes += text.byteCount + 32 }
        slots[slot] = UInt32(texts.count)
        return UInt64(texts.count)
    }

    private mutating func grow() {
        let size = max(16, slots.count * 2)
        slots = Array(repeating: 0, count: size)
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }
}

extension String {
    /// Whether it is these bytes.
    fileprivate func hasBytes(_ bytes: RawSpan) -> Bool {
        guard utf8.count == bytes.byteCount else { return false }
        var offset = 0
        for byte in utf8 {
            if byte != bytes.byte(at: offset) { return false }
            offset += 1
        }
        return true
    }
}
