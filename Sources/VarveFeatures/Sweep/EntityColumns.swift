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
        let first = Int32(truncatingIfNeeded: entities.lowerBound)
        do {
            var starts = starts.mutableSpan
            for part in parts {
                let entities = part.batch.entities
                let numbers = entities.span.extracting(part.range)
                for index in numbers.indices { starts[Int(numbers[index] - first) + 1] += 1 }
            }
        }
        for entity in 0..<entities.count { starts[entity + 1] += starts[entity] }
        let count = starts[entities.count]
        // For each fact as it comes, where it goes; then for each place, which fact comes there.
        var targets: [Int32] = []
        targets.reserveCapacity(count)
        var next = starts
        do {
            var next = next.mutableSpan
            for part in parts {
                let entities = part.batch.entities
                let numbers = entities.span.extracting(part.range)
                for index in numbers.indices {
                    let entity = Int(numbers[index] - first)
                    targets.append(Int32(truncatingIfNeeded: next[entity]))
                    next[entity] += 1
                }
            }
        }
        eventTimes = Self.placed(parts, targets, zero: 0) { $0.eventTimes }
        var facts = Self.inverted(targets)
        for entity in 0..<entities.count {
            TimeOrder.sort(&eventTimes, &facts, starts[entity]..<starts[entity + 1])
        }
        targets = Self.inverted(facts)
        knownTimes = Self.placed(parts, targets, zero: 0) { $0.knownTimes }
        let hasReplaced = parts.contains { !$0.batch.replacedTimes.isEmpty }
        replacedTimes =
            hasReplaced ? Self.placed(parts, targets, zero: .max) { $0.replacedTimes } : []
        lanes = (0..<laneCount).map { lane in
            var values = LaneValues()
            if parts.contains(where: { !$0.batch.lanes[lane].states.isEmpty }) {
                values.states = Self.placed(parts, targets, zero: FactState.present.byte) {
                    $0.lanes[lane].states
                }
            }
            if parts.contains(where: { !$0.batch.lanes[lane].words.isEmpty }) {
                values.words = Self.placed(parts, targets, zero: 1) { $0.lanes[lane].words }
            }
            if parts.contains(where: { !$0.batch.lanes[lane].texts.isEmpty }) {
                values.texts = Self.placed(parts, targets, zero: "") { $0.lanes[lane].texts }
            }
            return values
        }
    }

    /// Where each number from 0 on stands.
    private static func inverted(_ numbers: [Int32]) -> [Int32] {
        var places = Array(repeating: Int32(0), count: numbers.count)
        do {
            var places = places.mutableSpan
            let numbers = numbers.span
            for place in numbers.indices {
                places[Int(numbers[place])] = Int32(truncatingIfNeeded: place)
            }
        }
        return places
    }

    /// The values of all facts, each at its target; those of batches that have none are `zero`.
    @inline(__always)
    private static func placed<Element>(
        _ parts: [FactSlice], _ targets: [Int32], zero: Element,
        _ values: (FactBatch) -> [Element]
    ) -> [Element] {
        var result = Array(repeating: zero, count: targets.count)
        var placed = result.mutableSpan
        let targets = targets.span
        var fact = 0
        for part in parts {
            let all = values(part.batch)
            if all.isEmpty {
                fact += part.range.count
                continue
            }
            let values = all.span.extracting(part.range)
            for index in values.indices {
                placed[Int(targets[fact])] = values[index]
                fact += 1
            }
        }
        return result
    }

    /// Gives a lane the facts of all entities: shared where it leaves none out, else copied.
    func load(_ sweep: inout LaneSweep, _ lane: Int) {
        let absent = FactState.absent.byte
        let values = lanes[lane]
        sweep.isShared = !values.states.contains(absent)
        if sweep.isShared {
            sweep.starts = starts
            sweep.eventTimes = eventTimes
            sweep.knownTimes = knownTimes
            sweep.replacedTimes = replacedTimes
            sweep.values = values
            return
        }
        let kept = values.states.indices.filter { values.states[$0] != absent }
        var next = 0
        sweep.starts = starts.map { start in
            while next < kept.count, kept[next] < start { next += 1 }
            return next
        }
        sweep.eventTimes = kept.map { eventTimes[$0] }
        sweep.knownTimes = kept.map { knownTimes[$0] }
        sweep.replacedTimes = replacedTimes.isEmpty ? [] : kept.map { replacedTimes[$0] }
        sweep.values = LaneValues(
            states: kept.map { values.states[$0] },
            words: values.words.isEmpty ? [] : kept.map { values.words[$0] },
            texts: values.texts.isEmpty ? [] : kept.map { values.texts[$0] })
    }
}
