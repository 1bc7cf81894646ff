import VarveBytes

/// Answers one feature of one entity for rows in order of time, its window's bounds moving forward
/// from row to row. Says what `EntityFacts.value` says, cell by cell.
struct WindowSweep {
    let feature: ViewPlan.Feature
    let type: ValueType
    let categoryType: ValueType?
    let maxAge: Int64?
    /// 1 where a fact at exactly T is visible, else 0: added to every bound.
    let reach: Int64

    /// Indices whose ranks descend (or ascend, for min): the first is the extreme of the window.
    private var queue: [Int32] = []
    private var head = 0
    private var pushed = 0
    /// Extremes are found by looking at every fact of a window.
    private var isScanned = false

    init(
        _ feature: ViewPlan.Feature, type: ValueType, categoryType: ValueType?, maxAge: Int64?,
        includesCutoff: Bool
    ) {
        self.feature = feature
        self.categoryType = categoryType
        self.type = type
        self.maxAge = maxAge
        reach = includesCutoff ? 1 : 0
    }

    /// Begins anew with another entity's facts.
    mutating func reset() {
        (head, pushed) = (0, 0)
        queue.removeAll(keepingCapacity: true)
    }

    /// The facts of a window: those of `settled` that contribute all count, those of `open` where
    /// they are visible.
    private struct Span {
        var settled: Range<Int>
        var open: Range<Int>
        /// What an open fact must be known before.
        let limit: Int64
    }

    /// Answers all rows of an entity.
    /// - Parameters:
    ///   - times: T of each row, ascending.
    ///   - bounds: where the window begins and ends for each.
    ///   - settled: for each row the first fact whose fate is not known yet.
    mutating func answer(
        _ times: [Int64], _ bounds: borrowing WindowBounds, settled: [Int],
        _ lane: inout LaneSweep, _ categories: LaneSweep, _ cells: inout FeatureCells
    ) {
        reset()
        let isQuick = lane.isPlain && !feature.function.needsValues && categoryType == nil
            && feature.function != .timeSinceLast && !isOfLastFacts
        if isQuick, isMinOrMax {
            isScanned = scansLess(bounds, settled, lane.count)
            if type == .string { lane.prepareRanks(type) }
        }
        for row in times.indices {
            let (lower, top) = (bounds.lowers[row], bounds.tops[row])
            let bound = settled[row]
            if isQuick, bound >= top {
                answerSettled(times[row], lower..<top, &lane, &cells, row)
            } else {
                answer(
                    times[row], lower: lower, top: top, settled: bound, &lane, categories,
                    &cells, row)
            }
        }
    }

    private var isMinOrMax: Bool { feature.function == .min || feature.function == .max }

    private var isOfLastFacts: Bool {
        if case .lastFacts = feature.window { true } else { false }
    }

    /// Whether looking at every fact of every window is less work than a queue of extremes.
    private func scansLess(
        _ bounds: borrowing WindowBounds, _ settled: [Int], _ count: Int
    ) -> Bool {
        var (facts, row) = (0, 0)
        while row < settled.count, facts <= 4 * count {
            facts += bounds.tops[row] - bounds.lowers[row]
            row += 1
        }
        return facts <= 4 * count
    }

    /// One row's value where all facts of the window have a value, and count.
    private mutating func answerSettled(
        _ time: Int64, _ run: Range<Int>, _ lane: inout LaneSweep, _ cells: inout FeatureCells,
        _ row: Int
    ) {
        if feature.function == .count { return set(&cells, row, UInt64(run.count)) }
        if run.isEmpty { return cells.setStatus(.notFound, row) }
        let newest = run.upperBound - 1
        if maxAge != nil, isExpired(newest, time, lane) {
            return cells.setStatus(.expired, row)
        }
        switch feature.function {
        case .latest, .last: set(&cells, row, lane, newest)
        case .min where isScanned, .max where isScanned:
            var best = newest
            if feature.function == .min {
                for index in run where lane.order(index, type) < lane.order(best, type) {
                    best = index
                }
            } else {
                for index in run where lane.order(index, type) > lane.order(best, type) {
                    best = index
                }
            }
            set(&cells, row, lane, best)
        default:
            fold(
                Span(
                    settled: run, open: run.upperBound..<run.upperBound,
                    limit: time.subtractingClamped(-reach)),
                newest, &lane, &cells, row)
        }
    }

    /// One row's value.
    /// - Parameters:
    ///   - time: T, not less than the one before.
    ///   - lower: the first fact in the window.
    ///   - top: the first fact beyond it.
    ///   - bound: the first fact whose fate is not known yet.
    private mutating func answer(
        _ time: Int64, lower: Int, top: Int, settled bound: Int, _ lane: inout LaneSweep,
        _ categories: LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) {
        let span = span(time, lower: lower, top: top, settled: bound, lane)
        if feature.function.needsValues || categoryType != nil {
            return list(span, time, lane, categories, &cells, row)
        }
        switch feature.function {
        case .count:
            var count = lane.valueCount(span.settled)
            for index in span.open where lane.isPresent(index) && lane.isVisible(index, before: span.limit) {
                count += 1
            }
            set(&cells, row, UInt64(count))
        case .timeSinceLast:
            guard let newest = newest(span, lane, orNull: false) else {
                return cells.setStatus(.notFound, row)
            }
            let (age, overflow) = time.subtractingReportingOverflow(lane.eventTime(newest))
            if overflow { return cells.setStatus(.overflow, row) }
            set(&cells, row, UInt64(bitPattern: age))
        case .latest:
            guard let newest = newest(span, lane, orNull: true) else {
                return cells.setStatus(.notFound, row)
            }
            if isExpired(newest, time, lane) { return cells.setStatus(.expired, row) }
            if !lane.isPresent(newest) { return cells.setStatus(.nullValue, row) }
            set(&cells, row, lane, newest)
        default:
            guard let newest = newest(span, lane, orNull: false) else {
                return cells.setStatus(.notFound, row)
            }
            if isExpired(newest, time, lane) { return cells.setStatus(.expired, row) }
            fold(span, newest, &lane, &cells, row)
        }
    }

    private func span(
        _ time: Int64, lower: Int, top: Int, settled: Int, _ lane: LaneSweep
    ) -> Span {
        if case .lastFacts(let limit) = feature.window {
            return lastFacts(limit, time, end: top, settled: min(settled, top), lane)
        }
        let middle = min(max(lower, settled), top)
        return Span(
            settled: lower..<middle, open: middle..<top,
            limit: time.subtractingClamped(-reach))
    }

    /// The newest facts that are visible, nulls included.
    private func lastFacts(
        _ count: Int, _ time: Int64, end: Int, settled: Int, _ lane: LaneSweep
    ) -> Span {
        let limit = time.subtractingClamped(-reach)
        var left = count
        var index = end
        while index > settled, left > 0 {
            index -= 1
            if lane.isVisible(index, before: limit) { left -= 1 }
        }
        if left == 0 { return Span(settled: index..<index, open: index..<end, limit: limit) }
        let lower = lane.begin(ofLast: left, upTo: settled)
        return Span(settled: lower..<settled, open: settled..<end, limit: limit)
    }

    private func newest(_ span: Span, _ lane: LaneSweep, orNull: Bool) -> Int? {
        span.open.last {
            (orNull || lane.isPresent($0)) && lane.isVisible($0, before: span.limit)
        } ?? lane.newest(span.settled, orNull: orNull)
    }

    private func isExpired(_ index: Int, _ time: Int64, _ lane: LaneSweep) -> Bool {
        guard let maxAge else { return false }
        let (age, overflow) = time.subtractingReportingOverflow(lane.eventTime(index))
        return overflow || age > maxAge
    }

    private func set(_ cells: inout FeatureCells, _ row: Int, _ word: UInt64) {
        cells.statuses[row] = FeatureStatus.present.rawValue
        cells.words[row] = word
    }

    private func set(_ cells: inout FeatureCells, _ row: Int, _ lane: LaneSweep, _ index: Int) {
        cells.statuses[row] = FeatureStatus.present.rawValue
        if type == .string {
            cells.texts[row] = lane.values.texts[lane.start + index]
        } else {
            cells.words[row] = lane.word(index)
        }
    }

    private func set(_ cells: inout FeatureCells, _ row: Int, finite value: Double) {
        if !value.isFinite { return cells.setStatus(.overflow, row) }
        set(&cells, row, value.bitPattern)
    }
}

extension WindowSweep {
    /// Aggregations of at least one value; `newest` is the last of them.
    private mutating func fold(
        _ span: Span, _ newest: Int, _ lane: inout LaneSweep, _ cells: inout FeatureCells,
        _ row: Int
    ) {
        switch feature.function {
        case .last: set(&cells, row, lane, newest)
        case .first:
            let first =
                lane.first(span.settled)
                ?? span.open.first {
                    lane.isPresent($0) && lane.isVisible($0, before: span.limit)
                }
            set(&cells, row, lane, first ?? newest)
        case .min, .max:
            lane.prepareRanks(type)
            set(&cells, row, lane, extreme(span, newest, lane))
        case .sum, .mean:
            if !sum(span, &lane, &cells, row) { walk(span, lane, &cells, row) }
        case .variance, .stddev: walk(span, lane, &cells, row)
        case .count, .latest, .timeSinceLast, .distinct, .quantile, .firstK, .lastK, .topK:
            preconditionFailure("\(feature.function) is answered before")
        }
    }

    private mutating func extreme(_ span: Span, _ newest: Int, _ lane: LaneSweep) -> Int {
        let isMin = feature.function == .min
        func isBetter(_ one: Int, _ other: Int) -> Bool {
            isMin ? lane.rank(one) < lane.rank(other) : lane.rank(one) > lane.rank(other)
        }
        var best = newest
        if case .lastFacts = feature.window, lane.hasReplaced {
            // Facts that are replaced let the window grow backwards: no queue holds it.
            for index in span.settled where contributes(index, lane) && isBetter(index, best) {
                best = index
            }
        } else {
            pushed = max(pushed, span.settled.lowerBound)
            while pushed < span.settled.upperBound {
                let index = pushed
                pushed += 1
                if !contributes(index, lane) { continue }
                while queue.count > head, !isBetter(Int(queue[queue.count - 1]), index) {
                    queue.removeLast()
                }
                queue.append(Int32(index))
            }
            while head < queue.count, Int(queue[head]) < span.settled.lowerBound { head += 1 }
            if head < queue.count, isBetter(Int(queue[head]), best) { best = Int(queue[head]) }
        }
        for index in span.open
        where lane.isPresent(index) && lane.isVisible(index, before: span.limit)
            && isBetter(index, best)
        {
            best = index
        }
        return best
    }

    private func contributes(_ index: Int, _ lane: LaneSweep) -> Bool {
        lane.isPresent(index) && !lane.isReplaced(index)
    }

    /// Sum or mean from prefix sums; false where the slow way must be taken.
    private func sum(
        _ span: Span, _ lane: inout LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) -> Bool {
        let isInteger = type == .int64
        guard lane.prepareSums(isInteger: isInteger) else { return false }
        var total = lane.sum(span.settled)
        var count = lane.valueCount(span.settled)
        for index in span.open
        where lane.isPresent(index) && lane.isVisible(index, before: span.limit) {
            total += lane.units(index, isInteger: isInteger)
            count += 1
        }
        if feature.function == .sum, isInteger {
            guard let exact = Int64(exactly: total) else {
                cells.setStatus(.overflow, row)
                return true
            }
            set(&cells, row, UInt64(bitPattern: exact))
            return true
        }
        let rounded = lane.double(total)
        if feature.function == .sum {
            set(&cells, row, finite: rounded)
        } else {
            // A sum beyond every double may still have a mean.
            guard rounded.isFinite else { return false }
            set(&cells, row, finite: rounded / Double(count))
        }
        return true
    }

    /// Answers that need the values themselves.
    private func list(
        _ span: Span, _ time: Int64, _ lane: LaneSweep, _ categories: LaneSweep,
        _ cells: inout FeatureCells, _ row: Int
    ) {
        if feature.function != .count, let newest = newest(span, lane, orNull: false),
            isExpired(newest, time, lane)
        {
            return cells.setStatus(.expired, row)
        }
        if let categoryType {
            var values: [(category: Value, value: Value)] = []
            forEachValue(span, lane) { index in
                guard categories.isPresent(index) else { return }
                values.append((categories.value(index, categoryType), lane.value(index, type)))
            }
            cells[row] = ValueList.answer(feature.function, feature.parameter, values)
        } else {
            var values: [Value] = []
            forEachValue(span, lane) { values.append(lane.value($0, type)) }
            cells[row] = ValueList.answer(feature.function, feature.parameter, values)
        }
    }

    private func forEachValue(_ span: Span, _ lane: LaneSweep, _ body: (Int) -> Void) {
        for index in span.settled where contributes(index, lane) { body(index) }
        for index in span.open
        where lane.isPresent(index) && lane.isVisible(index, before: span.limit) { body(index) }
    }

    /// Moments by walking the window: the expressions are those of `EntityFacts.value`.
    private func walk(
        _ span: Span, _ lane: LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) {
        let isInteger = type == .int64
        var (count, integers) = (0, Int128(0))
        var sum = ExactSum()
        forEachValue(span, lane) { index in
            count += 1
            if isInteger {
                integers += Int128(lane.integer(index))
            } else {
                sum.add(lane.double(index))
            }
        }
        let total = isInteger ? Double(integers) : sum.value
        if feature.function == .sum { return set(&cells, row, finite: total) }
        let mean = total.isFinite ? total / Double(count) : scaledMean(span, lane, count)
        if feature.function == .mean { return set(&cells, row, finite: mean) }
        guard count > 1 else { return cells.setStatus(.notFound, row) }
        var squares = ExactSum()
        var overflows = false
        forEachValue(span, lane) { index in
            let value = isInteger ? Double(lane.integer(index)) : lane.double(index)
            let square = (value - mean) * (value - mean)
            if square.isFinite { squares.add(square) } else { overflows = true }
        }
        if overflows { return cells.setStatus(.overflow, row) }
        let variance = squares.value / Double(count - 1)
        set(
            &cells, row,
            finite: feature.function == .variance ? variance : variance.squareRoot())
    }

    private func scaledMean(_ span: Span, _ lane: LaneSweep, _ count: Int) -> Double {
        let scale = Double(sign: .plus, exponent: -64, significand: 1)
        var sum = ExactSum()
        forEachValue(span, lane) { sum.add(lane.double($0) * scale) }
        return sum.value / Double(count) / scale
    }
}

extension FeatureCells {
    mutating func setStatus(_ status: FeatureStatus, _ row: Int) {
        statuses[row] = status.rawValue
        if type == .string { texts[row] = "" } else { words[row] = 0 }
    }
}
