import VarveBytes

/// Answers one feature for rows by entity and in order of time, its window's bounds moving forward
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
    /// Rows that are looked at one by one.
    var rest: [Int32] = []

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

    /// The facts of a window: those of `settled` that contribute all count, those of `open` where
    /// they are visible.
    struct Span {
        var settled: Range<Int>
        var open: Range<Int>
        /// What an open fact must be known before.
        let limit: Int64
    }

    /// Answers all rows.
    /// - Parameters:
    ///   - bounds: where the window begins and ends for each.
    ///   - cells: at least as many as rows.
    mutating func answer(
        _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds, _ lane: inout LaneSweep,
        _ categories: LaneSweep, _ cells: inout FeatureCells
    ) {
        let count = rows.times.count
        guard isSum, bounds.sums.isEmpty else {
            return answer(0..<count, rows, bounds, &lane, categories, &cells)
        }
        // One unit for the values of all entities, if there is one; else one for each.
        if lane.prepareSums(0..<lane.count, isInteger: type == .int64) {
            return answer(0..<count, rows, bounds, &lane, categories, &cells)
        }
        var start = 0
        while start < count {
            let entity = rows.entities[start]
            var end = start + 1
            while end < count, rows.entities[end] == entity { end += 1 }
            let facts = lane.starts[Int(entity)]..<lane.starts[Int(entity) + 1]
            _ = lane.prepareSums(facts, isInteger: type == .int64)
            answer(start..<end, rows, bounds, &lane, categories, &cells)
            start = end
        }
    }

    private mutating func answer(
        _ range: Range<Int>, _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds,
        _ lane: inout LaneSweep, _ categories: LaneSweep, _ cells: inout FeatureCells
    ) {
        (head, pushed) = (0, 0)
        queue.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        if !answerSettled(range, rows, bounds, lane, &cells) {
            rest.append(contentsOf: range.lazy.map { Int32(truncatingIfNeeded: $0) })
        }
        for row in rest {
            let row = Int(row)
            answer(
                rows.times[row], lower: Int(bounds.lowers[row]), top: Int(bounds.tops[row]),
                settled: Int(rows.settled[row]), &lane, categories, &cells, row)
        }
    }

    /// Whether answers come from sums of doubles that several features may share.
    var sharesSums: Bool {
        if case .lastFacts = feature.window { return false }
        return isSum && type == .float64 && categoryType == nil
    }

    private var isSum: Bool { feature.function == .sum || feature.function == .mean }

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
            let (age, overflow) = time.subtractingReportingOverflow(lane.eventTimes[newest])
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
            return lastFacts(limit, time, lower: lower, end: top, settled: min(settled, top), lane)
        }
        let middle = min(max(lower, settled), top)
        return Span(
            settled: lower..<middle, open: middle..<top,
            limit: time.subtractingClamped(-reach))
    }

    /// The newest facts that are visible, nulls included.
    private func lastFacts(
        _ count: Int, _ time: Int64, lower: Int, end: Int, settled: Int, _ lane: LaneSweep
    ) -> Span {
        let limit = time.subtractingClamped(-reach)
        var left = count
        var index = end
        while index > settled, left > 0 {
            index -= 1
            if lane.isVisible(index, before: limit) { left -= 1 }
        }
        if left == 0 { return Span(settled: index..<index, open: index..<end, limit: limit) }
        let first = lane.begin(ofLast: left, in: lower..<settled)
        return Span(settled: first..<settled, open: settled..<end, limit: limit)
    }

    private func newest(_ span: Span, _ lane: LaneSweep, orNull: Bool) -> Int? {
        span.open.last {
            (orNull || lane.isPresent($0)) && lane.isVisible($0, before: span.limit)
        } ?? lane.newest(span.settled, orNull: orNull)
    }

    private func isExpired(_ index: Int, _ time: Int64, _ lane: LaneSweep) -> Bool {
        guard let maxAge else { return false }
        return Self.isOlder(lane.eventTimes[index], than: maxAge, at: time)
    }

    func set(_ cells: inout FeatureCells, _ row: Int, _ word: UInt64) {
        cells.statuses[row] = FeatureStatus.present.rawValue
        cells.words[row] = word
    }

    private func set(_ cells: inout FeatureCells, _ row: Int, _ lane: LaneSweep, _ index: Int) {
        cells.statuses[row] = FeatureStatus.present.rawValue
        if type == .string {
            cells.texts[row] = lane.values.texts[index]
        } else {
            cells.words[row] = lane.word(index)
        }
    }

    func set(_ cells: inout FeatureCells, _ row: Int, finite value: Double) {
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
            // On its own: as an argument it would find the queue shared, and copy it.
            let found = extreme(span, newest, lane)
            set(&cells, row, lane, found)
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

    /// Calls a function with each fact of a window that has a value and counts.
    func forEachValue(_ span: Span, _ lane: LaneSweep, _ body: (Int) -> Void) {
        for index in span.settled where contributes(index, lane) { body(index) }
        for index in span.open
        where lane.isPresent(index) && lane.isVisible(index, before: span.limit) { body(index) }
    }
}

extension FeatureCells {
    mutating func setStatus(_ status: FeatureStatus, _ row: Int) {
        statuses[row] = status.rawValue
        if type == .string { texts[row] = "" } else { words[row] = 0 }
    }
}
