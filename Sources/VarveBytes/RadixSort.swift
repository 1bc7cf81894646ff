/// Sorting by digits, for long arrays of words: several times faster than by comparison.
public enum RadixSort {
    /// Arrays below this length are sorted by comparison.
    private static let shortest = 2048
    private static let digitBits = 11

    /// Sorts words in ascending order.
    /// - Complexity: linear; as much memory again.
    public static func sort(_ words: inout [UInt64]) {
        guard words.count >= shortest else { return words.sort() }
        if isSorted(words.span) { return }
        let digits = (UInt64.bitWidth + digitBits - 1) / digitBits
        let size = 1 << digitBits
        let mask = UInt64(size - 1)
        var counts = [Int](repeating: 0, count: digits * size)
        do {
            var counts = counts.mutableSpan
            let words = words.span
            for index in words.indices {
                var word = words[index]
                for digit in 0..<digits {
                    counts[digit * size + Int(word & mask)] += 1
                    word >>= UInt64(digitBits)
                }
            }
        }
        var (from, to) = (words, [UInt64](repeating: 0, count: words.count))
        words = []
        for digit in 0..<digits {
            let range = (digit * size)..<((digit + 1) * size)
            // Where all words have the same digit, nothing moves.
            if counts[range].contains(from.count) { continue }
            var next = 0
            for index in range { (counts[index], next) = (next, next + counts[index]) }
            scatter(from, &to, &counts, digit * size, UInt64(digit * digitBits), mask)
            swap(&from, &to)
        }
        words = from
    }

    /// The places of some words in ascending order of the words; equal ones in order of place.
    public static func order(of words: [UInt64]) -> [Int32] {
        precondition(words.count <= Int(Int32.max), "\(words.count) words")
        if words.isEmpty { return [] }
        let bits = Int.bitWidth - (words.count - 1).leadingZeroBitCount
        let places: UInt64 = (1 << UInt64(bits)) - 1
        var packed = words.enumerated().map { place, word in word & ~places | UInt64(place) }
        sort(&packed)
        var order = packed.map { Int32(truncatingIfNeeded: $0 & places) }
        // Words that differ only in the bits that places took.
        var start = 0
        for end in 1...packed.count
        where end == packed.count || (packed[end] ^ packed[start]) & ~places != 0 {
            if end - start > 1 {
                order[start..<end].sort { one, other in
                    (words[Int(one)], one) < (words[Int(other)], other)
                }
            }
            start = end
        }
        return order
    }

    private static func isSorted(_ words: borrowing Span<UInt64>) -> Bool {
        for index in 1..<words.count where words[index - 1] > words[index] { return false }
        return true
    }

    private static func scatter(
        _ from: [UInt64], _ to: inout [UInt64], _ places: inout [Int], _ base: Int,
        _ shift: UInt64, _ mask: UInt64
    ) {
        let from = from.span
        var to = to.mutableSpan
        var places = places.mutableSpan
        for index in from.indices {
            let word = from[index]
            let digit = base + Int((word >> shift) & mask)
            let place = places[digit]
            to[place] = word
            places[digit] = place + 1
        }
    }
}
