/// Sums, means and moments of windows that are answered one by one.
extension WindowSweep {
    /// Windows of so many facts are summed fact by fact where they are not settled.
    private static var shortest: Int { 32 }

    /// Sum or mean, of long windows from prefix sums; false where the slow way must be taken.
    func sum(
        _ span: Span, _ lane: inout LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) -> Bool {
        let isInteger = type == .int64
        if lane.isPlain, !isInteger, span.settled.count + span.open.count <= Self.shortest {
            return shortSum(span, lane, &cells, row)
        }
        // Sums at hand may be those of another entity, which was answered for another feature.
        let facts = span.settled.lowerBound..<span.open.upperBound
        guard
            lane.hasSums(of: facts)
                ? lane.sumsFit : lane.prepareSums(0..<lane.count, isInteger: isInteger)
        else { return false }
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

    /// Sum or mean of a few doubles; false where the slow way must be taken.
    private func shortSum(
        _ span: Span, _ lane: LaneSweep, _ cells: inout FeatureCells, _ row: Int
    ) -> Bool {
        var sum = ShortSum()
        var count = 0
        forEachValue(span, lane) { index in
            sum.add(lane.double(index))
            count += 1
        }
        guard let total = sum.value else { return false }
        set(&cells, row, finite: feature.function == .sum ? total : total / Double(count))
        return true
    }

    /// Moments by walking the window: the expressions are those of `EntityFacts.value`.
    func walk(
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
