import VarveBytes

/// What facts contribute to one lane of a view, but for numbers and times.
struct LaneValues: Sendable {
    /// `FactState` of each fact; empty while every one is present.
    var states: [UInt8] = []
    var texts: [String] = []
}

/// Where the bits of lanes are that are no texts: those of one fact lie side by side, as whoever
/// looks at one mostly looks at others.
public struct LaneSlots: Sendable, Equatable {
    /// By lane its place in a fact's words; nil for texts and for facts that are only counted.
    let slots: [Int?]
    /// Words of a fact.
    let width: Int

    init(hasWords: [Bool]) {
        var next = 0
        slots = hasWords.map { hasWord in
            defer { if hasWord { next += 1 } }
            return hasWord ? next : nil
        }
        width = next
    }
}

/// A fact without its values.
struct FactEntry: AnyBits, Sendable {
    var eventTime: Int64
    var knownTime: Int64
    /// The number of its entity.
    var entity: Int32
    /// Where its values are in the lanes of its batch.
    var row: Int32
}

/// Facts of one view that were read at once. Their entries are put together by partition, in the
/// order they came within each, and so are their values; where most of those are never looked at,
/// they stay in the order in which they were read (see `FactReader.init`). Shared by reference: a
/// partition's sweep looks at a slice of every batch there is.
public final class FactBatch: Sendable {
    let entries: [FactEntry]
    /// Where each partition begins, and where the last one ends.
    let starts: [Int]
    /// By row, from when on each fact is known to be replaced; empty when none is.
    let replacedTimes: [Int64]
    /// By row.
    let lanes: [LaneValues]
    /// The words of each row, one after the other.
    let words: [UInt64]
    public let slots: LaneSlots

    init(
        entries: [FactEntry], starts: [Int], replacedTimes: [Int64], lanes: [LaneValues],
        words: [UInt64], slots: LaneSlots
    ) {
        self.entries = entries
        self.starts = starts
        self.replacedTimes = replacedTimes
        self.lanes = lanes
        self.words = words
        self.slots = slots
    }

    /// No facts.
    public static let none = none(partitions: 0, LaneSlots(hasWords: []))

    /// No facts, of so many partitions.
    static func none(partitions: Int, _ slots: LaneSlots) -> FactBatch {
        FactBatch(
            entries: [], starts: Array(repeating: 0, count: partitions + 1), replacedTimes: [],
            lanes: slots.slots.map { _ in LaneValues() }, words: [], slots: slots)
    }

    /// How many partitions there are.
    public var partitionCount: Int { starts.count - 1 }

    /// Facts in the batch.
    public var count: Int { entries.count }

    /// Bytes of memory, roughly.
    public var byteCount: Int {
        let words = 8 * (words.count + replacedTimes.count)
        return lanes.reduce(count * MemoryLayout<FactEntry>.stride + words) {
            $0 + $1.states.count + $1.texts.count * 32
        }
    }

    /// Lanes in which some facts have no value.
    public static func lanesWithNulls(_ batches: [FactBatch]) -> Set<Int> {
        Set(batches.flatMap { batch in
            batch.lanes.indices.filter { !batch.lanes[$0].states.isEmpty }
        })
    }
}
