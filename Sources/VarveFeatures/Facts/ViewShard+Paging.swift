import VarveBytes

extension ViewShard {
    /// What of a shard's facts is where.
    struct Paging: Sendable {
        let pages: ShardPages
        /// For each entity whether it was written or read since the hand came by.
        var marks: [Bool]
        /// The block that is looked at next when memory is short.
        var hand = (entity: 0, block: 0)
    }

    /// What became of an attempt to free memory.
    public struct Eviction: Sendable {
        /// Bytes freed.
        public var bytes = 0
        /// How often the hand came by the first entity.
        public var rounds = 0
    }

    /// Reads as `read` does, and keeps in memory what is likely to be read again.
    public mutating func answer(
        _ plan: ViewPlan, _ key: RawSpan?, _ hash: UInt64, _ features: borrowing Span<Int>,
        _ visibility: Visibility, _ later: LaterEnds.Reference?,
        into values: inout [FeatureValue]
    ) {
        guard let pages = paging?.pages, let key, let number = find(key, hash) else {
            return read(plan, key, hash, features, visibility, later, into: &values)
        }
        paging?.marks[number] = true
        if entities[number].facts.open.isPagedOut {
            entities[number].facts.recallOpen(&factBytes)
        }
        let before = pages.wantCount
        read(plan, key, hash, features, visibility, later, into: &values)
        if pages.wantCount == before { return }
        entities[number].facts.recallWanted(&factBytes, atMost: Self.wantedBlocks)
    }

    /// Closed blocks that one read may bring back: the edges of some windows.
    private static let wantedBlocks = 16
    /// Facts that take less stay: their page's place would take as much.
    private static let smallestPage = 256
    /// Blocks that are looked at in one call.
    private static let blocksAtOnce = 8192

    /// Moves facts out of memory until some bytes are free or many blocks were looked at. A hand
    /// goes from entity to entity (the clock algorithm): closed blocks go, whose tiles stay and
    /// nearly always say enough, unless they were brought back since it last came by; an entity's
    /// newest facts go when it was neither written nor read since.
    /// - Throws: when the pages could not be written; all facts are where they were.
    public mutating func evict(_ wanted: Int, to pages: any FactPages) throws -> Eviction {
        var eviction = Eviction()
        guard !entities.isEmpty else {
            eviction.rounds = 1
            return eviction
        }
        var paging =
            self.paging
            ?? Paging(
                pages: ShardPages(pages), marks: Array(repeating: false, count: entities.count))
        // One reference, so that marks are not copied.
        self.paging = nil
        defer { self.paging = paging }
        let leaving = choose(wanted, &paging, &eviction)
        var writer = ByteWriter()
        var ends: [Int] = []
        for place in leaving where !block(place).hasPage {
            block(place).write(to: &writer)
            ends.append(writer.count)
        }
        var written = (ends.isEmpty ? [] : try pages.write(writer.bytes, ends: ends))[...]
        let before = factBytes.memory
        for place in leaving {
            var page: PagedFacts?
            if !block(place).hasPage, let fresh = written.popFirst() {
                page = PagedFacts(fresh, in: paging.pages, wordCount: block(place).wordCount)
            }
            entities[place.entity].facts.evict(place.block, to: page, &factBytes)
        }
        eviction.bytes = before - factBytes.memory
        return eviction
    }

    private func block(_ place: (entity: Int, block: Int)) -> FactBlock {
        entities[place.entity].facts.block(place.block)
    }

    private func choose(
        _ wanted: Int, _ paging: inout Paging, _ eviction: inout Eviction
    ) -> [(entity: Int, block: Int)] {
        var leaving: [(entity: Int, block: Int)] = []
        var found = 0
        var looked = 0
        let entities = entities.span
        while found < wanted, looked < Self.blocksAtOnce {
            if paging.hand.entity >= entities.count {
                paging.hand = (0, 0)
                eviction.rounds += 1
                // One that holds all there is does not look at it twice.
                if looked > 0 { break }
            }
            let place = paging.hand
            let isOpen = place.block >= entities[place.entity].facts.closed.count
            let (bytes, isSpared) = entities[place.entity].facts.evictableBytes(place.block)
            if bytes >= Self.smallestPage, !isSpared, !(isOpen && paging.marks[place.entity]) {
                found += bytes
                leaving.append(place)
            }
            if isOpen {
                paging.marks[place.entity] = false
                paging.hand = (place.entity + 1, 0)
            } else {
                paging.hand.block += 1
            }
            looked += 1
        }
        return leaving
    }
}
