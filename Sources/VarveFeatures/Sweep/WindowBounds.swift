import VarveBytes

/// Where a window over the facts of one lane begins and ends for each row of an entity, whatever is
/// known when: what all features over the window share.
struct WindowBounds {
    let window: Window
    /// 1 where a fact at exactly T is visible, else 0: added to every bound.
    let reach: Int64
    /// For each row the first fact at or after the window's far edge, and after its near one.
    private(set) var lowers: [Int] = []
    private(set) var tops: [Int] = []
    /// Whether they are those of the entity and lane at hand.
    var isCurrent = false

    init(_ window: Window, reach: Int64) {
        self.window = window
        self.reach = reach
    }

    /// Finds the bounds.
    /// - Parameters:
    ///   - times: T of each row, ascending.
    ///   - ends: for each row the first fact whose event time is too late.
    mutating func find(_ times: [Int64], _ ends: [Int], _ lane: borrowing LaneSweep) {
        if isCurrent { return }
        isCurrent = true
        lowers.removeAll(keepingCapacity: true)
        tops.removeAll(keepingCapacity: true)
        guard case .length(let length, let lag, let hop) = window else {
            for end in ends {
                lowers.append(0)
                tops.append(end)
            }
            return
        }
        let facts = lane.eventTimes.span.extracting(lane.start..<(lane.start + lane.count))
        var (lower, near) = (0, 0)
        for (row, time) in times.enumerated() {
            let (nearEdge, isBeforeTime) = time.subtractingReportingOverflow(lag)
            var (farEdge, isOpen) = nearEdge.subtractingReportingOverflow(length)
            if hop > 0, !isOpen {
                (farEdge, isOpen) = farEdge.subtractingReportingOverflow(
                    farEdge.flooredDivision(by: hop).remainder)
            }
            farEdge = isOpen ? .min : farEdge.subtractingClamped(-reach)
            var top = ends[row]
            if isBeforeTime {
                top = 0
            } else if lag != 0 {
                let edge = nearEdge.subtractingClamped(-reach)
                while near < facts.count, facts[near] < edge { near += 1 }
                top = min(near, top)
            }
            while lower < facts.count, facts[lower] < farEdge { lower += 1 }
            lowers.append(min(lower, top))
            tops.append(top)
        }
    }
}

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
