import VarveBytes
import VarveFormats

/// The facts of one partition in the order in which they are swept: by entity, each entity's in order
/// of (event time, position). None is ever replaced.
public struct SortedFacts: Sendable {
    /// Where the facts of each entity of the partition begin, and where those of the last one end.
    let starts: [Int]
    let eventTimes: FactTimes
    let knownTimes: FactTimes
    let lanes: [LaneSweep.Values]
    let slots: LaneSlots

    /// Facts of all entities.
    public var count: Int { eventTimes.count }

    /// The same as a slice among others.
    /// - Parameter first: the number of the partition's first entity.
    func slice(_ first: Int) -> FactSlice {
        var entries: [FactEntry] = []
        entries.reserveCapacity(count)
        for entity in 0..<(starts.count - 1) {
            let number = Int32(truncatingIfNeeded: first + entity)
            for row in starts[entity]..<starts[entity + 1] {
                entries.append(
                    FactEntry(
                        eventTime: eventTimes[row], knownTime: knownTimes[row], entity: number,
                        row: Int32(truncatingIfNeeded: row)))
            }
        }
        let width = slots.width
        let words = [UInt64](count: count * width) { words in
            for (lane, slot) in slots.slots.enumerated() {
                guard let slot else { continue }
                let all = lanes[lane].words
                let values = all.span
                for row in values.indices { words[row * width + slot] = values[row] }
            }
        }
        let batch = FactBatch(
            entries: entries, starts: [0, count], replacedTimes: [],
            lanes: lanes.map { LaneValues(states: $0.states, texts: $0.texts) }, words: words,
            slots: slots)
        return FactSlice(batch, 0..<count)
    }
}

extension FactReader {
    /// The facts in a stretch of an entity run: rows that lie key by key, each key's in order of
    /// (event time, position).
    /// - Parameter entities: those of the partition, by number.
    /// - Returns: nil when a key of them lies outside, or columns are missing or of other types.
    public func sorted(
        _ source: Records, _ keys: KeyTable, _ entities: Range<Int>
    ) -> SortedFacts? {
        let table = source.table
        let columns = stream.fields.map { table[$0.name] }
        let keyColumns = plan.keySlots.compactMap { columns[$0] }
        guard keyColumns.count == plan.keySlots.count,
            let events = table["_event_time"], events.type == .timestamp,
            let knowns = table["_known_time"], knowns.type == .timestamp,
            zip(stream.fields, columns).allSatisfy({ field, column in
                column.map { $0.type == field.type.columnType } ?? !fields.contains(field.name)
            })
        else { return nil }
        let groups = keys.groups(keyColumns, rows: table.rowCount)
        var (last, isOrdered) = (Int32(-1), true)
        for number in groups.numbers where number >= 0 {
            guard entities.contains(Int(number)) else { return nil }
            // Keys with the same hash may lie in another order, or among each other.
            isOrdered = isOrdered && number > last
            last = number
        }
        var values = Array(repeating: Value.null, count: stream.fields.count)
        let areLeftOut = plan.filter != nil || source.basis != nil || source.start != nil
        var numbers: [Int32] = []
        if areLeftOut || isComputing {
            for (group, number) in groups.numbers.enumerated() {
                numbers += repeatElement(
                    number, count: groups.starts[group + 1] - groups.starts[group])
            }
            leaveOut(source, columns, &numbers, &values)
        }
        var lanes = plan.lanes.indices.map { self.values($0, numbers, columns, &values) }
        var times = (event: events.words, known: knowns.words)
        var starts = Array(repeating: 0, count: entities.count + 1)
        // Stretches of rows that are facts, entity by entity.
        var kept: [Range<Int>] = []
        var order = groups.numbers.indices.filter { groups.numbers[$0] >= 0 }
        if !isOrdered { order.sort { (groups.numbers[$0], $0) < (groups.numbers[$1], $1) } }
        for group in order {
            let rows = groups.starts[group]..<groups.starts[group + 1]
            let count = areLeftOut ? kept.add(rows) { numbers[$0] >= 0 } : kept.add(rows)
            starts[Int(groups.numbers[group]) - entities.lowerBound + 1] += count
        }
        if kept != [0..<table.rowCount] {
            times = (times.event.taking(kept), times.known.taking(kept))
            lanes = lanes.map { lane in
                LaneSweep.Values(
                    states: lane.states.taking(kept), words: lane.words.taking(kept),
                    texts: lane.texts.taking(kept))
            }
        }
        for entity in 0..<entities.count { starts[entity + 1] += starts[entity] }
        return SortedFacts(
            starts: starts, eventTimes: FactTimes(words: times.event),
            knownTimes: FactTimes(words: times.known),
            lanes: lanes, slots: slots)
    }
}

extension [Range<Int>] {
    /// Adds a stretch, to the last one where it follows it.
    /// - Returns: its length.
    fileprivate mutating func add(_ rows: Range<Int>) -> Int {
        if let last, last.upperBound == rows.lowerBound {
            self[count - 1] = last.lowerBound..<rows.upperBound
        } else {
            append(rows)
        }
        return rows.count
    }

    /// Adds those of a stretch that something holds for.
    /// - Returns: how many.
    fileprivate mutating func add(_ rows: Range<Int>, where isFact: (Int) -> Bool) -> Int {
        var count = 0
        for row in rows where isFact(row) { count += add(row..<(row + 1)) }
        return count
    }
}

extension Array {
    /// The elements of some stretches; none of an array that has none.
    fileprivate func taking(_ kept: [Range<Int>]) -> [Element] {
        if isEmpty { return [] }
        var taken: [Element] = []
        taken.reserveCapacity(kept.reduce(0) { $0 + $1.count })
        for range in kept { taken += self[range] }
        return taken
    }
}
