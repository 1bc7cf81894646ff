/// Where a fact's values are: a row of a batch.
struct FactReference {
    let word: UInt64

    init(word: UInt64) { self.word = word }

    init(batch: Int32, row: Int32) {
        word = UInt64(UInt32(bitPattern: batch)) << 32 | UInt64(UInt32(bitPattern: row))
    }

    var batch: Int { Int(truncatingIfNeeded: word >> 32) }
    var row: Int { Int(UInt32(truncatingIfNeeded: word)) }
}
