/// Times of facts, microseconds, as columns have them.
struct FactTimes: Sendable, Equatable {
    /// The bits of each.
    var words: [UInt64] = []

    var count: Int { words.count }

    subscript(index: Int) -> Int64 { Int64(bitPattern: words[index]) }
}
