import VarveBytes

/// Some facts of one entity, neighbours in the order of (event time, position): in memory, on a
/// page, or both.
struct FactBlock: Sendable {
    /// Facts as `FactLayout` has them; empty when only the page has them.
    private var words: [UInt64] = []
    /// For each fact the position and the known time from which on it no longer counts; empty
    /// while none was ever replaced.
    private var replaced: [Int64] = []
    /// A copy of all that; nil when there is none, or the facts have changed since.
    private var page: PagedFacts?

    /// A replaced time of facts that stand.
    static let never = Int64.max

    init() {}

    init(words: [UInt64], replaced: [Int64]) {
        self.words = words
        self.replaced = replaced
    }

    var isEmpty: Bool { words.isEmpty && page == nil }

    /// Whether only the page has the facts.
    @inline(__always)
    var isPagedOut: Bool { page != nil && words.isEmpty }

    /// Whether any fact was replaced.
    var hasReplaced: Bool { isPagedOut ? page?.hasReplaced ?? false : !replaced.isEmpty }

    /// Where its facts are.
    @inline(__always)
    var hint: MemoryHint { words.hint(0) }

    /// A word at the end, where the next fact will be.
    @inline(__always)
    var newestWord: Int64 {
        let words = words.span
        return words.isEmpty ? 0 : words.integer(words.count - 1)
    }

    /// Words of all facts.
    var wordCount: Int { isPagedOut ? page?.wordCount ?? 0 : words.count }

    func count(_ stride: Int) -> Int { wordCount / stride }

    /// Runs `body` with facts and replaced times; those that are on a page only are read for it.
    @inline(__always)
    func withFacts<Result>(
        _ body: (borrowing Span<UInt64>, borrowing Span<Int64>) -> Result
    ) -> Result {
        if let page, words.isEmpty {
            let (words, replaced) = page.wantedFacts()
            return body(words.span, replaced.span)
        }
        return body(words.span, replaced.span)
    }

    /// Both as arrays, for whoever looks at all facts once.
    var facts: (words: [UInt64], replaced: [Int64]) {
        if let page, words.isEmpty { return page.facts() }
        return (words, replaced)
    }

    /// The first fact whose event time satisfies a condition that holds for all later ones.
    func firstIndex(_ stride: Int, where holds: (Int64) -> Bool) -> Int {
        withFacts { words, _ in words.firstFact(stride, where: holds) }
    }

    /// Event time and position of the last fact.
    func last(_ stride: Int) -> (eventTime: Int64, position: Int64) {
        let fact = words.count - stride
        let span = words.span
        return (
            span.integer(fact + FactLayout.eventTime), span.integer(fact + FactLayout.position)
        )
    }

    /// Memory of its arrays, in bytes.
    var byteCount: Int {
        (words.capacity > 0 ? words.capacity * 8 + 32 : 0)
            + (replaced.capacity > 0 ? replaced.capacity * 8 + 32 : 0)
            + (page == nil ? 0 : PagedFacts.byteCount)
    }

    var bytes: FactBytes {
        FactBytes(memory: byteCount, paged: isPagedOut ? page?.byteCount ?? 0 : 0)
    }
}

// MARK: - Changes, of facts in memory

extension FactBlock {
    /// Adds a fact behind all with the same event time or an earlier one.
    mutating func insert(_ fact: borrowing Span<UInt64>) {
        let stride = fact.count
        let time = fact.integer(FactLayout.eventTime)
        let index = words.span.firstFact(stride) { $0 > time }
        if page != nil { page = nil }
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

    /// Ends the fact at (event time, position) from a later record on.
    /// - Returns: whether that changed anything; nil when it is not here.
    mutating func replace(
        eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64, _ stride: Int
    ) -> Bool? {
        guard let index = index(eventTime: eventTime, position: position, stride) else {
            return nil
        }
        if replaced.isEmpty {
            replaced = Array(repeating: Self.never, count: 2 * count(stride))
        }
        // Records come in order of position: the first one stays; `LaterEnds` has the others.
        guard replaced[2 * index] == Self.never else { return false }
        page = nil
        replaced[2 * index] = byPosition
        replaced[2 * index + 1] = knownTime
        return true
    }

    /// Where a fact is; nil when it is not here.
    private func index(eventTime: Int64, position: Int64, _ stride: Int) -> Int? {
        let span = words.span
        let count = span.count / stride
        var (index, high) = (0, count)
        while index < high {
            let middle = (index + high) / 2
            let time = span.integer(middle * stride + FactLayout.eventTime)
            let isBefore =
                time < eventTime
                || (time == eventTime
                    && span.integer(middle * stride + FactLayout.position) < position)
            if isBefore { index = middle + 1 } else { high = middle }
        }
        guard index < count, span.integer(index * stride + FactLayout.eventTime) == eventTime,
            span.integer(index * stride + FactLayout.position) == position
        else { return nil }
        return index
    }

    /// Takes the second half away, as a block of its own.
    mutating func split(_ stride: Int) -> FactBlock {
        let middle = count(stride) / 2
        let rest = FactBlock(
            words: Array(words[(middle * stride)...]),
            replaced: replaced.isEmpty ? [] : Array(replaced[(2 * middle)...]))
        page = nil
        words.removeSubrange((middle * stride)...)
        if !replaced.isEmpty { replaced.removeSubrange((2 * middle)...) }
        return rest
    }
}

// MARK: - Paging

extension FactBlock {
    /// Memory that leaving it would free, bytes.
    var evictableBytes: Int {
        words.isEmpty ? 0 : byteCount - PagedFacts.byteCount
    }

    /// Whether it may leave memory without being written: its page is up to date.
    var hasPage: Bool { page != nil }

    /// Appends what its page is to hold.
    func write(to writer: inout ByteWriter) {
        writer.words(words.span)
        for time in replaced { writer.integer(time) }
    }

    /// Leaves memory; a page has its facts.
    /// - Parameter fresh: nil: the one it has.
    mutating func leave(to fresh: PagedFacts?) {
        if let fresh { page = fresh }
        precondition(page != nil, "facts that are on no page cannot leave memory")
        words = []
        replaced = []
    }

    /// Comes back into memory, if it left it.
    mutating func recall() {
        guard let page, words.isEmpty else { return }
        (words, replaced) = page.facts()
    }

    /// Whether it was wanted while it was out of memory, and nobody took note of that since.
    var isWanted: Bool { page?.isWanted ?? false }

    /// The same; it is noted.
    func takeWanted() -> Bool { page?.takeWanted() ?? false }
}

extension Span<UInt64> {
    /// The first of some facts in order whose event time satisfies a condition that holds for all
    /// later ones.
    @inline(__always)
    func firstFact(_ stride: Int, where holds: (Int64) -> Bool) -> Int {
        let count = count / stride
        // Facts arrive nearly in order: the end is looked at first.
        guard count > 0, holds(integer((count - 1) * stride)) else { return count }
        var (low, high) = (0, count - 1)
        while low < high {
            let middle = (low + high) / 2
            if holds(integer(middle * stride)) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
