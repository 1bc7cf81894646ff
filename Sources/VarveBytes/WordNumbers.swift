/// The distinct ones of some words, numbered in order of first appearance.
///
/// A chain of dependent loads that ends with a branch nobody can foresee keeps a processor from
/// working on the next word meanwhile. So words are looked up in blocks, each step for all of a
/// block and without a branch; the few whose first slot holds another word are looked for after
/// that, one by one.
public struct WordNumbers: Sendable {
    /// The words by number.
    public private(set) var words: [UInt64] = []
    /// Open addressing, at most half full: 0 is free, else 1 + a word's number.
    private var slots: [UInt32] = Array(repeating: 0, count: 1024)
    private static let wordsPerBlock = 256

    /// None yet.
    public init() {}

    /// Words that are there once each, numbered as they stand.
    public init(distinct words: [UInt64]) {
        self.words = words
        var size = slots.count
        while 2 * words.count > size { size *= 2 }
        slots = Array(repeating: 0, count: size)
        Self.place(words, &slots)
    }

    /// Distinct words.
    public var count: Int { words.count }

    /// The numbers of some words; -1 for those that have none.
    public func numbers(of asked: [UInt64]) -> [Int32] {
        let asked = asked.span
        return [Int32](count: asked.count) { numbers in
            var rest = Self.block
            for start in stride(from: 0, to: asked.count, by: Self.wordsPerBlock) {
                let block = start..<min(asked.count, start + Self.wordsPerBlock)
                _ = Self.look(up: asked, block, slots, words, &numbers, &rest)
            }
        }
    }

    /// Numbers some words, new ones too.
    /// - Returns: the number of each; nil when there are more than `limit` distinct ones.
    public mutating func add(_ added: borrowing Span<UInt64>, limit: Int) -> [Int32]? {
        if Self.areMore(added, than: limit) { return nil }
        var isWithin = true
        let found = [Int32](count: added.count) { numbers in
            var rest = Self.block
            for start in stride(from: 0, to: added.count, by: Self.wordsPerBlock) {
                let block = start..<min(added.count, start + Self.wordsPerBlock)
                let count = Self.look(up: added, block, slots, words, &numbers, &rest)
                for index in rest[..<count] {
                    guard let number = add(added[Int(index)], limit: limit) else {
                        isWithin = false
                        return
                    }
                    numbers[Int(index)] = number
                }
            }
        }
        return isWithin ? found : nil
    }

    /// Numbers a word; nil when it is one more than `limit`.
    private mutating func add(_ word: UInt64, limit: Int) -> Int32? {
        let slot = slot(of: word)
        if slots[slot] != 0 { return Int32(truncatingIfNeeded: slots[slot]) &- 1 }
        if words.count >= limit { return nil }
        words.append(word)
        slots[slot] = UInt32(words.count)
        if 2 * words.count > slots.count { grow() }
        return Int32(words.count - 1)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: 4 * slots.count)
        Self.place(words, &slots)
    }

    /// Puts words into slots, which are free.
    private static func place(_ words: [UInt64], _ slots: inout [UInt32]) {
        let mask = slots.count - 1
        let words = words.span
        var slots = slots.mutableSpan
        for number in words.indices {
            var slot = Int(truncatingIfNeeded: KeyHash.mixed(words[number])) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(number + 1)
        }
    }

    /// The slot that a word has, or would have.
    private func slot(of word: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: KeyHash.mixed(word)) & mask
        while slots[slot] != 0, words[Int(slots[slot]) - 1] != word { slot = (slot + 1) & mask }
        return slot
    }

    /// Whether some words begin with more distinct ones than a limit, as far as their hashes tell
    /// apart: a bit for each hash takes a fourth of the time that numbers take.
    private static func areMore(_ words: borrowing Span<UInt64>, than limit: Int) -> Bool {
        if words.count <= limit { return false }
        // Where words are few, it would be in vain to look at all of them.
        let looked = min(words.count, 2 * limit)
        // Bits enough that hardly two hashes share one.
        var width = 10
        while limit >> (width - 3) > 0 { width += 1 }
        let mask = UInt64(1) &<< UInt64(width) - 1
        var seen = Array(repeating: UInt64(0), count: 1 << (width - 6))
        var bits = seen.mutableSpan
        var (count, start) = (0, 0)
        while start < looked {
            let end = min(start + wordsPerBlock, looked)
            for index in start..<end {
                let place = KeyHash.mixed(words[index]) & mask
                let (word, bit) = (Int(truncatingIfNeeded: place &>> 6), place & 63)
                let old = bits[word]
                count += 1 - Int(truncatingIfNeeded: old &>> bit & 1)
                bits[word] = old | 1 &<< bit
            }
            if count > limit { return true }
            start = end
        }
        return false
    }

    private static var block: [Int32] { Array(repeating: 0, count: wordsPerBlock) }

    /// Finds the numbers of a block of words; -1 for those that have none.
    /// - Parameter rest: as many as a block has; begins with the indices of those when it is done.
    /// - Returns: how many have none.
    private static func look(
        up all: borrowing Span<UInt64>, _ block: Range<Int>, _ slots: [UInt32],
        _ words: [UInt64], _ numbers: inout MutableSpan<Int32>, _ rest: inout [Int32]
    ) -> Int {
        let (slots, words) = (slots.span, words.span)
        let mask = slots.count - 1
        var rest = rest.mutableSpan
        for index in block {
            let slot = Int(truncatingIfNeeded: KeyHash.mixed(all[index])) & mask
            numbers[index] = Int32(truncatingIfNeeded: slots[slot]) &- 1
        }
        var others = 0
        for index in block {
            let number = Int(numbers[index])
            let isOther = number < 0 || words[number] != all[index]
            rest[others] = Int32(truncatingIfNeeded: index)
            others += isOther ? 1 : 0
        }
        var count = 0
        for place in 0..<others {
            let index = Int(rest[place])
            var number = numbers[index]
            var slot = Int(truncatingIfNeeded: KeyHash.mixed(all[index])) & mask
            while number >= 0, words[Int(number)] != all[index] {
                slot = (slot + 1) & mask
                number = Int32(truncatingIfNeeded: slots[slot]) &- 1
            }
            numbers[index] = number
            rest[count] = rest[place]
            count += number < 0 ? 1 : 0
        }
        return count
    }
}
