/// A block behind which newer facts lie, with what its facts come to.
struct ClosedBlock: Sendable {
    private(set) var block: FactBlock
    private(set) var tile: FactTile
    /// Event time and position of its last fact.
    private(set) var lastTime: Int64
    private(set) var lastPosition: Int64

    /// - Parameter block: in memory, as it is for whatever changes it.
    init(_ block: FactBlock, _ layout: FactLayout, _ texts: borrowing TextTable) {
        self.block = block
        tile = FactTile(layout)
        tile.add(block, layout, texts)
        (lastTime, lastPosition) = block.last(layout.stride)
    }

    var bytes: FactBytes {
        var bytes = block.bytes
        bytes.memory += tileByteCount
        return bytes
    }

    /// Memory of all but the facts. The few groups of blocks are not counted.
    var tileByteCount: Int { tile.byteCount + MemoryLayout<ClosedBlock>.stride }

    /// Adds a fact that does not become the last.
    mutating func insert(
        _ fact: borrowing Span<UInt64>, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        block.recall()
        block.insert(fact)
        tile.insert(fact, layout, texts)
    }

    mutating func replace(
        eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64,
        _ layout: FactLayout, _ texts: borrowing TextTable
    ) -> Bool? {
        block.recall()
        let change = block.replace(
            eventTime: eventTime, position: position, byPosition: byPosition,
            knownTime: knownTime, layout.stride)
        guard change == true else { return change }
        // Extremes cannot be taken back.
        tile = FactTile(layout)
        tile.add(block, layout, texts)
        return true
    }

    mutating func split(_ layout: FactLayout, _ texts: borrowing TextTable) -> ClosedBlock {
        block.recall()
        let rest = ClosedBlock(block.split(layout.stride), layout, texts)
        self = ClosedBlock(block, layout, texts)
        return rest
    }

    /// See `FactBlock`.
    mutating func recall() { block.recall() }

    /// See `FactBlock`.
    mutating func leave(to page: PagedFacts?) { block.leave(to: page) }
}

/// What neighbouring facts come to in every lane, for whoever sees all of them as they stand.
struct FactTile: Sendable {
    private(set) var lanes: [LaneTile]
    /// No fact was added or replaced at a position, or became known, after these.
    private(set) var lastPosition = Int64.min
    private(set) var lastKnownTime = Int64.min

    init(_ layout: FactLayout) {
        lanes = Array(repeating: LaneTile(), count: layout.lanes.count)
    }

    var byteCount: Int { lanes.count * MemoryLayout<LaneTile>.stride + 32 }

    /// Takes in a fact that stands.
    mutating func insert(
        _ fact: borrowing Span<UInt64>, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        add(fact, 0, layout, texts)
    }

    private mutating func add(
        _ words: borrowing Span<UInt64>, _ fact: Int, _ layout: FactLayout,
        _ texts: borrowing TextTable
    ) {
        note(
            position: words.integer(fact + FactLayout.position),
            knownTime: words.integer(fact + FactLayout.knownTime))
        for lane in layout.lanes.indices {
            switch words.state(fact, lane) {
            case FactState.present.rawValue:
                let word = layout.lanes[lane].word.map { words[fact + $0] } ?? 1
                lanes[lane].add(word, layout.lanes[lane], texts)
            case FactState.null.rawValue: lanes[lane].addNull()
            default: break
            }
        }
    }

    private mutating func note(position: Int64, knownTime: Int64) {
        lastPosition = max(lastPosition, position)
        lastKnownTime = max(lastKnownTime, knownTime)
    }

    /// Takes in a block's facts that stand.
    mutating func add(
        _ block: borrowing FactBlock, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        block.withFacts { words, replaced in
            for index in 0..<words.count / layout.stride {
                let fact = index * layout.stride
                guard replaced.isEmpty || replaced[2 * index] == FactBlock.never else {
                    note(
                        position: words.integer(fact + FactLayout.position),
                        knownTime: words.integer(fact + FactLayout.knownTime))
                    note(position: replaced[2 * index], knownTime: replaced[2 * index + 1])
                    continue
                }
                add(words, fact, layout, texts)
            }
        }
    }

    mutating func merge(
        _ other: borrowing FactTile, _ layout: FactLayout, _ texts: borrowing TextTable
    ) {
        note(position: other.lastPosition, knownTime: other.lastKnownTime)
        for lane in layout.lanes.indices {
            lanes[lane].merge(other.lanes[lane], layout.lanes[lane], texts)
        }
    }
}
