import VarveBytes

/// What a walk over facts looks for: one lane, and what of it is visible. Plain numbers, so that
/// handing it around costs nothing.
struct FactQuery {
    let visibility: Visibility
    let includesCutoff: Bool
    let cutoff: Int64
    /// Words of one fact.
    let stride: Int
    /// For readers of known times, where there is any.
    private let later: LaterEnds.Reference?
    private(set) var laneNumber = 0
    private(set) var lane: FactLayout.Lane

    init(_ plan: ViewPlan, _ visibility: Visibility, _ later: LaterEnds.Reference?) {
        self.later = later
        self.visibility = visibility
        includesCutoff = plan.includesCutoff
        cutoff = visibility.cutoff.microseconds
        stride = plan.stride
        lane = plan.lane(0)
    }

    mutating func look(at number: Int, _ plan: ViewPlan) {
        laneNumber = number
        lane = plan.lane(number)
    }

    /// The event times that a window sees.
    func bounds(_ window: Window) -> TimeBounds {
        guard case .length(let length, let lag, let hop) = window else {
            return TimeBounds(far: nil, near: cutoff, isEmpty: false)
        }
        let (near, isBeforeTime) = cutoff.subtractingReportingOverflow(lag)
        if isBeforeTime { return TimeBounds(far: nil, near: .min, isEmpty: true) }
        var (far, overflows) = near.subtractingReportingOverflow(length)
        if hop > 0, !overflows {
            (far, overflows) = far.subtractingReportingOverflow(
                far.flooredDivision(by: hop).remainder)
        }
        // Before the first moment there is: no fact lies beyond it, whether the edge counts or not.
        return TimeBounds(far: overflows ? nil : far, near: near, isEmpty: false)
    }

    /// Whether an event time lies at or behind a bound.
    @inline(__always)
    func isBehind(_ time: Int64, _ bound: Int64) -> Bool {
        includesCutoff ? time > bound : time >= bound
    }

    private func isKnown(_ time: Int64) -> Bool {
        includesCutoff ? time <= cutoff : time < cutoff
    }

    /// Whether a fact's known time matters not, or has passed.
    func isKnownTime(_ time: Int64) -> Bool { !visibility.knownBeforeCutoff || isKnown(time) }

    /// Whether a fact may be used, given that its event time may.
    @inline(__always)
    func isVisible(
        _ words: borrowing Span<UInt64>, _ replaced: borrowing Span<Int64>, _ index: Int
    ) -> Bool {
        let fact = index * stride
        guard words.integer(fact + FactLayout.position) < visibility.position else { return false }
        let isReplaced = !replaced.isEmpty && replaced[2 * index] < visibility.position
        guard visibility.knownBeforeCutoff else { return !isReplaced }
        guard isKnown(words.integer(fact + FactLayout.knownTime)) else { return false }
        guard isReplaced else { return true }
        if isKnown(replaced[2 * index + 1]) { return false }
        guard let later else { return true }
        return !later.ends.isEnded(
            words.integer(fact + FactLayout.position), before: visibility.position,
            isKnown: isKnown)
    }

    /// Whether a fact, whose event time may be used, has a value that may.
    @inline(__always)
    func hasValue(
        _ words: borrowing Span<UInt64>, _ replaced: borrowing Span<Int64>, _ index: Int
    ) -> Bool {
        words.state(index * stride, laneNumber) == FactState.present.rawValue
            && isVisible(words, replaced, index)
    }

    /// Whether all facts of a tile are visible as they stand.
    func sees(_ tile: borrowing FactTile) -> Bool {
        tile.lastPosition < visibility.position
            && (!visibility.knownBeforeCutoff || isKnown(tile.lastKnownTime))
    }
}

/// The event times of a window: from the first behind `far`, or from the first of all, up to the
/// first behind `near`.
struct TimeBounds {
    let far: Int64?
    let near: Int64
    /// Whether the window ends before there is any time.
    let isEmpty: Bool
}
