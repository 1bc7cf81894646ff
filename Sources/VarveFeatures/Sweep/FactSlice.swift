public import VarveBytes

/// The facts of one partition in a batch: what a sweep gathers, wherever the batch is kept.
///
///     u32 facts | u8: 1 when some are replaced
///     entity i32, event time i64, known time i64 [, replaced i64], each for all facts in turn
///     for each lane   u8: 1 states, 2 words, 4 texts | states | words | (varint length, text) ...
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
        static let words: UInt8 = 2
        static let texts: UInt8 = 4
    }

    /// Appends the slice as bytes.
    public func write(to writer: inout ByteWriter) {
        writer.integer(UInt32(range.count))
        writer.integer(UInt8(batch.replacedTimes.isEmpty ? 0 : 1))
        for index in range { writer.integer(batch.entities[index]) }
        for index in range { writer.integer(batch.eventTimes[index]) }
        for index in range { writer.integer(batch.knownTimes[index]) }
        if !batch.replacedTimes.isEmpty {
            for index in range { writer.integer(batch.replacedTimes[index]) }
        }
        for lane in batch.lanes {
            writer.integer(
                (lane.states.isEmpty ? 0 : Part.states) | (lane.words.isEmpty ? 0 : Part.words)
                    | (lane.texts.isEmpty ? 0 : Part.texts))
            if !lane.states.isEmpty { writer.raw(lane.states.raw.extracting(range)) }
            if !lane.words.isEmpty { for index in range { writer.integer(lane.words[index]) } }
            if lane.texts.isEmpty { continue }
            for index in range {
                writer.unsignedVarint(UInt64(lane.texts[index].utf8.count))
                writer.text(lane.texts[index])
            }
        }
    }

    /// Reads what `write` wrote.
    /// - Parameter lanes: how many the view has.
    public init(reading reader: inout ByteReader, lanes: Int) throws(ByteError) {
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
        var read: [LaneValues] = []
        for _ in 0..<lanes {
            var lane = LaneValues()
            let parts = try reader.integer(UInt8.self)
            if parts & Part.states > 0 { lane.states = try reader.take(count).copied() }
            if parts & Part.words > 0 {
                lane.words.append(littleEndianWords: try reader.take(8 * count))
            }
            if parts & Part.texts > 0 {
                for _ in 0..<count {
                    let length = try reader.checked(
                        Int64(clamping: try reader.unsignedVarint()), atMost: reader.remaining)
                    lane.texts.append(try reader.text(length))
                }
            }
            read.append(lane)
        }
        let batch = FactBatch(
            entities: entities, eventTimes: eventTimes, knownTimes: knownTimes,
            replacedTimes: replacedTimes, lanes: read, starts: [0, count])
        self.init(batch, 0..<count)
    }
}

extension FactBatch {
    /// The facts of a partition.
    public func slice(_ partition: Int) -> FactSlice {
        FactSlice(self, starts[partition]..<starts[partition + 1])
    }
}
