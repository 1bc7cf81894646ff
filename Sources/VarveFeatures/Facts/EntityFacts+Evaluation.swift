import VarveBytes

/// Answers features from an entity's facts: the one evaluator behind online reads, training sets
/// and audits. Whatever it computes depends on the set of visible facts only.
struct Evaluation: ~Copyable {
    private let plan: ViewPlan
    private var query: FactQuery
    /// What the facts of the last feature's lane and window came to.
    private var tile = LaneTile()
    private var range: FactRange?
    /// The lane and window that `tile` and `range` belong to.
    private var group = -1

    init(_ plan: ViewPlan, _ visibility: Visibility, _ later: LaterEnds.Reference?) {
        self.plan = plan
        query = FactQuery(plan, visibility, later)
    }

    /// The value of one feature. Features of one lane and window are answered fastest one after
    /// the other: they share the pass over the facts.
    mutating func value(
        _ number: Int, _ facts: borrowing EntityFacts, _ texts: borrowing TextTable
    ) -> FeatureValue {
        let feature = plan.feature(number)
        if group != feature.group {
            group = feature.group
            query.look(at: feature.lane, plan)
            let found = facts.range(of: feature.window, query)
            range = found
            tile.reset()
            if feature.groupNeedsTile { facts.add(found, query, texts, to: &tile) }
        }
        guard let range else { return FeatureValue(.notFound) }
        if feature.function.needsValues || feature.categoryLane != nil {
            return list(feature, range, facts, texts)
        }
        switch feature.function {
        case .count: return .present(.int64(Int64(tile.count)))
        case .timeSinceLast:
            guard let newest = facts.newest(range, query) else {
                return FeatureValue(.notFound)
            }
            let (age, overflow) = query.cutoff.subtractingReportingOverflow(newest.eventTime)
            return overflow ? FeatureValue(.overflow) : .present(.int64(age))
        case .latest:
            guard let newest = facts.newest(range, query, orNull: true) else {
                return FeatureValue(.notFound)
            }
            return isExpired(newest)
                ? FeatureValue(.expired)
                : .present(value(newest.isPresent ? newest.word : nil, texts))
        case .last:
            guard let newest = facts.newest(range, query) else {
                return FeatureValue(.notFound)
            }
            return isExpired(newest)
                ? FeatureValue(.expired) : .present(value(newest.word, texts))
        case .first, .min, .max, .sum, .mean, .variance, .stddev: break
        case .distinct, .quantile, .firstK, .lastK, .topK:
            preconditionFailure("\(feature.function) is answered before")
        }
        guard tile.count > 0 else { return FeatureValue(.notFound) }
        if plan.maxAge != nil, let newest = facts.newest(range, query),
            isExpired(newest)
        {
            return FeatureValue(.expired)
        }
        switch feature.function {
        case .first:
            let first = facts.oldest(range, query)
            return .present(value(first?.word, texts))
        case .min: return .present(value(tile.least, texts))
        case .max: return .present(value(tile.greatest, texts))
        default: return moment(feature, range, facts)
        }
    }

    private func isExpired(_ fact: SeenFact) -> Bool {
        guard let maxAge = plan.maxAge else { return false }
        let (age, overflow) = query.cutoff.subtractingReportingOverflow(fact.eventTime)
        return overflow || age > maxAge
    }

    private func value(
        _ word: UInt64?, _ texts: borrowing TextTable
    ) -> Value {
        guard let word else { return .null }
        return query.lane.value(word, texts)
    }

    /// Answers that need the values themselves.
    private func list(
        _ feature: ViewPlan.Computed, _ range: FactRange, _ facts: borrowing EntityFacts,
        _ texts: borrowing TextTable
    ) -> FeatureValue {
        if feature.function != .count, plan.maxAge != nil,
            let newest = facts.newest(range, query), isExpired(newest)
        {
            return FeatureValue(.expired)
        }
        if let number = feature.categoryLane {
            let lane = plan.lane(number)
            var values: [(category: Value, value: Value)] = []
            facts.forEach(range, query, besides: number, at: lane.word) { word, category in
                guard let category else { return }
                values.append((lane.value(category, texts), query.lane.value(word, texts)))
            }
            return ValueList.answer(feature.function, feature.parameter, values)
        }
        if feature.function == .firstK || feature.function == .lastK {
            let words =
                feature.function == .firstK
                ? facts.oldest(feature.parameter, range, query)
                : facts.newest(feature.parameter, range, query)
            let values = words.map { query.lane.value($0, texts) }
            return ValueList.answer(feature.function, feature.parameter, values)
        }
        var values: [Value] = []
        facts.forEach(range, query) { values.append(query.lane.value($0, texts)) }
        return ValueList.answer(feature.function, feature.parameter, values)
    }

    /// Sums are exact and rounded once; mean is sum / count; variance is the exact sum of the
    /// rounded squares of (value - mean), over count - 1; stddev its square root. Each is a fixed
    /// expression over order-free sums, so the order of facts never shows.
    private func moment(
        _ feature: ViewPlan.Computed, _ range: FactRange, _ facts: borrowing EntityFacts
    ) -> FeatureValue {
        let isInteger = query.lane.type == .int64
        if feature.function == .sum, isInteger {
            guard let total = Int64(exactly: tile.integers) else {
                return FeatureValue(.overflow)
            }
            return .present(.int64(total))
        }
        let total = isInteger ? Double(tile.integers) : tile.sum.value
        if feature.function == .sum { return Self.finite(total) }
        let count = tile.count
        // A sum beyond every double may still have a mean: scaling by powers of two is exact.
        let mean =
            total.isFinite
            ? total / Double(count) : scaledMean(count, range, facts)
        if feature.function == .mean { return Self.finite(mean) }
        guard count > 1 else { return FeatureValue(.notFound) }
        var squares = ExactSum()
        var overflows = false
        facts.forEach(range, query) { word in
            let value =
                isInteger ? Double(Int64(bitPattern: word)) : Double(bitPattern: word)
            let square = (value - mean) * (value - mean)
            if square.isFinite { squares.add(square) } else { overflows = true }
        }
        if overflows { return FeatureValue(.overflow) }
        let variance = squares.value / Double(count - 1)
        return Self.finite(
            feature.function == .variance ? variance : variance.squareRoot())
    }

    /// The mean of values whose sum overflows, from values scaled by 2^-64.
    private func scaledMean(
        _ count: Int, _ range: FactRange, _ facts: borrowing EntityFacts
    ) -> Double {
        let scale = Double(sign: .plus, exponent: -64, significand: 1)
        var sum = ExactSum()
        facts.forEach(range, query) { sum.add(Double(bitPattern: $0) * scale) }
        return sum.value / Double(count) / scale
    }

    private static func finite(_ value: Double) -> FeatureValue {
        value.isFinite ? .present(.float64(value)) : FeatureValue(.overflow)
    }
}

extension EntityFacts {
    /// Appends the values of some features: once for all of them, so that references are counted
    /// once.
    func answer(
        _ features: borrowing Span<Int>, _ evaluation: inout Evaluation,
        _ texts: borrowing TextTable, into values: inout [FeatureValue]
    ) {
        for index in 0..<features.count {
            values.append(evaluation.value(features[index], self, texts))
        }
    }
}

extension FactLayout.Lane {
    /// A present fact's value.
    func value(_ word: UInt64, _ texts: borrowing TextTable) -> Value {
        switch type {
        case .bool: .bool(word != 0)
        case .int64: .int64(Int64(bitPattern: word))
        case .float64: .float64(Double(bitPattern: word))
        case .timestamp: .timestamp(Timestamp(microseconds: Int64(bitPattern: word)))
        case .string: .string(texts[word])
        }
    }
}
