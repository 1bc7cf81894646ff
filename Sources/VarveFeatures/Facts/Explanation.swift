public import VarveBytes

/// The facts behind one value of a feature, and why others near it do not count.
public struct Explanation: Sendable {
    /// What became of a fact.
    public enum Verdict: Sendable, Equatable {
        case counted
        /// Its event time is not before T, or not before T less the window's lag.
        case notYetHappened
        case beforeWindow
        /// The window takes the newest facts only, and there are enough newer ones.
        case notAmongNewest
        /// Its position is not below K.
        case notYetInLog
        /// It became known at T or later.
        case notYetKnown
        /// A later record amended or retracted it.
        case replaced(byPosition: Int64)
        /// The feature's own filter leaves it out.
        case filtered
        /// Its value is null, which aggregations skip.
        case null
    }

    /// One fact.
    public struct Fact: Sendable {
        public let eventTime: Timestamp
        public let position: Int64
        public let knownTime: Timestamp
        /// What it contributes, or would.
        public let value: Value
        public let verdict: Verdict
    }

    public let value: FeatureValue
    /// The window's bounds in event time; the lower is nil when there is none.
    public let from: Timestamp?
    public let to: Timestamp
    /// Facts that count, the newest last, no more than were asked for.
    public let facts: [Fact]
    /// How many count.
    public let factCount: Int
    /// Facts that do not count, the nearest to the window first, no more than were asked for.
    public let nearMisses: [Fact]
    /// How many of the entity's facts do not count.
    public let missCount: Int
}

extension ViewShard {
    /// Explains a feature of an entity; nil when the entity was never seen.
    /// - Parameter limit: facts listed of either kind.
    /// - Complexity: looks at every fact of the entity.
    public func explain(
        _ plan: ViewPlan, _ feature: Int, _ key: RawSpan, _ hash: UInt64,
        _ visibility: Visibility, _ later: LaterEnds.Reference?, limit: Int
    ) -> Explanation? {
        guard let number = find(key, hash) else { return nil }
        var evaluation = Evaluation(plan, visibility, later)
        let facts = facts(number)
        let value = evaluation.value(feature, facts, texts)
        let query = FactQuery(plan, visibility, later)
        return facts.explain(plan, feature, query, value, texts, limit: limit)
    }
}

extension EntityFacts {
    fileprivate func explain(
        _ plan: ViewPlan, _ feature: Int, _ visible: FactQuery, _ value: FeatureValue,
        _ texts: TextTable, limit: Int
    ) -> Explanation {
        let computed = plan.feature(feature)
        var query = visible
        query.look(at: computed.lane, plan)
        let range = range(of: computed.window, query)
        let bounds = query.bounds(computed.window)
        var counted: [Explanation.Fact] = []
        var missed: [(fact: Explanation.Fact, distance: UInt64)] = []
        var number = 0
        forEachBlock { block in
            let content = block.facts
            let words = content.words.span
            let replaced = content.replaced.span
            for index in 0..<block.count(query.stride) {
                let fact = index * query.stride
                let time = words.integer(fact + FactLayout.eventTime)
                let place = FactPlace(block: number, index: index)
                let verdict = verdict(
                    query, computed, bounds, isBeforeRange: place < range.lower, words, replaced,
                    index)
                let word = query.lane.word.map { words[fact + $0] } ?? 1
                let isPresent = words.state(fact, query.laneNumber) == FactState.present.rawValue
                let found = Explanation.Fact(
                    eventTime: Timestamp(microseconds: time),
                    position: words.integer(fact + FactLayout.position),
                    knownTime: Timestamp(
                        microseconds: words.integer(fact + FactLayout.knownTime)),
                    value: isPresent ? query.lane.value(word, texts) : .null, verdict: verdict)
                if verdict == .counted {
                    counted.append(found)
                } else {
                    missed.append((found, Self.distance(time, bounds)))
                }
            }
            number += 1
        }
        missed.sort { ($0.distance, $1.fact.position) < ($1.distance, $0.fact.position) }
        return Explanation(
            value: value, from: bounds.far.map { Timestamp(microseconds: $0) },
            to: Timestamp(microseconds: bounds.near), facts: Array(counted.suffix(limit)),
            factCount: counted.count, nearMisses: missed.prefix(limit).map(\.fact),
            missCount: missed.count)
    }

    /// How far outside the window an event time lies.
    private static func distance(_ time: Int64, _ bounds: TimeBounds) -> UInt64 {
        func between(_ low: Int64, _ high: Int64) -> UInt64 {
            UInt64(bitPattern: high) &- UInt64(bitPattern: low)
        }
        if time >= bounds.near { return between(bounds.near, time) }
        if let far = bounds.far, time < far { return between(time, far) }
        return 0
    }

    private func verdict(
        _ query: FactQuery, _ feature: ViewPlan.Computed, _ bounds: TimeBounds,
        isBeforeRange: Bool, _ words: borrowing Span<UInt64>, _ replaced: borrowing Span<Int64>,
        _ index: Int
    ) -> Explanation.Verdict {
        let fact = index * query.stride
        let time = words.integer(fact + FactLayout.eventTime)
        if bounds.isEmpty || query.isBehind(time, bounds.near) { return .notYetHappened }
        if let far = bounds.far, !query.isBehind(time, far) { return .beforeWindow }
        if words.integer(fact + FactLayout.position) >= query.visibility.position {
            return .notYetInLog
        }
        if !query.isVisible(words, replaced, index) {
            let isReplaced = !replaced.isEmpty && replaced[2 * index] < query.visibility.position
            return isReplaced && query.isKnownTime(words.integer(fact + FactLayout.knownTime))
                ? .replaced(byPosition: replaced[2 * index]) : .notYetKnown
        }
        let state = words.state(fact, query.laneNumber)
        if state == FactState.absent.rawValue { return .filtered }
        if isBeforeRange { return .notAmongNewest }
        if state == FactState.null.rawValue, feature.function != .latest { return .null }
        return .counted
    }
}

extension FactPlace: Comparable {
    static func < (left: FactPlace, right: FactPlace) -> Bool {
        (left.block, left.index) < (right.block, right.index)
    }
}
