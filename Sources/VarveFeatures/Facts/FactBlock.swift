import VarveBytes

/// Some facts of one entity, neighbours in the order of (event time, position).
struct FactBlock: Sendable {
    /// Facts as `FactLayout` has them.
    private(set) var words: [UInt64] = []
    /// For each fact the position and the known time from which on it no longer counts; empty
    /// while none was ever replaced.
    private(set) var replaced: [Int64] = []

    /// A replaced time of facts that stand.
    static let never = Int64.max

    init() {}

    init(words: [UInt64], replaced: [Int64]) {
        self.words = words
        self.replaced = replaced
    }

    var isEmpty: Bool { words.isEmpty }

    /// Where its facts are.
    @inline(__always)
    var hint: MemoryHint { words.hint(0) }

    func count(_ stride: Int) -> Int { words.count / stride }

    func eventTime(_ index: Int, _ stride: Int) -> Int64 {
        words.span.integer(index * stride + FactLayout.eventTime)
    }

    /// The first fact whose event time satisfies a condition that holds for all later ones.
    func firstIndex(_ stride: Int, where holds: (Int64) -> Bool) -> Int {
        let span = words.span
        let count = span.count / stride
        // Facts arrive nearly in order: the end is looked at first.
        guard count > 0, holds(span.integer((count - 1) * stride)) else { return count }
        var (low, high) = (0, count - 1)
        while low < high {
            let middle = (low + high) / 2
            if holds(span.integer(middle * stride)) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Adds a fact behind all with the same event time or an earlier one.
    mutating func insert(_ fact: borrowing Span<UInt64>) {
        let stride = fact.count
        let time = fact.integer(FactLayout.eventTime)
        let index = firstIndex(stride) { $0 > time }
        if index * stride == words.count {
            words.append(copying: fact)
        } else {
            words.insert(copying: fact, at: index * stride)
        }
        if !replaced.isEmpty {
            replaced.insert(contentsOf: CollectionOfOne(Self.never), at: 2 * index)
            replaced.insert(contentsOf: CollectionOfOne(Self.never), at: 2 * index)
        }
    }

    /// Event time and position of the last fact.
    func last(_ stride: Int) -> (eventTime: Int64, position: Int64) {
        let fact = (count(stride) - 1) * stride
        let span = words.span
        return (
            span.integer(fact + FactLayout.eventTime), span.integer(fact + FactLayout.position)
        )
    }

    /// Ends the fact at (event time, position) from a later record on.
    /// - Returns: whether that changed anything; nil when it is not here.
    mutating func replace(
        eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64, _ stride: Int
    ) -> Bool? {
        let count = count(stride)
        var (index, high) = (0, count)
        while index < high {
            let middle = (index + high) / 2
            let time = self.eventTime(middle, stride)
            let isBefore =
                time < eventTime
                || (time == eventTime
                    && words.span.integer(middle * stride + FactLayout.position) < position)
            if isBefore { index = middle + 1 } else { high = middle }
        }
        guard index < count, self.eventTime(index, stride) == eventTime,
            words.span.integer(index * stride + FactLayout.position) == position
        else { return nil }
        if replaced.isEmpty { replaced = Array(repeating: Self.never, count: 2 * count) }
        // Records come in order of position: the first one stays; `LaterEnds` has the others.
        guard replaced[2 * index] == Self.never else { return false }
        replaced[2 * index] = byPosition
        replaced[2 * index + 1] = knownTime
        return true
    }

    /// Takes the second half away, as a block of its own.
    mutating func split(_ stride: Int) -> FactBlock {
        let middle = count(stride) / 2
        let rest = FactBlock(
            words: Array(words[(middle * stride)...]),
            replaced: replaced.isEmpty ? [] : Array(replaced[(2 * middle)...]))
        words.removeSubrange((middle * stride)...)
        if !replaced.isEmpty { replaced.removeSubrange((2 * middle)...) }
        return rest
    }

    /// Memory of its arrays, in bytes.
    var byteCount: Int {
        (words.capacity > 0 ? words.capacity * 8 + 32 : 0)
            + (replaced.capacity > 0 ? replaced.capacity * 8 + 32 : 0)
    }
}
