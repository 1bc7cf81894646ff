import VarveBytes

/// The rows of one partition as they are swept: by entity, each entity's in order of T, and behind
/// them one more that asks at the newest T of all, where a plain join would look.
struct SweepRows {
    /// T of each row.
    private(set) var times: [Int64] = []
    /// The number of each row's entity within the partition.
    private(set) var entities: [Int32] = []
    /// Where the rows of each entity begin, and where those of the last one end.
    private(set) var starts: [Int] = []
    /// For each row its entity's first fact that is too late, and the first that is not settled. There
    /// may be more of them than rows.
    private(set) var ends: [Int32] = []
    private(set) var settled: [Int32] = []
    /// Rows before some of whose facts are not settled: the two modes may answer them differently.
    private(set) var open: [Int32] = []

    /// Takes the rows of a partition.
    mutating func load(_ rows: KeyedRows, _ range: Range<Int>, newest: Int64) {
        times.removeAll(keepingCapacity: true)
        entities.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        for entity in range {
            starts.append(times.count)
            let places = rows.starts[entity]..<rows.starts[entity + 1]
            times += rows.times[places]
            times.append(newest)
            let number = Int32(truncatingIfNeeded: entity - range.lowerBound)
            entities += repeatElement(number, count: places.count + 1)
        }
        starts.append(times.count)
    }

    /// Finds for each row which facts of a lane it may see in either mode.
    /// - Parameter reach: 1 where a fact at exactly T is visible, else 0.
    mutating func find(_ lane: borrowing LaneSweep, reach: Int64) {
        open.removeAll(keepingCapacity: true)
        ends.makeRoom(for: times.count)
        settled.makeRoom(for: times.count)
        Self.find(lane, reach: reach, times, starts, &ends, &settled, &open)
    }

    private static func find(
        _ lane: borrowing LaneSweep, reach: Int64, _ times: [Int64], _ starts: [Int],
        _ ends: inout [Int32], _ settled: inout [Int32], _ open: inout [Int32]
    ) {
        let (events, known) = (lane.eventTimes.words.span, lane.knownTimes.words.span)
        let times = times.span
        var ends = ends.mutableSpan
        var settled = settled.mutableSpan
        let hasReplaced = lane.hasReplaced
        for entity in 0..<(starts.count - 1) {
            let stop = lane.starts[entity + 1]
            var (end, bound) = (lane.starts[entity], lane.starts[entity])
            let last = starts[entity + 1] - 1
            for row in starts[entity]...last {
                let limit = times[row].subtractingClamped(-reach)
                while end < stop, Int64(bitPattern: events[end]) < limit { end += 1 }
                if row == last {
                    // A plain join sees all that is known.
                    bound = end
                } else if hasReplaced {
                    while bound < end, lane.fate(bound) < limit { bound += 1 }
                } else {
                    while bound < end, Int64(bitPattern: known[bound]) < limit { bound += 1 }
                }
                ends[row] = Int32(truncatingIfNeeded: end)
                settled[row] = Int32(truncatingIfNeeded: bound)
                if bound < end { open.append(Int32(truncatingIfNeeded: row)) }
            }
        }
    }

    /// The open rows alone, every fact of them taken as settled.
    var openAsSettled: SweepRows {
        var rows = SweepRows()
        rows.times = open.map { times[Int($0)] }
        rows.entities = open.map { entities[Int($0)] }
        rows.ends = open.map { ends[Int($0)] }
        rows.settled = rows.ends
        return rows
    }
}
