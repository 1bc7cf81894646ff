import VarveBytes

/// What a walk over facts looks for: one lane, and what of it is visible. Plain numbers, so that
/// handing it around costs nothing.
struct FactQuery {
    let visibility: Visibility
    let includesCutoff: Bool
    let cutoff: Int64
    /// Words of one fact.
    let stride: Int
    private(set) var laneNumber = 0
    private(set) var lane: FactLayout.Lane

    init(_ plan: ViewPlan, _ visibility: Visibility) {
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

    /// The event times of a window: from the first at which `far` holds up to the first at which
    /// `near` holds.
    func bounds(_ window: Window) -> (far: Int64?, near: Int64) {
        guard case .length(let length, let lag, let hop) = window else { return (nil, cutoff) }
        let near = cutoff.subtractingSaturating(lag)
        var far = near.subtractingSaturating(length)
        if hop > 0 { far = far.subtractingSaturating(far.flooredDivision(by: hop).remainder) }
        return (far, near)
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
        return isKnown(words.integer(fact + FactLayout.knownTime))
            && !(isReplaced && isKnown(replaced[2 * index + 1]))
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

extension Int64 {
    /// The difference, or the type's bound where it lies beyond.
    fileprivate func subtractingSaturating(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
