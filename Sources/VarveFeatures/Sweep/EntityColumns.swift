/// The facts of one partition, put together by entity, each entity's in order of
/// (event time, position).
struct EntityColumns {
    private(set) var eventTimes: [Int64] = []
    private var knownTimes: [Int64] = []
    /// Empty when no fact is replaced.
    private var replacedTimes: [Int64] = []
    private var lanes: [LaneValues] = []
    /// Where each entity begins, and where the last one ends.
    private(set) var starts: [Int] = []

    /// Collects a partition from its slices, which come in order of position wherever event times
    /// are equal.
    mutating func gather(_ parts: [FactSlice], entities: Range<Int>, lanes laneCount: Int) {
        starts = Array(repeating: 0, count: entities.count + 1)
        let batches = parts.map(\.batch)
        let slices = parts.map(\.range)
        for (batch, slice) in zip(batches, slices) {
            for index in slice { starts[Int(batch.entities[index]) - entities.lowerBound + 1] += 1 }
        }
        for entity in 0..<entities.count { starts[entity + 1] += starts[entity] }
        let count = starts[entities.count]
        // For each fact as it comes, where it goes.
        var targets: [Int32] = []
        targets.reserveCapacity(count)
        var next = starts
        for (batch, slice) in zip(batches, slices) {
            for index in slice {
                let entity = Int(batch.entities[index]) - entities.lowerBound
                targets.append(Int32(next[entity]))
                next[entity] += 1
            }
        }
        func placed<Element>(
            _ zero: Element, _ values: (FactBatch) -> [Element]
        ) -> [Element] {
            var result = Array(repeating: zero, count: count)
            var fact = 0
            for (batch, slice) in zip(batches, slices) {
                let values = values(batch)
                for index in slice {
                    result[Int(targets[fact])] = values[index]
                    fact += 1
                }
            }
            return result
        }
        eventTimes = placed(0) { $0.eventTimes }
        knownTimes = placed(0) { $0.knownTimes }
        let hasReplaced = batches.contains { !$0.replacedTimes.isEmpty }
        replacedTimes =
            hasReplaced
            ? placed(Int64.max) { batch in
                batch.replacedTimes.isEmpty
                    ? Array(repeating: Int64.max, count: batch.count) : batch.replacedTimes
            } : []
        lanes = (0..<laneCount).map { lane in
            var values = LaneValues()
            if batches.contains(where: { !$0.lanes[lane].states.isEmpty }) {
                values.states = placed(0) { batch in
                    batch.lanes[lane].states.isEmpty
                        ? Array(
                            repeating: FactState.present.byte, count: batch.count)
                        : batch.lanes[lane].states
                }
            }
            if batches.contains(where: { !$0.lanes[lane].words.isEmpty }) {
                values.words = placed(0) { batch in
                    batch.lanes[lane].words.isEmpty
                        ? Array(repeating: 1, count: batch.count) : batch.lanes[lane].words
                }
            }
            if batches.contains(where: { !$0.lanes[lane].texts.isEmpty }) {
                values.texts = placed("") { batch in
                    batch.lanes[lane].texts.isEmpty
                        ? Array(repeating: "", count: batch.count) : batch.lanes[lane].texts
                }
            }
            return values
        }
        for entity in 0..<entities.count { sort(starts[entity]..<starts[entity + 1]) }
    }

    private mutating func sort(_ range: Range<Int>) {
        if range.isEmpty { return }
        var isSorted = true
        for index in (range.lowerBound + 1)..<max(range.upperBound, range.lowerBound + 1)
        where eventTimes[index - 1] > eventTimes[index] {
            isSorted = false
            break
        }
        if isSorted { return }
        // Stable, as facts with equal event times are in order of position already.
        let order = range.sorted { (eventTimes[$0], $0) < (eventTimes[$1], $1) }
        Self.permute(&eventTimes, range, order)
        Self.permute(&knownTimes, range, order)
        Self.permute(&replacedTimes, range, order)
        for lane in lanes.indices {
            Self.permute(&lanes[lane].states, range, order)
            Self.permute(&lanes[lane].words, range, order)
            Self.permute(&lanes[lane].texts, range, order)
        }
    }

    private static func permute<Element>(
        _ values: inout [Element], _ range: Range<Int>, _ order: [Int]
    ) {
        if values.isEmpty { return }
        let moved = order.map { values[$0] }
        for (index, value) in zip(range, moved) { values[index] = value }
    }

    /// Gives a lane the facts of one entity: shared where it leaves none out, else copied.
    func load(_ sweep: inout LaneSweep, _ lane: Int, _ range: Range<Int>) {
        let values = lanes[lane]
        let absent = FactState.absent.byte
        guard !values.states.isEmpty, values.states[range].contains(absent) else {
            sweep.eventTimes = eventTimes
            sweep.knownTimes = knownTimes
            sweep.replacedTimes = replacedTimes
            sweep.values = values
            (sweep.start, sweep.count) = (range.lowerBound, range.count)
            return
        }
        let kept = range.filter { values.states[$0] != absent }
        sweep.eventTimes = kept.map { eventTimes[$0] }
        sweep.knownTimes = kept.map { knownTimes[$0] }
        sweep.replacedTimes = replacedTimes.isEmpty ? [] : kept.map { replacedTimes[$0] }
        sweep.values = LaneValues(
            states: kept.map { values.states[$0] },
            words: values.words.isEmpty ? [] : kept.map { values.words[$0] },
            texts: values.texts.isEmpty ? [] : kept.map { values.texts[$0] })
        (sweep.start, sweep.count) = (0, kept.count)
    }
}
