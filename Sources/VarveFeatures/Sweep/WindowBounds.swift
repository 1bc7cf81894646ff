import VarveBytes

/// Where a window over the facts of one lane begins and ends for each row, whatever is known when:
/// what all features over the window share.
struct WindowBounds {
    let window: Window
    /// 1 where a fact at exactly T is visible, else 0: added to every bound.
    let reach: Int64
    /// For each row the first fact at or after the window's far edge, and after its near one.
    private(set) var lowers: [Int] = []
    private(set) var tops: [Int] = []
    /// Whether they are those of the facts at hand.
    var isCurrent = false

    init(_ window: Window, reach: Int64) {
        self.window = window
        self.reach = reach
    }

    /// Finds the bounds of all rows.
    mutating func find(_ rows: borrowing SweepRows, _ lane: borrowing LaneSweep) {
        isCurrent = true
        lowers.removeAll(keepingCapacity: true)
        tops.removeAll(keepingCapacity: true)
        lowers.reserveCapacity(rows.times.count)
        tops.reserveCapacity(rows.times.count)
        guard case .length(let length, let lag, let hop) = window else {
            for row in rows.times.indices {
                lowers.append(lane.starts[Int(rows.entities[row])])
                tops.append(rows.ends[row])
            }
            return
        }
        let facts = lane.eventTimes.span
        let times = rows.times.span
        for entity in 0..<(rows.starts.count - 1) {
            let stop = lane.starts[entity + 1]
            var (lower, near) = (lane.starts[entity], lane.starts[entity])
            for row in rows.starts[entity]..<rows.starts[entity + 1] {
                let (nearEdge, isBeforeTime) = times[row].subtractingReportingOverflow(lag)
                var (farEdge, isOpen) = nearEdge.subtractingReportingOverflow(length)
                if hop > 0, !isOpen {
                    (farEdge, isOpen) = farEdge.subtractingReportingOverflow(
                        farEdge.flooredDivision(by: hop).remainder)
                }
                farEdge = isOpen ? .min : farEdge.subtractingClamped(-reach)
                var top = rows.ends[row]
                if isBeforeTime {
                    top = lane.starts[entity]
                } else if lag != 0 {
                    let edge = nearEdge.subtractingClamped(-reach)
                    while near < stop, facts[near] < edge { near += 1 }
                    top = min(near, top)
                }
                while lower < stop, facts[lower] < farEdge { lower += 1 }
                lowers.append(min(lower, top))
                tops.append(top)
            }
        }
    }

    /// The bounds of some rows.
    func of(_ rows: [Int32]) -> WindowBounds {
        var bounds = WindowBounds(window, reach: reach)
        bounds.lowers = rows.map { lowers[Int($0)] }
        bounds.tops = rows.map { tops[Int($0)] }
        return bounds
    }
}

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
