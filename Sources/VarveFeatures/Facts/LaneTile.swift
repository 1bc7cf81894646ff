/// What some facts come to in one lane: the part of an answer that can be prepared. Tiles of
/// neighbouring facts merge into the tile of all of them, with the same bits in any order, because
/// sums are exact.
struct LaneTile: Sendable {
    /// Facts with a value.
    private(set) var count = 0
    /// Facts with a value or null.
    private(set) var mentions = 0
    private(set) var integers: Int128 = 0
    private(set) var sum = ExactSum()
    /// The words of the extremes; meaningless while `count` is 0.
    private(set) var least: UInt64 = 0
    private(set) var greatest: UInt64 = 0

    init() {}

    /// Back to no fact.
    mutating func reset() {
        sum.reset()
        (count, mentions, integers, least, greatest) = (0, 0, 0, 0, 0)
    }

    /// Takes in a fact with null.
    mutating func addNull() { mentions += 1 }

    /// Takes in a fact with a value.
    @inline(__always)
    mutating func add(_ word: UInt64, _ lane: FactLayout.Lane, _ texts: borrowing TextTable) {
        if count == 0 {
            (least, greatest) = (word, word)
        } else if lane.isCompared {
            if precedes(word, least, lane.type, texts) { least = word }
            if precedes(greatest, word, lane.type, texts) { greatest = word }
        }
        count += 1
        mentions += 1
        guard lane.isSummed else { return }
        if lane.type == .int64 {
            integers += Int128(Int64(bitPattern: word))
        } else {
            sum.add(Double(bitPattern: word))
        }
    }

    /// Takes in all that another tile of the lane holds.
    mutating func merge(
        _ other: borrowing LaneTile, _ lane: FactLayout.Lane, _ texts: borrowing TextTable
    ) {
        mentions += other.mentions
        guard other.count > 0 else { return }
        if count == 0 {
            (least, greatest) = (other.least, other.greatest)
        } else if lane.isCompared {
            if precedes(other.least, least, lane.type, texts) { least = other.least }
            if precedes(greatest, other.greatest, lane.type, texts) { greatest = other.greatest }
        }
        count += other.count
        guard lane.isSummed else { return }
        if lane.type == .int64 { integers += other.integers } else { sum.merge(other.sum) }
    }
}

/// The order of `Value.precedes`, on the words of two values of one type.
@inline(__always)
func precedes(
    _ left: UInt64, _ right: UInt64, _ type: ValueType, _ texts: borrowing TextTable
) -> Bool {
    switch type {
    case .bool: left < right
    case .int64, .timestamp: Int64(bitPattern: left) < Int64(bitPattern: right)
    case .float64: orderKey(left) < orderKey(right)
    case .string:
        left != right && texts[left].utf8.lexicographicallyPrecedes(texts[right].utf8)
    }
}

/// Bits of finite doubles as integers of the same order, -0 before +0.
@inline(__always)
private func orderKey(_ bits: UInt64) -> Int64 {
    let value = Int64(bitPattern: bits)
    return value ^ Int64(bitPattern: UInt64(bitPattern: value >> 63) >> 1)
}
