import VarveBytes

/// The facts of one entity in one view, in order of (event time, position).
///
///     closed:  [ block | tile ] [ block | tile ] ...      open: [ newest facts ]
///     groups:  [    tile of 16 blocks    ] ...
///
/// Most entities have few facts, all of them in the open block. Where there are many, an answer
/// merges the tiles of whole groups and blocks and looks at single facts only at the edges of its
/// window: a million facts take some microseconds.
///
/// A fact that a later record amends or retracts stays, with the position and known time of that
/// record: answers of before must stay reproducible.
struct EntityFacts: Sendable {
    /// The newest facts by (event time, position).
    private(set) var open = FactBlock()
    /// Blocks of facts before those, with what they come to.
    private(set) var closed: [ClosedBlock] = []
    /// What every `groupSize` closed blocks come to.
    private(set) var groups: [FactTile] = []

    /// Facts with which the open block is closed.
    static let blockSize = 512
    /// Closed blocks in a group.
    static let groupSize = 16

    init() {}

    /// Takes an entity's facts as a snapshot has them.
    init(words: [UInt64], replaced: [Int64], _ layout: FactLayout, _ texts: borrowing TextTable) {
        let stride = layout.stride
        let count = words.count / stride
        if count < Self.blockSize {
            open = FactBlock(words: words, replaced: replaced)
            return
        }
        for start in Swift.stride(from: 0, to: count, by: Self.blockSize) {
            let end = min(start + Self.blockSize, count)
            let block = FactBlock(
                words: Array(words[(start * stride)..<(end * stride)]),
                replaced: replaced.isEmpty ? [] : Array(replaced[(2 * start)..<(2 * end)]))
            if end - start < Self.blockSize {
                open = block
            } else {
                closed.append(ClosedBlock(block, layout, texts))
            }
        }
        regroup(from: 0, layout, texts)
    }

    /// A word at the end, where the next fact will be.
    @inline(__always)
    var newestWord: Int64 { open.newestWord }

    /// Where the facts of the open block are, which nearly always are all of them.
    @inline(__always)
    var hint: MemoryHint { open.hint }

    /// Facts, those that were replaced included.
    func count(_ stride: Int) -> Int {
        closed.reduce(open.count(stride)) { $0 + $1.block.count(stride) }
    }

    /// What it takes beside the structure itself.
    var bytes: FactBytes {
        var bytes = open.bytes
        for block in closed { bytes += block.bytes }
        return bytes
    }

    /// Adds a fact.
    /// - Parameter bytes: of which it keeps account.
    mutating func insert(
        _ fact: borrowing Span<UInt64>, _ layout: FactLayout, _ texts: borrowing TextTable,
        _ bytes: inout FactBytes
    ) {
        let time = fact.integer(FactLayout.eventTime)
        guard !closed.isEmpty, time < closed.span[closed.count - 1].lastTime else {
            if open.isPagedOut { recallOpen(&bytes) }
            bytes.memory -= open.byteCount
            open.insert(fact)
            bytes.memory += open.byteCount
            if open.wordCount < Self.blockSize * layout.stride { return }
            close(layout, texts)
            bytes.memory += closed[closed.count - 1].tileByteCount
            return
        }
        // Records come in order of position: among equal event times the new one is the last.
        let number = firstClosed { $0 > time }
        let before = closed[number].bytes
        closed[number].insert(fact, layout, texts)
        groups[number / Self.groupSize].insert(fact, layout, texts)
        if closed[number].block.count(layout.stride) >= 2 * Self.blockSize {
            let rest = closed[number].split(layout, texts)
            bytes += rest.bytes
            closed.insert(rest, at: number + 1)
            regroup(from: number / Self.groupSize, layout, texts)
        }
        bytes += closed[number].bytes - before
    }

    private mutating func close(_ layout: FactLayout, _ texts: borrowing TextTable) {
        closed.append(ClosedBlock(open, layout, texts))
        open = FactBlock()
        let number = closed.count - 1
        if number % Self.groupSize == 0 { groups.append(FactTile(layout)) }
        groups[number / Self.groupSize].merge(closed[number].tile, layout, texts)
    }

    /// Makes the groups from one on anew.
    private mutating func regroup(
        from first: Int, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        groups.removeSubrange(first...)
        for start in stride(from: first * Self.groupSize, to: closed.count, by: Self.groupSize) {
            var tile = FactTile(layout)
            for number in start..<min(start + Self.groupSize, closed.count) {
                tile.merge(closed[number].tile, layout, texts)
            }
            groups.append(tile)
        }
    }

    /// Ends the fact at (event time, position) from a later record on.
    /// - Parameter bytes: of which it keeps account.
    /// - Returns: whether that changed anything; nil when it is not here.
    mutating func replace(
        eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64,
        _ layout: FactLayout, _ texts: borrowing TextTable, _ bytes: inout FactBytes
    ) -> Bool? {
        // Facts of one event time may lie in several blocks, in order of position.
        var (number, high) = (0, closed.count)
        while number < high {
            let middle = (number + high) / 2
            let blocks = closed.span
            if (blocks[middle].lastTime, blocks[middle].lastPosition) < (eventTime, position) {
                number = middle + 1
            } else {
                high = middle
            }
        }
        guard number < closed.count else {
            let before = open.bytes
            defer { bytes += open.bytes - before }
            open.recall()
            return open.replace(
                eventTime: eventTime, position: position, byPosition: byPosition,
                knownTime: knownTime, layout.stride)
        }
        let before = closed[number].bytes
        defer { bytes += closed[number].bytes - before }
        let change = closed[number].replace(
            eventTime: eventTime, position: position, byPosition: byPosition,
            knownTime: knownTime, layout, texts)
        if change == true { regroup(number / Self.groupSize, layout, texts) }
        return change
    }

    private mutating func regroup(
        _ group: Int, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        var tile = FactTile(layout)
        let start = group * Self.groupSize
        for number in start..<min(start + Self.groupSize, closed.count) {
            tile.merge(closed[number].tile, layout, texts)
        }
        groups[group] = tile
    }

    /// The first closed block whose last event time satisfies a condition that holds for all later
    /// ones.
    func firstClosed(where holds: (Int64) -> Bool) -> Int {
        var (low, high) = (0, closed.count)
        let blocks = closed.span
        while low < high {
            let middle = (low + high) / 2
            if holds(blocks[middle].lastTime) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// All facts, one after the other, and their replaced times, if any was.
    func content(_ stride: Int) -> (words: [UInt64], replaced: [Int64]) {
        if closed.isEmpty { return open.facts }
        var content: (words: [UInt64], replaced: [Int64]) = ([], [])
        content.words.reserveCapacity(count(stride) * stride)
        var hasReplaced = false
        forEachBlock { if $0.hasReplaced { hasReplaced = true } }
        forEachBlock { block in
            let facts = block.facts
            content.words.append(copying: facts.words.span)
            guard hasReplaced else { return }
            content.replaced += facts.replaced.isEmpty
                ? Array(repeating: FactBlock.never, count: 2 * facts.words.count / stride)
                : facts.replaced
        }
        return content
    }

    /// The facts block by block, in order.
    func forEachBlock(_ body: (borrowing FactBlock) -> Void) {
        for number in closed.indices { body(closed[number].block) }
        if !open.isEmpty { body(open) }
    }
}

// MARK: - Paging

extension EntityFacts {
    /// Has the facts of the open block back in memory.
    mutating func recallOpen(_ bytes: inout FactBytes) {
        let before = open.bytes
        open.recall()
        bytes += open.bytes - before
    }

    /// Takes those closed blocks back that readers wanted, unless they were many: a walk over all
    /// facts shall not push others out.
    mutating func recallWanted(_ bytes: inout FactBytes, atMost limit: Int) {
        let wanted = closed.indices.filter {
            closed[$0].block.isPagedOut && closed[$0].block.isWanted
        }
        for number in wanted {
            if wanted.count > limit {
                _ = closed[number].block.takeWanted()
                continue
            }
            let before = closed[number].bytes
            closed[number].recall()
            bytes += closed[number].bytes - before
        }
    }

    /// Has all facts back in memory.
    mutating func recall() {
        var bytes = FactBytes()
        recallOpen(&bytes)
        for number in closed.indices { closed[number].recall() }
    }

    /// Memory that a block would free by leaving it, the open one being the last, and whether it is
    /// spared once since readers wanted it.
    func evictableBytes(_ number: Int) -> (bytes: Int, isSpared: Bool) {
        if number >= closed.count { return (open.evictableBytes, false) }
        let blocks = closed.span
        let bytes = blocks[number].block.evictableBytes
        return (bytes, bytes > 0 && blocks[number].block.takeWanted())
    }

    /// A block, the open one being the last.
    func block(_ number: Int) -> FactBlock {
        number < closed.count ? closed[number].block : open
    }

    /// Has a block leave memory.
    /// - Parameter page: see `FactBlock.leave`.
    mutating func evict(_ number: Int, to page: PagedFacts?, _ bytes: inout FactBytes) {
        guard number < closed.count else {
            let before = open.bytes
            open.leave(to: page)
            bytes += open.bytes - before
            return
        }
        let before = closed[number].bytes
        closed[number].leave(to: page)
        bytes += closed[number].bytes - before
    }
}
