import VarveBytes

/// The quick way, which most rows take: no fact of the window is open, and every fact of the lane
/// has a value and counts. One flat loop for each function.
extension WindowSweep {
    /// Answers the rows of a range that can be answered so, and adds the others to `rest`.
    /// - Returns: false when none can; `rest` is left as it is then.
    mutating func answerSettled(
        _ range: Range<Int>, _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds,
        _ lane: borrowing LaneSweep, _ cells: inout FeatureCells
    ) -> Bool {
        guard lane.isPlain, categoryType == nil else { return false }
        if case .lastFacts = feature.window { return false }
        if feature.function == .count {
            each(range, rows, bounds, lane, &cells, isOfNone: true) { UInt64($1 - $0) }
            return true
        }
        let words = lane.values.words.span
        guard type != .string, words.count == lane.count else { return false }
        switch feature.function {
        case .latest, .last:
            each(range, rows, bounds, lane, &cells) { words[$1 - 1] }
        case .first:
            each(range, rows, bounds, lane, &cells) { lower, _ in words[lower] }
        case .min, .max:
            // Looking at every fact of every window is less work than a queue of extremes.
            guard bounds.facts(range) <= 4 * lane.count else { return false }
            let isFloat = type == .float64
            // The complement of every key turns their order round.
            let turn: Int64 = feature.function == .max ? -1 : 0
            each(range, rows, bounds, lane, &cells) { lower, top in
                var least = LaneSweep.key(words[lower], isFloat: isFloat) ^ turn
                for index in (lower + 1)..<top {
                    least = min(least, LaneSweep.key(words[index], isFloat: isFloat) ^ turn)
                }
                return LaneSweep.word(key: least ^ turn, isFloat: isFloat)
            }
        case .sum where lane.sumsFit && type == .int64:
            each(range, rows, bounds, lane, &cells) { lower, top in
                Int64(exactly: lane.sum(lower..<top)).map { UInt64(bitPattern: $0) }
            }
        case .sum where !bounds.sums.isEmpty:
            eachSum(range, rows, bounds, lane, &cells) { sum, _ in sum }
        case .mean where !bounds.sums.isEmpty:
            eachSum(range, rows, bounds, lane, &cells) { $0 / Double($1) }
        case .sum where lane.sumsFit:
            each(range, rows, bounds, lane, &cells) { lower, top in
                let sum = lane.double(lane.sum(lower..<top))
                return sum.isFinite ? sum.bitPattern : nil
            }
        case .mean where lane.sumsFit:
            each(range, rows, bounds, lane, &cells) { lower, top in
                let sum = lane.double(lane.sum(lower..<top))
                return sum.isFinite ? (sum / Double(top - lower)).bitPattern : nil
            }
        default: return false
        }
        return true
    }

    /// Answers each row by a function of its window; what it has no answer to goes to `rest`.
    /// - Parameter isOfNone: whether a window without facts has an answer, at any age.
    @inline(__always)
    private mutating func each(
        _ range: Range<Int>, _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds,
        _ lane: borrowing LaneSweep, _ cells: inout FeatureCells, isOfNone: Bool = false,
        _ word: (_ lower: Int, _ top: Int) -> UInt64?
    ) {
        Self.fill(
            &cells.words, &cells.statuses, &rest, range, rows, bounds, lane,
            maxAge: isOfNone ? nil : maxAge, isOfNone: isOfNone
        ) { word($1, $2) }
    }

    /// Answers each row by a function of its window's sum and its facts, at least one. Without a
    /// branch where windows are empty, as nobody can foresee that.
    @inline(__always)
    private mutating func eachSum(
        _ range: Range<Int>, _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds,
        _ lane: borrowing LaneSweep, _ cells: inout FeatureCells,
        _ answer: (_ sum: Double, _ count: Int) -> Double
    ) {
        let sums = bounds.sums.span
        if maxAge != nil {
            return Self.fill(
                &cells.words, &cells.statuses, &rest, range, rows, bounds, lane, maxAge: maxAge,
                isOfNone: false
            ) { row, lower, top in
                sums[row].isFinite ? answer(sums[row], top - lower).bitPattern : nil
            }
        }
        let (lowers, tops, settled) = (bounds.lowers.span, bounds.tops.span, rows.settled.span)
        let (present, notFound) = (FeatureStatus.present.rawValue, FeatureStatus.notFound.rawValue)
        Self.fill(&cells.words, &cells.statuses) { words, statuses in
            for row in range {
                let (count, sum) = (Int(tops[row] - lowers[row]), sums[row])
                if settled[row] < tops[row] || !sum.isFinite {
                    rest.append(Int32(truncatingIfNeeded: row))
                    continue
                }
                // The sum of nothing is zero, and so is the word of a cell that is not there.
                words[row] = answer(sum, max(count, 1)).bitPattern
                statuses[row] = count > 0 ? present : notFound
            }
        }
    }

    @inline(__always)
    private static func fill(
        _ words: inout [UInt64], _ statuses: inout [UInt8],
        _ body: (inout MutableSpan<UInt64>, inout MutableSpan<UInt8>) -> Void
    ) {
        var words = words.mutableSpan
        var statuses = statuses.mutableSpan
        body(&words, &statuses)
    }

    @inline(__always)
    private static func fill(
        _ words: inout [UInt64], _ statuses: inout [UInt8], _ rest: inout [Int32],
        _ range: Range<Int>, _ rows: borrowing SweepRows, _ bounds: borrowing WindowBounds,
        _ lane: borrowing LaneSweep, maxAge: Int64?, isOfNone: Bool,
        _ word: (_ row: Int, _ lower: Int, _ top: Int) -> UInt64?
    ) {
        let (lowers, tops) = (bounds.lowers.span, bounds.tops.span)
        let (settled, times) = (rows.settled.span, rows.times.span)
        let events = lane.eventTimes.words.span
        var words = words.mutableSpan
        var statuses = statuses.mutableSpan
        for row in range {
            let (lower, top) = (Int(lowers[row]), Int(tops[row]))
            var status = FeatureStatus.present
            var answer: UInt64 = 0
            if settled[row] < tops[row] {
                rest.append(Int32(truncatingIfNeeded: row))
                continue
            } else if lower == top, !isOfNone {
                status = .notFound
            } else if let maxAge, isOlder(
                    Int64(bitPattern: events[top - 1]), than: maxAge, at: times[row]) {
                status = .expired
            } else if let found = word(row, lower, top) {
                answer = found
            } else {
                rest.append(Int32(truncatingIfNeeded: row))
                continue
            }
            words[row] = answer
            statuses[row] = status.rawValue
        }
    }

    /// Whether a time lies further back than an age.
    static func isOlder(_ time: Int64, than age: Int64, at now: Int64) -> Bool {
        let (found, overflow) = now.subtractingReportingOverflow(time)
        return overflow || found > age
    }
}
