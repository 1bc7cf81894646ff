public import VarveBytes

/// A view in a snapshot, in items (little-endian):
///
///     u32 entities, in order of first appearance, each an item:
///         u32 length, key | u32 texts that no entity before has, each a tagged value
///         u32 facts | u8 whether any was replaced
///         facts as `FactLayout` has them, texts by their numbers in the snapshot, from 1 |
///         replaced times
///     u32 ids, in order of their first facts' positions, each an item:
///         tagged value | u32 facts, each u32 entity, i64 event time, i64 position |
///         i64 known time of its newest record | u32 `LaterEnds`, each i64 position, i64 known time
extension ViewState {
    /// Writes the state for a snapshot: equal states have equal bytes, whatever their shards, and
    /// wherever their facts are.
    public func write<Failure>(to pieces: inout PieceWriter<Failure>) throws(Failure) {
        let order = order()
        try pieces.item { $0.integer(UInt32(order.count)) }
        var numbers = shards.map { Array(repeating: UInt32(0), count: $0.keyCount) }
        var texts = SnapshotTexts(self)
        let layout = plan.layout
        for (global, place) in order.enumerated() {
            numbers[place.shard][place.number] = UInt32(global)
            let shard = shards[place.shard]
            let key = shard.key(place.number).bytes
            var (words, replaced) = shard.entities[place.number].facts.content(layout.stride)
            let fresh = texts.number(&words, layout, shard.texts, ofShard: place.shard)
            try pieces.item { writer in
                writer.integer(UInt32(key.count))
                writer.raw(key)
                writer.integer(UInt32(fresh.count))
                for text in fresh { writer.value(.string(text)) }
                writer.integer(UInt32(words.count / layout.stride))
                writer.integer(UInt8(replaced.isEmpty ? 0 : 1))
                writer.words(words.span)
                for time in replaced { writer.integer(time) }
            }
        }
        try ids.write(to: &pieces) { numbers[$0][$1] }
    }

    /// The digest of what `write` writes: equal states have equal ones.
    public var digest: Digest {
        var hash = SHA256()
        var pieces = PieceWriter { (piece: RawSpan) throws(Never) in hash.update(piece) }
        write(to: &pieces)
        pieces.finish()
        return hash.finalized()
    }

    /// Reads what `write` wrote under the same plan.
    /// - Parameter progress: called after each entity with its number of facts: some may have to
    ///   leave memory.
    public init(
        _ plan: ViewPlan, shardBits: Int = 0, reading pieces: inout PieceReader,
        progress: (inout ViewState, Int) -> Void = { _, _ in }
    ) throws {
        self.init(plan, shardBits: shardBits)
        var texts: [String] = [""]
        let count = try pieces.count()
        var places: [(shard: Int, number: Int)] = []
        for _ in 0..<count {
            let restored = try pieces.item { reader throws(ByteError) in
                try restoreEntity(&reader, &texts)
            }
            places.append((restored.shard, restored.number))
            progress(&self, restored.facts)
        }
        let found = places
        ids = try FactIDs(reading: &pieces) { found.indices.contains($0) ? found[$0] : nil }
    }

    private mutating func restoreEntity(_ reader: inout ByteReader, _ texts: inout [String])
        throws(ByteError) -> (shard: Int, number: Int, facts: Int)
    {
        let layout = plan.layout
        let length = try reader.checked(
            Int64(try reader.integer(UInt32.self)), atMost: reader.remaining)
        let key = try reader.take(length).copied()
        for _ in 0..<(try reader.integer(UInt32.self)) {
            guard case .string(let text) = try reader.value() else {
                throw .invalidUTF8(at: reader.offset)
            }
            texts.append(text)
        }
        let shard = ViewShard.index(KeyHash.hash(key.raw), bits: shards.count.trailingZeroBitCount)
        let count = try reader.checked(
            Int64(try reader.integer(UInt32.self)), atMost: reader.remaining / 24)
        let isReplaced = try reader.checked(Int64(try reader.integer(UInt8.self)), atMost: 1) == 1
        var words = try reader.words(count * layout.stride)
        let replaced = isReplaced
            ? try reader.words(2 * count).map { Int64(bitPattern: $0) } : []
        if !layout.textWords.isEmpty {
            for fact in Swift.stride(from: 0, to: words.count, by: layout.stride) {
                for word in layout.textWords where words[fact + word] != 0 {
                    guard words[fact + word] < UInt64(texts.count) else {
                        throw .invalidUTF8(at: reader.offset)
                    }
                    words[fact + word] = shards[shard].number(of: texts[Int(words[fact + word])])
                }
            }
        }
        let number = shards[shard].restore(key: key.raw, words: words, replaced: replaced, plan)
        return (shard, number, count)
    }
}

/// The numbers that texts get in a snapshot, in order of first use; each shard has its own.
private struct SnapshotTexts {
    /// By shard and number there; 0: none yet.
    private var numbers: [[UInt64]]
    private var bytewise: [[UInt8]: UInt64] = [:]

    init(_ state: ViewState) {
        let hasTexts = !state.plan.layout.textWords.isEmpty
        numbers = state.shards.map {
            hasTexts ? Array(repeating: 0, count: $0.texts.texts.count + 1) : []
        }
    }

    /// Puts a snapshot's numbers in the place of a shard's.
    /// - Returns: the texts that are new.
    mutating func number(
        _ words: inout [UInt64], _ layout: FactLayout, _ texts: borrowing TextTable,
        ofShard shard: Int
    ) -> [String] {
        if layout.textWords.isEmpty { return [] }
        var fresh: [String] = []
        for fact in stride(from: 0, to: words.count, by: layout.stride) {
            for word in layout.textWords where words[fact + word] != 0 {
                let local = words[fact + word]
                if numbers[shard][Int(local)] == 0 {
                    let text = texts[local]
                    // `==` of texts knows more than one spelling: bytes decide.
                    let bytes = Array(text.utf8)
                    let number = bytewise[bytes] ?? UInt64(bytewise.count + 1)
                    if bytewise.updateValue(number, forKey: bytes) == nil { fresh.append(text) }
                    numbers[shard][Int(local)] = number
                }
                words[fact + word] = numbers[shard][Int(local)]
            }
        }
        return fresh
    }
}
