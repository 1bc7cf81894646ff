import VarveBytes

/// The facts of one partition, put together by entity, each entity's in order of
/// (event time, position).
struct EntityColumns {
    private(set) var eventTimes = FactTimes()
    private var knownTimes = FactTimes()
    /// Empty when no fact is replaced.
    private var replacedTimes: [Int64] = []
    /// Where each entity begins, and where the last one ends.
    private(set) var starts: [Int] = []
    /// The batches that the facts are from, and each fact with the number of its batch for its
    /// entity's: where its values are.
    private var batches: [FactBatch] = []
    private var entries: [FactEntry] = []
    /// By lane the values of facts that came in order; empty for others.
    private var lanes: [LaneSweep.Values] = []

    /// Takes a partition over that is in order.
    mutating func take(_ facts: SortedFacts) {
        (batches, entries, replacedTimes) = ([], [], [])
        (starts, eventTimes, knownTimes) = (facts.starts, facts.eventTimes, facts.knownTimes)
        lanes = facts.lanes
    }

    /// Collects a partition from its slices, which come in order of position wherever event times
    /// are equal.
    mutating func gather(_ parts: [FactSlice], entities: Range<Int>) {
        batches = parts.map(\.batch)
        lanes = []
        starts = Array(repeating: 0, count: entities.count + 1)
        let first = Int32(truncatingIfNeeded: entities.lowerBound)
        do {
            var starts = starts.mutableSpan
            for part in parts {
                let all = part.batch.entries
                let entries = all.span.extracting(part.range)
                for index in entries.indices { starts[Int(entries[index].entity - first) + 1] += 1 }
            }
        }
        for entity in 0..<entities.count { starts[entity + 1] += starts[entity] }
        let count = starts[entities.count]
        var next = starts
        entries = [FactEntry](count: count) { entries in
            var next = next.mutableSpan
            for (number, part) in parts.enumerated() {
                let all = part.batch.entries
                let added = all.span.extracting(part.range)
                for index in added.indices {
                    var entry = added[index]
                    let entity = Int(entry.entity - first)
                    entry.entity = Int32(truncatingIfNeeded: number)
                    let place = next[entity]
                    next[entity] = place + 1
                    entries[place] = entry
                }
            }
        }
        for entity in 0..<entities.count {
            TimeOrder.sort(&entries, starts[entity]..<starts[entity + 1]) { $0.eventTime }
        }
        eventTimes = FactTimes(words: each { UInt64(bitPattern: $0.eventTime) })
        knownTimes = FactTimes(words: each { UInt64(bitPattern: $0.knownTime) })
        let hasReplaced = parts.contains { !$0.batch.replacedTimes.isEmpty }
        replacedTimes = hasReplaced ? values(orOfEmpty: .max) { $0.replacedTimes } : []
    }

    /// What all facts contribute to a lane.
    private func values(_ lane: Int) -> LaneSweep.Values {
        if !lanes.isEmpty { return lanes[lane] }
        var found = LaneSweep.Values()
        if batches.contains(where: { !$0.lanes[lane].states.isEmpty }) {
            found.states = values(orOfEmpty: FactState.present.byte) { $0.lanes[lane].states }
        }
        if let slots = batches.first?.slots, let slot = slots.slots[lane] {
            let (words, width) = (RaggedArray(batches.map(\.words)), slots.width)
            found.words = each { words[Int($0.entity), Int($0.row) * width + slot] }
        }
        if batches.contains(where: { !$0.lanes[lane].texts.isEmpty }) {
            found.texts = entries.map { batches[Int($0.entity)].lanes[lane].texts[Int($0.row)] }
        }
        return found
    }

    /// Gives a lane the facts of all entities: shared where it leaves none out, else copied.
    func load(_ sweep: inout LaneSweep, _ lane: Int) {
        let absent = FactState.absent.byte
        let found = values(lane)
        if !found.states.contains(absent) { return share(&sweep, found) }
        let kept = found.states.indices.filter { found.states[$0] != absent }
        sweep.isShared = false
        var next = 0
        sweep.starts = starts.map { start in
            while next < kept.count, kept[next] < start { next += 1 }
            return next
        }
        sweep.eventTimes = FactTimes(words: kept.map { eventTimes.words[$0] })
        sweep.knownTimes = FactTimes(words: kept.map { knownTimes.words[$0] })
        sweep.replacedTimes = replacedTimes.isEmpty ? [] : kept.map { replacedTimes[$0] }
        sweep.values = LaneSweep.Values(
            states: kept.map { found.states[$0] },
            words: found.words.isEmpty ? [] : kept.map { found.words[$0] },
            texts: found.texts.isEmpty ? [] : kept.map { found.texts[$0] })
    }

    /// Gives a lane all facts, each with its `FactReference` for a value.
    func loadReferences(_ sweep: inout LaneSweep) {
        share(&sweep, LaneSweep.Values(words: each { FactReference(batch: $0.entity, row: $0.row).word }))
    }

    private func share(_ sweep: inout LaneSweep, _ values: LaneSweep.Values) {
        sweep.isShared = true
        sweep.starts = starts
        sweep.eventTimes = eventTimes
        sweep.knownTimes = knownTimes
        sweep.replacedTimes = replacedTimes
        sweep.values = values
    }

    private func values<Element: AnyBits & Sendable>(
        orOfEmpty other: Element, _ values: (FactBatch) -> [Element]
    ) -> [Element] {
        let table = RaggedArray(batches.map(values))
        return each { table[Int($0.entity), Int($0.row), orOfEmpty: other] }
    }

    @inline(__always)
    private func each<Element: BitwiseCopyable>(_ value: (FactEntry) -> Element) -> [Element] {
        let entries = entries.span
        return [Element](capacity: entries.count) { (values: inout OutputSpan<Element>) in
            for index in entries.indices { values.append(value(entries[index])) }
        }
    }
}
