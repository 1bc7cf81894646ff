import VarveBytes

/// When a feature's value may change: between two neighbouring moments of this list it is the same
/// at every T (but for `time_since_last`, which grows with T).
extension ViewState {
    /// The positions of the records that changed an entity's facts, ascending: its facts', and
    /// those that amended or retracted them.
    public func positions(of key: EntityKey) -> [Int64] {
        guard let facts = facts(of: key) else { return [] }
        var positions: Set<Int64> = []
        let stride = plan.stride
        facts.forEachBlock { block in
            let (words, replaced) = block.facts
            for fact in Swift.stride(from: 0, to: words.count, by: stride) {
                positions.insert(words.span.integer(fact + FactLayout.position))
            }
            for index in Swift.stride(from: 0, to: replaced.count, by: 2)
            where replaced[index] != FactBlock.never {
                positions.insert(replaced[index])
            }
        }
        return positions.sorted()
    }

    /// Whether an entity has the same facts, bit for bit, in another state of an equal view: then
    /// it has the same features at every T.
    public func hasSameFacts(of key: EntityKey, as other: ViewState) -> Bool {
        guard plan.layout == other.plan.layout else { return false }
        let (left, right) = (shard(of: key), other.shard(of: key))
        guard let one = left.find(key.bytes.raw, key.hash),
            let two = right.find(key.bytes.raw, key.hash)
        else { return false }
        // Texts have numbers of their own in each shard.
        let here = left.entities[one].facts.content(plan.stride)
        let there = right.entities[two].facts.content(plan.stride)
        guard here.words.count == there.words.count, here.replaced == there.replaced else {
            return false
        }
        let texts = Set(plan.layout.textWords)
        return here.words.indices.allSatisfy { index in
            texts.contains(index % plan.stride)
                ? left.texts[here.words[index]].utf8.elementsEqual(
                    right.texts[there.words[index]].utf8)
                : here.words[index] == there.words[index]
        }
    }

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
            let words = block.facts.words
            for fact in Swift.stride(from: 0, to: words.count, by: stride) {
                times.append(words.span.integer(fact + FactLayout.eventTime))
            }
        }
        return times
    }
}
