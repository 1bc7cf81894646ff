import VarveBytes

/// When a feature's value may change: between two neighbouring moments of this list it is the same
/// at every T (but for `time_since_last`, which grows with T).
extension ViewState {
    /// The moments at which a fact enters or leaves the feature's window, or expires, ascending;
    /// of facts that still stand.
    public func changes(ofFeature feature: Int, _ key: EntityKey) -> [Int64] {
        guard let facts = facts(of: key) else { return [] }
        let plan = plan.features[feature]
        // Strict on T: a fact at t is visible from t + 1 on.
        let step: Int64 = self.plan.view.includesCutoff ? 0 : 1
        var moments: [Int64] = []
        moments.reserveCapacity(2 * facts.count(self.plan.stride))
        /// Moments beyond the end of time never come.
        func add(_ time: Int64, _ delays: Int64...) {
            var moment = time
            for delay in delays {
                let (sum, overflow) = moment.addingReportingOverflow(delay)
                if overflow { return }
                moment = sum
            }
            moments.append(moment)
        }
        for time in facts.eventTimes(self.plan.stride) {
            if case .length(let length, let lag, let hop) = plan.window {
                add(time, lag, step)
                if hop == 0 {
                    add(time, lag, length, step)
                } else if time < .max {
                    // The far edge moves in steps: the fact leaves with the first step beyond it.
                    let rest = (time + step).flooredDivision(by: hop).remainder
                    add(time + step, rest == 0 ? 0 : hop - rest, lag, length)
                }
            } else {
                add(time, step)
            }
            if let maxAge = self.plan.view.maxAge { add(time, maxAge, 1) }
        }
        moments.sort()
        var distinct: [Int64] = []
        distinct.reserveCapacity(moments.count)
        for moment in moments where moment != distinct.last { distinct.append(moment) }
        return distinct
    }
}

extension EntityFacts {
    fileprivate func eventTimes(_ stride: Int) -> [Int64] {
        var times: [Int64] = []
        forEachBlock { block in
            for index in 0..<block.count(stride) { times.append(block.eventTime(index, stride)) }
        }
        return times
    }
}
