/// What facts contribute to one lane of a view, as columns.
struct LaneValues: Sendable {
    /// `FactState` of each fact; empty while every one is present.
    var states: [UInt8] = []
    /// The bits of each value; empty for texts and for facts that are only counted.
    var words: [UInt64] = []
    var texts: [String] = []
}

/// Facts of one view as columns, put together by partition, in the order they came within each.
/// Shared by reference: a partition's sweep looks at a slice of every batch there is.
public final class FactBatch: Sendable {
    /// The number of each fact's entity.
    let entities: [Int32]
    let eventTimes: [Int64]
    let knownTimes: [Int64]
    /// From when on each fact is known to be replaced; empty when none is.
    let replacedTimes: [Int64]
    let lanes: [LaneValues]
    /// Where each partition begins, and where the last one ends.
    let starts: [Int]

    init(
        entities: [Int32], eventTimes: [Int64], knownTimes: [Int64], replacedTimes: [Int64],
        lanes: [LaneValues], starts: [Int]
    ) {
        self.entities = entities
        self.eventTimes = eventTimes
        self.knownTimes = knownTimes
        self.replacedTimes = replacedTimes
        self.lanes = lanes
        self.starts = starts
    }

    /// No facts, of so many partitions.
    public static func none(partitions: Int = 0, lanes: Int = 0) -> FactBatch {
        FactBatch(
            entities: [], eventTimes: [], knownTimes: [], replacedTimes: [],
            lanes: Array(repeating: LaneValues(), count: lanes),
            starts: Array(repeating: 0, count: partitions + 1))
    }

    /// How many partitions there are.
    public var partitionCount: Int { starts.count - 1 }

    /// How many lanes its view has.
    public var laneCount: Int { lanes.count }

    /// Facts in the batch.
    public var count: Int { entities.count }

    /// Bytes of memory, roughly.
    public var byteCount: Int {
        lanes.reduce(count * 20 + replacedTimes.count * 8) {
            $0 + $1.states.count + $1.words.count * 8 + $1.texts.count * 32
        }
    }
}
