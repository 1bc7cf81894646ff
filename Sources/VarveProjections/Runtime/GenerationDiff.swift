public import VarveBytes
public import VarveFeatures
public import VarveFormats

/// What two folds of the same stretch of the log answer differently: which features, which keys,
/// over which stretches of T, by how much.
public struct GenerationDiff: Sendable {
    /// One key of one feature.
    public struct KeyDifference: Sendable, Equatable {
        public let key: EntityKey
        /// Stretches of T over which the values differ.
        public let intervals: Int
        /// Where the first begins, `distantPast` when it has no beginning, and where the last ends,
        /// `distantFuture` when it does not end.
        public let first: Timestamp
        public let last: Timestamp
        /// The largest absolute difference of numbers; nil when none could be taken.
        public let largest: Double?
        /// Both values at the start of the first stretch.
        public let before: FeatureValue
        public let after: FeatureValue
    }

    /// One feature that both generations have.
    public struct FeatureDifference: Sendable {
        public let view: String
        public let feature: String
        public let keys: [KeyDifference]
    }

    /// Features whose values differ somewhere.
    public let features: [FeatureDifference]
    /// `view.feature` that only one of them has.
    public let added: [String]
    public let removed: [String]
    /// Keys that were compared, over all features.
    public let comparedKeys: Int

    /// Whether nothing differs.
    public var isEmpty: Bool { features.isEmpty && added.isEmpty && removed.isEmpty }

    /// Compares two folds that cover the same positions.
    public init(_ old: FeatureFold, _ new: FeatureFold) {
        var (features, compared) = ([FeatureDifference](), 0)
        let (oldNames, newNames) = (Self.names(old), Self.names(new))
        added = newNames.filter { !oldNames.contains($0) }
        removed = oldNames.filter { !newNames.contains($0) }
        for after in new.views {
            guard let index = old.index(ofView: after.plan.view.name) else { continue }
            let before = old.views[index]
            if Self.isSame(before, after) { continue }
            let all = Self.keys(before, after)
            // Equal facts under an equal view answer equally at every T: only the other keys' facts
            // are walked through.
            let isSameView = before.plan.view == after.plan.view
            let keys = isSameView ? all.filter { !before.hasSameFacts(of: $0, as: after) } : all
            for feature in before.plan.view.features.indices {
                let name = before.plan.view.features[feature].name
                guard let other = after.plan.view.features.firstIndex(where: { $0.name == name })
                else { continue }
                compared += all.count
                let differences = keys.compactMap {
                    Self.compare($0, before, feature, after, other)
                }
                if differences.isEmpty { continue }
                features.append(
                    FeatureDifference(
                        view: after.plan.view.name, feature: name, keys: differences))
            }
        }
        self.features = features
        comparedKeys = compared
    }

    private static func names(_ fold: FeatureFold) -> [String] {
        fold.definitions.views.flatMap { view in
            view.features.map { "\(view.name).\($0.name)" }
        }
    }

    /// The same definition over the same bytes of state gives the same answers.
    private static func isSame(_ before: ViewState, _ after: ViewState) -> Bool {
        before.plan.view == after.plan.view && before.digest == after.digest
    }

    private static func keys(_ before: ViewState, _ after: ViewState) -> [EntityKey] {
        Set(before.entityKeys + after.entityKeys).sorted { $0.precedes($1) }
    }

    private static func compare(
        _ key: EntityKey, _ before: ViewState, _ feature: Int, _ after: ViewState, _ other: Int
    ) -> KeyDifference? {
        // Each is asked many times.
        let (before, after) = (before.narrowed(to: key), after.narrowed(to: key))
        // Before every fact the answers may differ too: no count is 0, no mean is none.
        let moments = [Int64.min] + merged(
            before.changes(ofFeature: feature, key), after.changes(ofFeature: other, key))
        var (intervals, isDiffering, largest) = (0, false, Double?.none)
        var start: (time: Int64, before: FeatureValue, after: FeatureValue)?
        var end = Int64.max
        for moment in moments {
            let visibility = Visibility(cutoff: Timestamp(microseconds: moment))
            let left = before.read(feature, key, visibility)
            let right = after.read(other, key, visibility)
            if left.isIdentical(to: right) {
                if isDiffering { end = moment }
                isDiffering = false
                continue
            }
            if !isDiffering { intervals += 1 }
            isDiffering = true
            if start == nil { start = (moment, left, right) }
            if let a = Profile.number(left.value), let b = Profile.number(right.value),
                abs(a - b).isFinite
            {
                largest = max(largest ?? 0, abs(a - b))
            }
        }
        guard let start else { return nil }
        return KeyDifference(
            key: key, intervals: intervals, first: Timestamp(microseconds: start.time),
            last: isDiffering ? .distantFuture : Timestamp(microseconds: end),
            largest: largest, before: start.before, after: start.after)
    }

    /// Two ascending lists as one, without duplicates.
    private static func merged(_ left: [Int64], _ right: [Int64]) -> [Int64] {
        var merged: [Int64] = []
        merged.reserveCapacity(left.count + right.count)
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            let next: Int64
            if j == right.count || (i < left.count && left[i] <= right[j]) {
                next = left[i]
                i += 1
            } else {
                next = right[j]
                j += 1
            }
            if next != merged.last { merged.append(next) }
        }
        return merged
    }

    /// For clients; at most `limit` keys of each feature are listed, all are counted.
    public func json(keyLimit limit: Int) -> JSON {
        .object([
            .init("added", .array(added.map { .string($0) })),
            .init("removed", .array(removed.map { .string($0) })),
            .init("compared_keys", .integer(Int64(comparedKeys))),
            .init(
                "features",
                .array(
                    features.map { difference in
                        .object([
                            .init("view", .string(difference.view)),
                            .init("feature", .string(difference.feature)),
                            .init("keys", .integer(Int64(difference.keys.count))),
                            .init(
                                "largest",
                                difference.keys.compactMap(\.largest).max().map { .number($0) }
                                    ?? .null),
                            .init(
                                "examples", .array(difference.keys.prefix(limit).map(Self.json))),
                        ])
                    })),
        ])
    }

    private static func json(_ difference: KeyDifference) -> JSON {
        .object([
            .init("key", .array(difference.key.values.map(\.json))),
            .init("intervals", .integer(Int64(difference.intervals))),
            .init(
                "from",
                difference.first == .distantPast ? .null : .string(difference.first.description)),
            .init(
                "to",
                difference.last == .distantFuture ? .null : .string(difference.last.description)),
            .init("largest", difference.largest.map { .number($0) } ?? .null),
            .init("before", difference.before.value.json),
            .init("after", difference.after.value.json),
        ])
    }
}
