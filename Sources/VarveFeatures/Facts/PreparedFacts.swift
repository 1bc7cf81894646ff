public import VarveBytes

/// Records as one view will keep them, in order of position: all that can be computed without
/// looking at the view's state. Threads prepare different records at once; the facts are then put
/// into shards, each by one thread, in this order.
///
///     words   | fact | fact | ...     as `FactLayout` has them, but for the numbers of texts
///     keys    | key | key | ...       encoded as `EntityKey` is
///     texts   | of a fact: one for each of `FactLayout.textWords` | ...
public struct PreparedFacts: Sendable {
    /// A record that names a fact by its id: it ends the facts of that id before it, and comes
    /// with the next fact unless it is a retraction, or no fact of this view.
    public struct Naming: Sendable {
        public let id: Value
        public let position: Int64
        public let knownTime: Timestamp
        /// Facts that were prepared before the record.
        public let index: Int
        public internal(set) var hasFact: Bool
    }

    /// `EntityKey.hash` of each fact, which decides its shard.
    public private(set) var hashes: [UInt64] = []
    private(set) var words: [UInt64] = []
    private var keys: [UInt8] = []
    /// Where each key ends in `keys`.
    private var keyEnds: [Int] = []
    private var texts: [UInt8] = []
    /// Where each text ends in `texts`.
    private var textEnds: [Int] = []
    /// For streams with an `id`, every record, in order.
    public private(set) var namings: [Naming] = []
    /// After `sort`: the facts shard by shard, in order of position within each.
    private(set) var order: [UInt32] = []
    /// Where each shard begins in `order`, and where the last one ends.
    private(set) var starts: [Int] = []

    /// No facts.
    public init() {}

    /// Facts.
    public var count: Int { hashes.count }

    /// Whether nothing was prepared.
    public var isEmpty: Bool { hashes.isEmpty && namings.isEmpty }

    /// Forgets all facts, and keeps the memory.
    public mutating func removeAll() {
        hashes.removeAll(keepingCapacity: true)
        words.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
        keyEnds.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        textEnds.removeAll(keepingCapacity: true)
        namings.removeAll(keepingCapacity: true)
    }

    /// Puts the facts of each shard together, for those who take them in shard by shard.
    public mutating func sort(shardBits: Int) {
        let shards = 1 << shardBits
        starts.removeAll(keepingCapacity: true)
        for _ in 0...shards { starts.append(0) }
        for hash in hashes { starts[ViewShard.index(hash, bits: shardBits) + 1] += 1 }
        for shard in 0..<shards { starts[shard + 1] += starts[shard] }
        order.removeAll(keepingCapacity: true)
        for _ in 0..<hashes.count { order.append(0) }
        var next = starts
        for index in hashes.indices {
            let shard = ViewShard.index(hashes[index], bits: shardBits)
            order[next[shard]] = UInt32(truncatingIfNeeded: index)
            next[shard] += 1
        }
    }

    /// How many facts are for a shard, once sorted.
    public func count(ofShard shard: Int) -> Int { starts[shard + 1] - starts[shard] }

    /// The key of a fact.
    @_lifetime(borrow self)
    func key(_ index: Int) -> RawSpan {
        keys.raw.extracting((index == 0 ? 0 : keyEnds[index - 1])..<keyEnds[index])
    }

    /// A text, counting those of all facts.
    @_lifetime(borrow self)
    func text(_ index: Int) -> RawSpan {
        texts.raw.extracting((index == 0 ? 0 : textEnds[index - 1])..<textEnds[index])
    }

    /// Since when a fact is known, microseconds.
    public func knownTime(_ index: Int, _ plan: ViewPlan) -> Int64 {
        words.span.integer(index * plan.stride + FactLayout.knownTime)
    }

    /// Where a fact of an id was put.
    public func place(
        _ index: Int, shard: Int, entity: Int, _ plan: ViewPlan
    ) -> FactIDs.Place {
        let fact = index * plan.stride
        return FactIDs.Place(
            shard: shard, entity: entity,
            eventTime: words.span.integer(fact + FactLayout.eventTime),
            position: words.span.integer(fact + FactLayout.position))
    }

    /// Notes a record's id, before its fact is added.
    public mutating func name(_ id: Value, position: Int64, knownTime: Timestamp) {
        namings.append(
            Naming(
                id: id, position: position, knownTime: knownTime, index: count, hasFact: false))
    }

    /// Adds what a record says of the view: nothing when the filter leaves it out, or a field of
    /// its key is null.
    /// - Parameters:
    ///   - cells: the record's fields, read from `record`.
    ///   - values: the fields that expressions look at (`ViewPlan.expressionSlots`); others may be
    ///     anything.
    public mutating func add(
        _ plan: ViewPlan, _ cells: borrowing RecordCells, of record: RawSpan,
        values: borrowing [Value], eventTime: Timestamp, position: Int64, knownTime: Timestamp
    ) {
        if let filter = plan.filter, !filter.isTrue(values) { return }
        let steps = plan.steps
        let start = keys.count
        for slot in steps.keys {
            guard append(key: slot, cells, record) else {
                keys.removeLast(keys.count - start)
                return
            }
        }
        let fact = begin(plan, keyStart: start, eventTime, position, knownTime)
        let lanes = steps.lanes
        for number in lanes.indices {
            let step = lanes[number]
            if step.isFiltered, !plan.isTrue(number, values) {
                if step.type == .string { textEnds.append(texts.count) }
                continue
            }
            guard step.slot >= 0 else {
                set(step, fact, number, step.isExpression ? plan.value(number, values) : nil)
                continue
            }
            if step.type == .string {
                if let text = cells.text(step.slot, of: record) {
                    texts.append(copying: text)
                    setState(.present, fact, number)
                } else {
                    setState(.null, fact, number)
                }
                textEnds.append(texts.count)
            } else if let word = cells.word(step.slot) {
                words[fact + step.word] = word
                setState(.present, fact, number)
            } else {
                setState(.null, fact, number)
            }
        }
    }

    /// The same for a record whose fields are values.
    public mutating func add(
        _ plan: ViewPlan, _ values: borrowing [Value], eventTime: Timestamp, position: Int64,
        knownTime: Timestamp
    ) {
        if let filter = plan.filter, !filter.isTrue(values) { return }
        let steps = plan.steps
        let start = keys.count
        var key = ByteWriter()
        swap(&key.bytes, &keys)
        var isWhole = true
        for slot in steps.keys where isWhole { isWhole = key.keyValue(values[slot.slot]) }
        swap(&key.bytes, &keys)
        guard isWhole else {
            keys.removeLast(keys.count - start)
            return
        }
        let fact = begin(plan, keyStart: start, eventTime, position, knownTime)
        for number in steps.lanes.indices {
            let step = steps.lanes[number]
            if step.isFiltered, !plan.isTrue(number, values) {
                if step.type == .string { textEnds.append(texts.count) }
                continue
            }
            let value: Value? =
                step.slot >= 0
                ? values[step.slot] : step.isExpression ? plan.value(number, values) : nil
            set(step, fact, number, value)
        }
    }

    /// Encodes a field of the key as `ByteWriter.keyValue` does; false when it is null.
    private mutating func append(
        key field: ViewPlan.KeyStep, _ cells: borrowing RecordCells, _ record: RawSpan
    ) -> Bool {
        if field.type == .string {
            guard let text = cells.text(field.slot, of: record) else { return false }
            let count = UInt64(truncatingIfNeeded: text.byteCount)
            keys.append(littleEndian: UInt64(field.tag) | count << 8, bytes: 5)
            keys.append(copying: text)
            return true
        }
        guard var word = cells.word(field.slot) else { return false }
        // -0 and +0 are one key, as they are one number.
        if field.type == .float64, word == 1 << 63 { word = 0 }
        keys.append(field.tag)
        keys.append(littleEndian: word, bytes: field.type == .bool ? 1 : 8)
        return true
    }

    /// Adds a fact that has nothing in its lanes yet; answers where its words begin.
    private mutating func begin(
        _ plan: ViewPlan, keyStart: Int, _ eventTime: Timestamp, _ position: Int64,
        _ knownTime: Timestamp
    ) -> Int {
        if !namings.isEmpty, namings[namings.count - 1].position == position {
            namings[namings.count - 1].hasFact = true
        }
        keyEnds.append(keys.count)
        hashes.append(KeyHash.hash(keys.raw.extracting(keyStart..<keys.count)))
        let fact = words.count
        let stride = plan.stride
        words.append(addingCapacity: stride) { words in
            words.append(UInt64(bitPattern: eventTime.microseconds))
            words.append(UInt64(bitPattern: position))
            words.append(UInt64(bitPattern: knownTime.microseconds))
            for _ in FactLayout.states..<stride { words.append(0) }
        }
        return fact
    }

    /// - Parameter value: nil for `*`, which is true wherever it is present.
    private mutating func set(
        _ step: ViewPlan.LaneStep, _ fact: Int, _ lane: Int, _ value: Value?
    ) {
        guard let value else { return setState(.present, fact, lane) }
        let word: UInt64
        switch (step.type, value) {
        case (.float64, .float64(let value)): word = value.bitPattern
        case (.int64, .int64(let value)): word = UInt64(bitPattern: value)
        case (.bool, .bool(let value)): word = value ? 1 : 0
        case (.timestamp, .timestamp(let value)): word = UInt64(bitPattern: value.microseconds)
        case (.string, .string(let value)):
            texts.append(contentsOf: value.utf8)
            textEnds.append(texts.count)
            return setState(.present, fact, lane)
        default:
            if step.type == .string { textEnds.append(texts.count) }
            return setState(.null, fact, lane)
        }
        words[fact + step.word] = word
        setState(.present, fact, lane)
    }

    @inline(__always)
    private mutating func setState(_ state: FactState, _ fact: Int, _ lane: Int) {
        words[fact + FactLayout.states + lane >> 5] |=
            state.rawValue &<< UInt64(truncatingIfNeeded: (lane & 31) * 2)
    }
}

extension ByteWriter {
    /// Writes a field of an entity's key; false when it is null, as null never matches anything.
    mutating func keyValue(_ value: Value) -> Bool {
        if value.isNull { return false }
        // -0 and +0 are one key, as they are one number.
        if case .float64(0) = value { self.value(.float64(0)) } else { self.value(value) }
        return true
    }
}
