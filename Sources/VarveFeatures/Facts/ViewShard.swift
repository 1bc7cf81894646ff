import VarveBytes

/// The facts of some of a view's entities: those whose key's hash leads here. A value type, which
/// the online store keeps behind one lock each.
public struct ViewShard: Sendable {
    /// What a read needs of one entity, and no more: many of them pass through the caches. Its key
    /// lies in `keyBytes`.
    struct Entity: Sendable {
        let keyStart: UInt32
        let keyEnd: UInt32
        var facts: EntityFacts
    }

    /// What else is known of it.
    struct Origin: Sendable {
        /// Of its key.
        let hash: UInt64
        /// Of its first fact: what makes an order of entities that no shard or thread decides.
        let firstPosition: Int64
    }

    var entities: [Entity] = []
    /// In the order of `entities`.
    private(set) var origins: [Origin] = []
    private var keyBytes: [UInt8] = []
    /// Open addressing: the upper half of a hash, which nearly always tells whether it is the one
    /// that is looked for, over an entity's number plus one; 0 is free.
    private var slots: [UInt64] = []
    private(set) var texts = TextTable()
    /// Facts of all entities.
    public private(set) var factCount = 0
    /// What the entities' facts take.
    var factBytes = FactBytes()
    /// What of them is where; nil while none ever left memory.
    var paging: Paging?
    /// One fact whose texts are being numbered; reused.
    private var scratch: [UInt64] = []
    /// The entities of facts that are being inserted; -1: not seen yet.
    private var found: [Int32] = []
    /// Nothing but a reason to touch memory.
    private var touched: Int64 = 0

    public init() {}

    /// Entities with at least one fact.
    public var keyCount: Int { entities.count }

    /// Memory, in bytes, as well as it can be told: capacities of all arrays.
    public var byteCount: Int {
        entities.capacity * MemoryLayout<Entity>.stride
            + origins.capacity * MemoryLayout<Origin>.stride + keyBytes.capacity
            + slots.capacity * 8
            + texts.byteCount + factBytes.memory
            + (paging?.marks.capacity ?? 0)
    }

    /// Facts that are on disk only, in bytes.
    public var pagedByteCount: Int { factBytes.paged }

    /// Whether facts ever left memory.
    @inline(__always)
    public var hasPages: Bool { paging != nil }

    /// Memory of the entities' facts, in bytes.
    public var factByteCount: Int { factBytes.memory }

    /// The shard of a hash among 2^`bits`.
    public static func index(_ hash: UInt64, bits: Int) -> Int {
        // The top bits: the low ones choose the slot within the shard.
        bits == 0 ? 0 : Int(truncatingIfNeeded: hash >> UInt64(64 - bits))
    }

    /// Adds one of some facts that were made ready.
    /// - Parameter known: its entity's number, if that is known.
    /// - Returns: the entity's number.
    @discardableResult
    public mutating func insert(
        _ facts: borrowing PreparedFacts, _ index: Int, _ plan: ViewPlan, known: Int? = nil
    ) -> Int {
        let layout = plan.layout
        let start = index * layout.stride
        let words = facts.words.span.extracting(start..<start + layout.stride)
        let number =
            known
            ?? entity(
                of: facts.key(index), facts.hashes[index],
                firstPosition: words.integer(FactLayout.position))
        if layout.textWords.isEmpty {
            insert(words, number, layout)
        } else {
            // The numbers of texts are the shard's own.
            var fact: [UInt64] = []
            swap(&fact, &scratch)
            defer { swap(&fact, &scratch) }
            fact.removeAll(keepingCapacity: true)
            fact.append(copying: words)
            for (text, word) in layout.textWords.enumerated() {
                fact[word] = texts.number(
                    of: facts.text(index * layout.textWords.count + text))
            }
            insert(fact.span, number, layout)
        }
        return number
    }

    /// Adds those of some sorted facts that are this shard's.
    ///
    /// Entities lie scattered in memory: all are looked up, and their facts' ends touched, before
    /// the first one changes, so that the processor waits for many of them at once instead of for
    /// one after the other.
    /// - Parameters:
    ///   - shard: its number.
    ///   - range: which of its facts, in order of position.
    public mutating func insert(
        _ facts: borrowing PreparedFacts, ofShard shard: Int, _ range: Range<Int>, _ plan: ViewPlan
    ) {
        let order = facts.order.span
        let start = facts.starts[shard]
        found.removeAll(keepingCapacity: true)
        for place in range {
            let index = Int(order[start + place])
            found.append(
                Int32(truncatingIfNeeded: find(facts.key(index), facts.hashes[index]) ?? -1))
        }
        touched = newestWords()
        for place in range {
            let known = Int(found[place - range.lowerBound])
            insert(facts, Int(order[start + place]), plan, known: known >= 0 ? known : nil)
        }
    }

    private func newestWords() -> Int64 {
        let entities = entities.span
        var sum: Int64 = 0
        for number in found where number >= 0 { sum &+= entities[Int(number)].facts.newestWord }
        return sum
    }

    private mutating func insert(
        _ words: borrowing Span<UInt64>, _ number: Int, _ layout: FactLayout
    ) {
        paging?.marks[number] = true
        entities[number].facts.insert(words, layout, texts, &factBytes)
        factCount += 1
    }

    /// Ends a fact from a later record on.
    /// - Returns: whether that changed anything; nil when it is not here.
    mutating func replace(
        _ number: Int, eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64,
        _ plan: ViewPlan
    ) -> Bool? {
        let change = entities[number].facts.replace(
            eventTime: eventTime, position: position, byPosition: byPosition,
            knownTime: knownTime, plan.layout, texts, &factBytes)
        // Of facts that were lost, nothing is believed anyway.
        if change == nil, let paging, !paging.pages.areWhole { return false }
        return change
    }

    /// The number of an entity, new or known.
    private mutating func entity(of key: RawSpan, _ hash: UInt64, firstPosition: Int64) -> Int {
        if let known = find(key, hash) { return known }
        if (entities.count + 1) * 4 > slots.count * 3 { grow() }
        let start = keyBytes.count
        precondition(
            start + key.byteCount < Int(UInt32.max), "keys of more than 4 GiB in one shard")
        keyBytes.append(copying: key)
        entities.append(
            Entity(
                keyStart: UInt32(start), keyEnd: UInt32(keyBytes.count), facts: EntityFacts()))
        origins.append(Origin(hash: hash, firstPosition: firstPosition))
        paging?.marks.append(true)
        place(entities.count, hash)
        return entities.count - 1
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: max(16, slots.count * 2))
        for number in entities.indices { place(number + 1, origins[number].hash) }
    }

    private mutating func place(_ mark: Int, _ hash: UInt64) {
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = hash & Self.tagBits | UInt64(mark)
    }

    private static let tagBits: UInt64 = 0xFFFF_FFFF_0000_0000

    /// The number of an entity; nil when it was never seen.
    func find(_ key: RawSpan, _ hash: UInt64) -> Int? {
        let slots = slots.span
        if slots.isEmpty { return nil }
        let entities = entities.span
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) & Self.tagBits == 0 {
                let number = Int(slots[slot] & ~Self.tagBits) - 1
                let range = Int(entities[number].keyStart)..<Int(entities[number].keyEnd)
                if keyBytes.raw.extracting(range).equals(key) { return number }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// An entity's key.
    func key(_ number: Int) -> EntityKey {
        let entity = entities[number]
        return EntityKey(encoded: Array(keyBytes[Int(entity.keyStart)..<Int(entity.keyEnd)]))
    }
}

// MARK: - Reading

/// What is fetched beforehand for an entity that will be read, each from what the one before it has
/// brought: the slot of its hash, the entity, its key and facts. Each step is taken for many
/// entities, so that the processor waits for all of them at once.
public enum Foresight: CaseIterable, Sendable {
    case slot, entity, facts
}

extension ViewShard {
    /// Has what a read of an entity needs fetched. No answer depends on it.
    public func foresee(_ hash: UInt64, _ step: Foresight) {
        if slots.isEmpty { return }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        if step == .slot { return slots.hint(slot).prefetch() }
        let marks = slots.span
        while marks[slot] != 0, (marks[slot] ^ hash) & Self.tagBits != 0 {
            slot = (slot + 1) & (marks.count - 1)
        }
        guard marks[slot] != 0 else { return }
        let number = Int(marks[slot] & ~Self.tagBits) - 1
        if step == .entity {
            let entity = entities.hint(number)
            entity.prefetch()
            return entity.advanced(by: MemoryLayout<Entity>.size - 1).prefetch()
        }
        let found = entities.span
        let key = keyBytes.hint(Int(found[number].keyStart))
        // An address, before anything is called: no reference must be counted, which would wait for
        // the very memory that is to be fetched.
        let facts = found[number].facts.hint
        key.prefetch()
        // Four words before an array's first are its own.
        for line in 0..<3 { facts.advanced(by: 64 * line - 32).prefetch() }
    }

    /// Appends features of an entity.
    /// - Parameters:
    ///   - key: encoded as `EntityKey` is; nil when one of its fields is null.
    ///   - features: their places in the view; those of one argument and window are fastest one
    ///     after the other.
    ///   - later: `FactIDs.later`.
    /// - Complexity: no allocation, but for texts longer than 15 bytes.
    public func read(
        _ plan: ViewPlan, _ key: RawSpan?, _ hash: UInt64, _ features: borrowing Span<Int>,
        _ visibility: Visibility, _ later: LaterEnds.Reference?,
        into values: inout [FeatureValue]
    ) {
        guard let key else {
            for _ in 0..<features.count { values.append(FeatureValue(.nullKey)) }
            return
        }
        guard let number = find(key, hash) else {
            for index in 0..<features.count {
                values.append(plan.feature(features[index]).absent)
            }
            return
        }
        var evaluation = Evaluation(plan, visibility, later)
        let entities = entities.span
        if entities[number].facts.open.isPagedOut {
            // Once for all windows.
            return facts(number).answer(features, &evaluation, texts, into: &values)
        }
        entities[number].facts.answer(features, &evaluation, texts, into: &values)
    }

    /// A copy of an entity's facts, the newest of them in memory.
    func facts(_ number: Int) -> EntityFacts {
        var facts = entities[number].facts
        var bytes = FactBytes()
        facts.recallOpen(&bytes)
        return facts
    }

    /// Whether any fact of an entity is visible.
    public func holds(
        _ plan: ViewPlan, _ key: RawSpan, _ hash: UInt64, _ visibility: Visibility,
        _ later: LaterEnds.Reference?
    ) -> Bool {
        guard let number = find(key, hash) else { return false }
        let query = FactQuery(plan, visibility, later)
        let entities = entities.span
        return entities[number].facts.open.isPagedOut
            ? facts(number).isSeen(query) : entities[number].facts.isSeen(query)
    }
}

extension ViewPlan.Computed {
    /// What a feature says of an entity that was never seen.
    var absent: FeatureValue {
        ValueList.absent(function, byCategory: categoryLane != nil)
    }
}

// MARK: - Snapshots

extension ViewShard {
    /// Adds an entity as a snapshot has it.
    mutating func restore(
        key: RawSpan, words: [UInt64], replaced: [Int64], _ plan: ViewPlan
    ) -> Int {
        let layout = plan.layout
        let count = words.count / layout.stride
        var first = Int64.max
        for fact in 0..<count {
            first = min(first, words.span.integer(fact * layout.stride + FactLayout.position))
        }
        let number = entity(of: key, KeyHash.hash(key), firstPosition: first)
        entities[number].facts = EntityFacts(
            words: words, replaced: replaced, layout, texts)
        // Others may have been read meanwhile.
        paging?.marks[number] = false
        factCount += count
        factBytes += entities[number].facts.bytes
        return number
    }

    mutating func number(of text: String) -> UInt64 { texts.number(of: text) }

    /// A shard with one entity at most, all of whose facts are in memory.
    func narrowed(to key: RawSpan, _ hash: UInt64) -> ViewShard {
        var narrow = ViewShard()
        guard let number = find(key, hash) else { return narrow }
        narrow.texts = texts
        let entity = narrow.entity(
            of: key, hash, firstPosition: origins[number].firstPosition)
        narrow.entities[entity].facts = entities[number].facts
        narrow.entities[entity].facts.recall()
        return narrow
    }
}
