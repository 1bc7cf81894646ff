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
    mutating func number(of text: String) -> UInt64 {
        if text.isEmpty { return 0 }
        let hash = text.bytesHash
        if texts.count * 2 >= slots.count { grow() }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            // By bytes: `==` of texts knows more than one spelling of a character.
            if hashes[number] == hash, texts[number].utf8.elementsEqual(text.utf8) {
                return UInt64(number + 1)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(texts.count < Int(UInt32.max) - 1, "more than 4 billion texts in one shard")
        texts.append(text)
        hashes.append(hash)
        if text.utf8.count > 15 { textBytes += text.utf8.count + 32 }
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
    /// A hash of its bytes, the same in every process.
    ///
    /// Source: Fowler, Noll, Vo, FNV-1a; texts of features are short.
    fileprivate var bytesHash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ hash >> 32
    }
}
