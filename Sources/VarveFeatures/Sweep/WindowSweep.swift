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

    // Bounds of the window, which only grow: the first fact at or after its far and near edges.
    private var lower = 0
    private var near = 0
    /// Indices whose ranks descend (or ascend, for min): the first is the extreme of the window.
    private var queue: [Int32] = []
    private var head = 0
    private var pushed = 0

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
        (lower, near, head, pushed) = (0, 0, 0, 0)
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

    /// One row's value.
    /// - Parameters:
    ///   - time: T, not less than the one before.
    ///   - end: the first fact whose event time is too late.
    ///   - settled: the first fact whose fate is not known yet, at most `end`.
    mutating func answer(
        _ time: Int64, end: Int, settled: Int, _ lane: inout LaneSweep,
        _ categories: LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) {
        let span = span(time, end: end, settled: settled, lane)
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

    private mutating func span(
        _ time: Int64, end: Int, settled: Int, _ lane: LaneSweep
    ) -> Span {
        var top = end
        switch feature.window {
        case .lifetime: lower = 0
        case .lastFacts(let limit):
            return lastFacts(limit, time, end: end, settled: settled, lane)
        case .length(let length, let lag, let hop):
            let nearEdge = time.subtractingSaturating(lag)
            var farEdge = nearEdge.subtractingSaturating(length)
            if hop > 0 {
                farEdge = farEdge.subtractingSaturating(farEdge.flooredDivision(by: hop).remainder)
            }
            farEdge = farEdge.subtractingSaturating(-reach)
            if lag != 0 {
                let edge = nearEdge.subtractingSaturating(-reach)
                while near < lane.count, lane.eventTime(near) < edge { near += 1 }
                top = min(near, end)
            }
            while lower < lane.count, lane.eventTime(lower) < farEdge { lower += 1 }
        }
        let first = min(lower, top)
        let middle = min(max(first, settled), top)
        return Span(
            settled: first..<middle, open: middle..<top,
            limit: time.subtractingSaturating(-reach))
    }

    /// The newest facts that are visible, nulls included.
    private mutating func lastFacts(
        _ count: Int, _ time: Int64, end: Int, settled: Int, _ lane: LaneSweep
    ) -> Span {
        let limit = time.subtractingSaturating(-reach)
        var left = count
        var index = end
        while index > settled, left > 0 {
            index -= 1
            if lane.isVisible(index, before: limit) { left -= 1 }
        }
        if left == 0 {
            lower = index
            return Span(settled: index..<index, open: index..<end, limit: limit)
        }
        lower = lane.begin(ofLast: left, upTo: settled)
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

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    fileprivate func subtractingSaturating(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
