public import VarveBytes

/// The facts of one partition in a batch: what a sweep gathers, wherever the batch is kept.
///
///     u32 facts | u8: 1 when some are replaced
///     entity i32, event time i64, known time i64 [, replaced i64], each for all facts in turn
///     words u64 side by side, for all facts in turn
///     for each lane   u8: 1 states, 2 texts | states | (varint length, text) ...
public struct FactSlice: Sendable {
    let batch: FactBatch
    let range: Range<Int>

    /// Facts in the slice.
    public var count: Int { range.count }

    init(_ batch: FactBatch, _ range: Range<Int>) {
        self.batch = batch
        self.range = range
    }

    private enum Part {
        static let states: UInt8 = 1
        static let texts: UInt8 = 2
    }

    /// Appends the slice as bytes.
    public func write(to writer: inout ByteWriter) {
        writer.integer(UInt32(range.count))
        writer.integer(UInt8(batch.replacedTimes.isEmpty ? 0 : 1))
        let entries = batch.entries[range]
        for entry in entries { writer.integer(entry.entity) }
        for entry in entries { writer.integer(entry.eventTime) }
        for entry in entries { writer.integer(entry.knownTime) }
        if !batch.replacedTimes.isEmpty {
            for entry in entries { writer.integer(batch.replacedTimes[Int(entry.row)]) }
        }
        let width = batch.slots.width
        for entry in entries {
            let first = Int(entry.row) * width
            for index in first..<(first + width) { writer.integer(batch.words[index]) }
        }
        for lane in batch.lanes {
            writer.integer(
                (lane.states.isEmpty ? 0 : Part.states) | (lane.texts.isEmpty ? 0 : Part.texts))
            if !lane.states.isEmpty {
                for entry in entries { writer.integer(lane.states[Int(entry.row)]) }
            }
            if lane.texts.isEmpty { continue }
            for entry in entries {
                let text = lane.texts[Int(entry.row)]
                writer.unsignedVarint(UInt64(text.utf8.count))
                writer.text(text)
            }
        }
    }

    /// Reads what `write` wrote.
    /// - Parameter slots: those of the batch.
    public init(reading reader: inout ByteReader, _ slots: LaneSlots) throws(ByteError) {
        let count = Int(try reader.integer(UInt32.self))
        let hasReplaced = try reader.integer(UInt8.self) == 1
        // Entity and times: at least so many bytes follow.
        _ = try reader.checked(Int64(count) * 20, atMost: reader.remaining)
        func times() throws(ByteError) -> [Int64] {
            var times: [Int64] = []
            times.reserveCapacity(count)
            for _ in 0..<count { times.append(try reader.integer()) }
            return times
        }
        var entities: [Int32] = []
        entities.reserveCapacity(count)
        for _ in 0..<count { entities.append(try reader.integer()) }
        let (eventTimes, knownTimes) = (try times(), try times())
        let replacedTimes = hasReplaced ? try times() : []
        let wordCount = try reader.checked(
            Int64(count * slots.width), atMost: reader.remaining / 8)
        let words = try reader.words(wordCount)
        var read: [LaneValues] = []
        for _ in slots.slots {
            var lane = LaneValues()
            let parts = try reader.integer(UInt8.self)
            if parts & Part.states > 0 { lane.states = try reader.take(count).copied() }
            if parts & Part.texts > 0 {
                for _ in 0..<count {
                    let length = try reader.checked(
                        Int64(clamping: try reader.unsignedVarint()), atMost: reader.remaining)
                    lane.texts.append(try reader.text(length))
                }
            }
            read.append(lane)
        }
        let entries = (0..<count).map { index in
            FactEntry(
                eventTime: eventTimes[index], knownTime: knownTimes[index],
                entity: entities[index], row: Int32(truncatingIfNeeded: index))
        }
        let batch = FactBatch(
            entries: entries, starts: [0, count], replacedTimes: replacedTimes, lanes: read,
            words: words, slots: slots)
        self.init(batch, 0..<count)
    }
}

extension FactBatch {
    /// The facts of a partition.
    public func slice(_ partition: Int) -> FactSlice {
        FactSlice(self, starts[partition]..<starts[partition + 1])
    }
}
