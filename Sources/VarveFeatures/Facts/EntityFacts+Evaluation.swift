import VarveBytes

/// Answers features from an entity's facts: the one evaluator behind online reads, training sets
/// and audits. Whatever it computes depends on the set of visible facts only.
extension EntityFacts {
    /// The value of one feature.
    func value(
        of feature: ViewPlan.Feature, _ visibility: Visibility, view: ViewDefinition
    ) -> FeatureValue {
        var scan = Scan(
            facts: self, column: columns[feature.lane], visibility: visibility,
            includesCutoff: view.includesCutoff,
            range: range(feature.window, visibility.cutoff.microseconds, view.includesCutoff))
        if case .lastFacts(let limit) = feature.window { scan.keepLast(limit) }
        switch feature.function {
        case .count: return .present(.int64(scan.count()))
        case .timeSinceLast:
            guard let newest = scan.newest() else { return FeatureValue(.notFound) }
            let (age, overflow) = visibility.cutoff.microseconds
                .subtractingReportingOverflow(eventTimes[newest])
            return overflow ? FeatureValue(.overflow) : .present(.int64(age))
        case .latest:
            guard let newest = scan.newest(orNull: true) else { return FeatureValue(.notFound) }
            return scan.isExpired(newest, view.maxAge)
                ? FeatureValue(.expired) : .present(columns[feature.lane].value(newest))
        default:
            guard let newest = scan.newest() else { return FeatureValue(.notFound) }
            if scan.isExpired(newest, view.maxAge) { return FeatureValue(.expired) }
            return scan.fold(feature, newest: newest)
        }
    }

    /// The facts whose event times lie in the window at T.
    private func range(_ window: Window, _ cutoff: Int64, _ includesCutoff: Bool) -> Range<Int> {
        guard case .length(let length, let lag, let hop) = window else {
            return 0..<firstIndex { includesCutoff ? $0 > cutoff : $0 >= cutoff }
        }
        let near = cutoff.subtractingSaturating(lag)
        var far = near.subtractingSaturating(length)
        if hop > 0 { far = far.subtractingSaturating(far.flooredDivision(by: hop).remainder) }
        let upper = firstIndex { includesCutoff ? $0 > near : $0 >= near }
        let lower = firstIndex { includesCutoff ? $0 > far : $0 >= far }
        return lower..<Swift.max(lower, upper)
    }
}

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    fileprivate func subtractingSaturating(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}

/// A pass over the facts of one window that are visible and not left out of the lane.
private struct Scan {
    let facts: EntityFacts
    let column: FactColumn
    let visibility: Visibility
    let includesCutoff: Bool
    var range: Range<Int>

    func contributes(_ index: Int) -> Bool {
        !column.isAbsent(index)
            && facts.isVisible(index, visibility, includesCutoff: includesCutoff)
    }

    /// Narrows the range to the newest facts of the lane, nulls included.
    mutating func keepLast(_ limit: Int) {
        var left = limit
        var index = range.upperBound
        while index > range.lowerBound, left > 0 {
            index -= 1
            if contributes(index) { left -= 1 }
        }
        range = index..<range.upperBound
    }

    /// Facts with a value.
    func count() -> Int64 {
        var count: Int64 = 0
        for index in range where column.isPresent(index) && contributes(index) { count += 1 }
        return count
    }

    /// The newest fact with a value, or also with a null; nil when there is none.
    func newest(orNull: Bool = false) -> Int? {
        range.last { (orNull || column.isPresent($0)) && contributes($0) }
    }

    func isExpired(_ index: Int, _ maxAge: Int64?) -> Bool {
        guard let maxAge else { return false }
        let (age, overflow) = visibility.cutoff.microseconds
            .subtractingReportingOverflow(facts.eventTimes[index])
        return overflow || age > maxAge
    }

    func forEachValue(_ body: (Int) -> Void) {
        for index in range where column.isPresent(index) && contributes(index) { body(index) }
    }

    /// Aggregations of at least one value; `newest` is the last of them.
    func fold(_ feature: ViewPlan.Feature, newest: Int) -> FeatureValue {
        switch feature.function {
        case .last: return .present(column.value(newest))
        case .first:
            let first = range.first { column.isPresent($0) && contributes($0) } ?? newest
            return .present(column.value(first))
        case .min, .max: return .present(extreme(isMin: feature.function == .min, newest))
        case .sum, .mean, .variance, .stddev: return moment(feature.function)
        case .count, .latest, .timeSinceLast:
            preconditionFailure("\(feature.function) is answered before")
        }
    }

    private func extreme(isMin: Bool, _ newest: Int) -> Value {
        var best = column.value(newest)
        forEachValue { index in
            let value = column.value(index)
            if isMin ? value.precedes(best) : best.precedes(value) { best = value }
        }
        return best
    }

    /// Sums are exact and rounded once; mean is sum / count; variance is the exact sum of the
    /// rounded squares of (value - mean), over count - 1; stddev its square root. Each is a fixed
    /// expression over order-free sums, so the order of facts never shows.
    private func moment(_ function: Aggregation) -> FeatureValue {
        let isInteger = column.type == .int64
        var (count, integers) = (0, Int128(0))
        var sum = ExactSum()
        forEachValue { index in
            count += 1
            if isInteger {
                integers += Int128(column.integer(index))
            } else {
                sum.add(column.double(index))
            }
        }
        if function == .sum, isInteger {
            guard let total = Int64(exactly: integers) else { return FeatureValue(.overflow) }
            return .present(.int64(total))
        }
        let total = isInteger ? Double(integers) : sum.value
        if function == .sum { return Self.finite(total) }
        // A sum beyond every double may still have a mean: scaling by powers of two is exact.
        let mean = total.isFinite ? total / Double(count) : scaledMean(count)
        if function == .mean { return Self.finite(mean) }
        guard count > 1 else { return FeatureValue(.notFound) }
        var squares = ExactSum()
        var overflows = false
        forEachValue { index in
            let value = isInteger ? Double(column.integer(index)) : column.double(index)
            let square = (value - mean) * (value - mean)
            if square.isFinite { squares.add(square) } else { overflows = true }
        }
        if overflows { return FeatureValue(.overflow) }
        let variance = squares.value / Double(count - 1)
        return Self.finite(function == .variance ? variance : variance.squareRoot())
    }

    /// The mean of values whose sum overflows, from values scaled by 2^-64.
    private func scaledMean(_ count: Int) -> Double {
        let scale = Double(sign: .plus, exponent: -64, significand: 1)
        var sum = ExactSum()
        forEachValue { sum.add(column.double($0) * scale) }
        return sum.value / Double(count) / scale
    }

    private static func finite(_ value: Double) -> FeatureValue {
        value.isFinite ? .present(.float64(value)) : FeatureValue(.overflow)
    }
}
