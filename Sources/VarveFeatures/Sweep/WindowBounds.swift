import VarveBytes

/// Where a window over the facts of one lane begins and ends for each row, whatever is known when:
/// what all features over the window share.
struct WindowBounds {
    let window: Window
    /// 1 where a fact at exactly T is visible, else 0: added to every bound.
    let reach: Int64
    /// For each row the first fact at or after the window's far edge, and after its near one. There
    /// may be more of them than rows.
    private(set) var lowers: [Int32] = []
    private(set) var tops: [Int32] = []
    /// Whether they are those of the facts at hand.
    var isCurrent = false
    /// For each row whose facts are all settled the sum of the values, if there are any, no finite
    /// number where it is not known; empty where nobody asked for them.
    private(set) var sums: [Double] = []
    /// Facts of a window that are looked for from its end.
    private static let factsBackward = 8

    init(_ window: Window, reach: Int64) {
        self.window = window
        self.reach = reach
    }

    /// Finds the bounds of all rows.
    mutating func find(_ rows: borrowing SweepRows, _ lane: borrowing LaneSweep) {
        isCurrent = true
        lowers.makeRoom(for: rows.times.count)
        tops.makeRoom(for: rows.times.count)
        guard case .length(let length, let lag, let hop) = window else {
            for row in rows.times.indices {
                lowers[row] = Int32(truncatingIfNeeded: lane.starts[Int(rows.entities[row])])
                tops[row] = rows.ends[row]
            }
            return
        }
        Self.find(rows, lane, (length, lag, hop), reach, &lowers, &tops)
    }

    private static func find(
        _ rows: borrowing SweepRows, _ lane: borrowing LaneSweep,
        _ window: (length: Int64, lag: Int64, hop: Int64), _ reach: Int64,
        _ lowers: inout [Int32], _ tops: inout [Int32]
    ) {
        let (length, lag, hop) = window
        let (facts, times, ends) = (lane.eventTimes.words.span, rows.times.span, rows.ends.span)
        var lowers = lowers.mutableSpan
        var tops = tops.mutableSpan
        for entity in 0..<(rows.starts.count - 1) {
            let (start, stop) = (lane.starts[entity], lane.starts[entity + 1])
            var (lower, near) = (start, start)
            for row in rows.starts[entity]..<rows.starts[entity + 1] {
                let (nearEdge, isBeforeTime) = times[row].subtractingReportingOverflow(lag)
                var (farEdge, isOpen) = nearEdge.subtractingReportingOverflow(length)
                if hop > 0, !isOpen {
                    (farEdge, isOpen) = farEdge.subtractingReportingOverflow(
                        farEdge.flooredDivision(by: hop).remainder)
                }
                farEdge = isOpen ? .min : farEdge.subtractingClamped(-reach)
                var top = Int(ends[row])
                if isBeforeTime {
                    top = start
                } else if lag != 0 {
                    let edge = nearEdge.subtractingClamped(-reach)
                    while near < stop, Int64(bitPattern: facts[near]) < edge { near += 1 }
                    top = min(near, top)
                }
                // Short windows begin near their end, long ones near where the last row's began.
                let least = max(lower, top - factsBackward)
                var first = top
                while first > least, Int64(bitPattern: facts[first - 1]) >= farEdge { first -= 1 }
                if first > least {
                    lower = first
                } else {
                    while lower < top, Int64(bitPattern: facts[lower]) < farEdge { lower += 1 }
                }
                lowers[row] = Int32(truncatingIfNeeded: lower)
                tops[row] = Int32(truncatingIfNeeded: top)
            }
        }
    }

    /// Forgets sums, which are those of one lane.
    mutating func dropSums() { sums.removeAll(keepingCapacity: true) }

    /// Finds the sums of all rows, if they are not found already and windows are short or the lane
    /// has sums.
    /// - Parameter lane: plain.
    mutating func findSums(_ rows: borrowing SweepRows, _ lane: inout LaneSweep) {
        if !sums.isEmpty { return }
        let count = rows.times.count
        let areShort = facts(0..<count) <= 2 * lane.count
        if !areShort, !lane.prepareSums(0..<lane.count, isInteger: false) { return }
        Self.findSums(rows.settled, lowers, tops, areShort: areShort, lane, count, &sums)
    }

    private static func findSums(
        _ settled: [Int32], _ lowers: [Int32], _ tops: [Int32], areShort: Bool,
        _ lane: borrowing LaneSweep, _ count: Int, _ sums: inout [Double]
    ) {
        let (lowers, tops, settled) = (lowers.span, tops.span, settled.span)
        let words = lane.values.words.span
        sums.append(addingCapacity: count) { sums in
            for row in 0..<count {
                let (lower, top) = (Int(lowers[row]), Int(tops[row]))
                if settled[row] < tops[row] || lower == top {
                    sums.append(0)
                } else if top - lower == 1 {
                    // Plus zero, as sums have no zero of the other sign.
                    sums.append(Double(bitPattern: words[lower]) + 0)
                } else if top - lower == 2 {
                    sums.append(
                        Double(bitPattern: words[lower]) + Double(bitPattern: words[lower + 1]) + 0)
                } else if areShort {
                    var sum = ShortSum()
                    for index in lower..<top { sum.add(Double(bitPattern: words[index])) }
                    // Where two doubles do not hold it, it is found out with the row's answer.
                    sums.append(sum.value ?? .nan)
                } else {
                    sums.append(lane.double(lane.sum(lower..<top)))
                }
            }
        }
    }

    /// Facts in the windows of some rows together.
    func facts(_ rows: Range<Int>) -> Int {
        var facts = 0
        for row in rows { facts += Int(tops[row] - lowers[row]) }
        return facts
    }

    /// The bounds of some rows.
    func of(_ rows: [Int32]) -> WindowBounds {
        var bounds = WindowBounds(window, reach: reach)
        bounds.lowers = rows.map { lowers[Int($0)] }
        bounds.tops = rows.map { tops[Int($0)] }
        return bounds
    }
}

extension Array where Element: FixedWidthInteger {
    /// Makes the array as long as some rows, or longer, whatever is in it.
    mutating func makeRoom(for rows: Int) {
        if count >= rows { return }
        // Some more, as the next partition is not much larger.
        self = Array(repeating: 0, count: rows + Swift.min(rows, 1 << 16))
    }
}

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
