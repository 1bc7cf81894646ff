public import VarveBytes

/// A view in a snapshot (little-endian):
///
///     u32 texts, each a tagged value, in order of first use below
///     u32 entities, in order of first appearance:
///         u32 length, key | u32 facts | u8 whether any was replaced
///         facts as `FactLayout` has them, texts by the numbers above | replaced times
///     u32 ids, in order of their first facts' positions:
///         tagged value | u32 facts, each u32 entity, i64 event time, i64 position |
///         i64 known time of its newest record | u32 `LaterEnds`, each i64 position, i64 known time
extension ViewState {
    /// Writes the state for a snapshot: equal states have equal bytes, whatever their shards.
    public func write(to writer: inout ByteWriter) {
        let order = order()
        let texts = textNumbers(order)
        writer.integer(UInt32(texts.order.count))
        for text in texts.order { writer.value(.string(text)) }
        writer.integer(UInt32(order.count))
        var numbers = shards.map { Array(repeating: UInt32(0), count: $0.keyCount) }
        let layout = plan.layout
        for (global, place) in order.enumerated() {
            numbers[place.shard][place.number] = UInt32(global)
            let shard = shards[place.shard]
            let key = shard.key(place.number).bytes
            writer.integer(UInt32(key.count))
            writer.raw(key)
            shard.entities[place.number].facts.write(
                to: &writer, layout, texts.numbers[place.shard])
        }
        ids.write(to: &writer) { numbers[$0][$1] }
    }

    /// For each shard the numbers that its texts have in a snapshot, and the texts in that order.
    private func textNumbers(_ entities: [Place]) -> (numbers: [[UInt64]], order: [String]) {
        let words = plan.layout.textWords
        if words.isEmpty { return (shards.map { _ in [] }, []) }
        var numbers = shards.map { Array(repeating: UInt64(0), count: $0.texts.texts.count + 1) }
        var bytewise: [[UInt8]: UInt64] = [:]
        var order: [String] = []
        let stride = plan.layout.stride
        for place in entities {
            let shard = shards[place.shard]
            shard.entities[place.number].facts.forEachBlock { block in
                for fact in Swift.stride(from: 0, to: block.words.count, by: stride) {
                    for word in words {
                        let local = block.words[fact + word]
                        if local == 0 || numbers[place.shard][Int(local)] != 0 { continue }
                        let text = shard.texts[local]
                        // `==` of texts knows more than one spelling: bytes decide.
                        let bytes = Array(text.utf8)
                        let number = bytewise[bytes] ?? UInt64(order.count + 1)
                        if bytewise[bytes] == nil {
                            bytewise[bytes] = number
                            order.append(text)
                        }
                        numbers[place.shard][Int(local)] = number
                    }
                }
            }
        }
        return (numbers, order)
    }

    /// Reads what `write` wrote under the same plan.
    public init(_ plan: ViewPlan, shardBits: Int = 0, reading reader: inout ByteReader)
        throws(ByteError)
    {
        self.init(plan, shardBits: shardBits)
        let layout = plan.layout
        var texts: [String] = [""]
        for _ in 0..<(try reader.integer(UInt32.self)) {
            guard case .string(let text) = try reader.value() else {
                throw .invalidUTF8(at: reader.offset)
            }
            texts.append(text)
        }
        var places: [(shard: Int, number: Int)] = []
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let length = try reader.checked(
                Int64(try reader.integer(UInt32.self)), atMost: reader.remaining)
            let key = try reader.take(length).copied()
            let shard = ViewShard.index(KeyHash.hash(key.raw), bits: shardBits)
            var (words, replaced) = try EntityFacts.read(&reader, layout)
            if !layout.textWords.isEmpty {
                for fact in Swift.stride(from: 0, to: words.count, by: layout.stride) {
                    for word in layout.textWords where words[fact + word] != 0 {
                        guard words[fact + word] < UInt64(texts.count) else {
                            throw .invalidUTF8(at: reader.offset)
                        }
                        words[fact + word] = shards[shard].number(
                            of: texts[Int(words[fact + word])])
                    }
                }
            }
            let number = shards[shard].restore(
                key: key.raw, words: words, replaced: replaced, plan)
            places.append((shard, number))
        }
        let found = places
        ids = try FactIDs(reading: &reader) { found.indices.contains($0) ? found[$0] : nil }
    }
}

extension EntityFacts {
    func write(to writer: inout ByteWriter, _ layout: FactLayout, _ texts: [UInt64]) {
        var isReplaced = false
        forEachBlock { if !$0.replaced.isEmpty { isReplaced = true } }
        writer.integer(UInt32(count(layout.stride)))
        writer.integer(UInt8(isReplaced ? 1 : 0))
        forEachBlock { block in
            if layout.textWords.isEmpty {
                writer.words(block.words.span)
                return
            }
            var words = block.words
            for fact in Swift.stride(from: 0, to: words.count, by: layout.stride) {
                for word in layout.textWords { words[fact + word] = texts[Int(words[fact + word])] }
            }
            writer.words(words.span)
        }
        guard isReplaced else { return }
        forEachBlock { block in
            let times = block.replaced.isEmpty
                ? Array(repeating: FactBlock.never, count: 2 * block.count(layout.stride))
                : block.replaced
            for time in times { writer.integer(time) }
        }
    }

    static func read(_ reader: inout ByteReader, _ layout: FactLayout) throws(ByteError)
        -> (words: [UInt64], replaced: [Int64])
    {
        let count = try reader.checked(
            Int64(try reader.integer(UInt32.self)), atMost: reader.remaining / 24)
        let isReplaced = try reader.integer(UInt8.self) == 1
        let words = try reader.words(count * layout.stride)
        let replaced = isReplaced
            ? try reader.words(2 * count).map { Int64(bitPattern: $0) } : []
        return (words, replaced)
    }
}
