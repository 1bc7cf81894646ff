/// Words put in order only as far as somebody asks: parted by their highest bits at first, and
/// sorted within a part when an answer lies in it. A few quantiles of many words take a third of the time
/// that sorting them takes.
public struct RadixSelect: Sendable {
    /// By part; those of a part in any order until it is sorted.
    private var words: [UInt64]
    /// Where each part begins in `words`, and where the last one ends.
    private var starts: [Int] = [0]
    private var isSorted: [Bool] = []
    private let least: UInt64
    private let shift: UInt64

    private static let partBits = 14

    /// - Complexity: linear; as much memory again for a moment.
    public init(_ all: [UInt64]) {
        var (low, high) = (UInt64.max, UInt64.min)
        for word in all {
            low = Swift.min(low, word)
            high = Swift.max(high, word)
        }
        words = all
        least = all.isEmpty ? 0 : low
        let bits = UInt64.bitWidth - (all.isEmpty ? 0 : high - low).leadingZeroBitCount
        shift = UInt64(max(0, bits - Self.partBits))
        if all.isEmpty { return }
        let parts = Int((high - low) >> shift) + 1
        starts = Array(repeating: 0, count: parts + 1)
        isSorted = Array(repeating: false, count: parts)
        for word in all { starts[part(word) + 1] += 1 }
        for index in 0..<parts { starts[index + 1] += starts[index] }
        scatter(all, starts)
    }

    private mutating func scatter(_ all: [UInt64], _ starts: [Int]) {
        var next = starts
        var places = next.mutableSpan
        let (least, shift) = (least, shift)
        var words = words.mutableSpan
        for word in all {
            let part = Int((word - least) >> shift)
            words[places[part]] = word
            places[part] += 1
        }
    }

    /// How many words there are.
    public var count: Int { words.count }

    private func part(_ word: UInt64) -> Int { Int((word - least) >> shift) }

    /// The word that would stand at an index if all were sorted.
    public mutating func word(at index: Int) -> UInt64 {
        precondition(words.indices.contains(index), "index \(index) of \(count) words")
        // The last part that begins at or before it.
        var (low, high) = (0, starts.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        sort(low)
        return words[index]
    }

    /// How many words are less than one.
    public mutating func count(below word: UInt64) -> Int {
        if words.isEmpty || word <= least { return 0 }
        if (word - least) >> shift >= UInt64(isSorted.count) { return count }
        let part = part(word)
        sort(part)
        var (low, high) = (starts[part], starts[part + 1])
        while low < high {
            let middle = (low + high) / 2
            if words[middle] < word { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func sort(_ part: Int) {
        if isSorted[part] { return }
        isSorted[part] = true
        let range = starts[part]..<starts[part + 1]
        var sorted = Array(words[range])
        RadixSort.sort(&sorted)
        words.replaceSubrange(range, with: sorted)
    }
}
