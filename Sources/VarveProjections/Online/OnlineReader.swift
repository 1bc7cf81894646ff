public import VarveBytes
public import VarveFeatures
public import VarveLog

/// Reads the online store as of one position, while records go on being applied. Cheap to make:
/// one for each request.
public struct OnlineReader: Sendable {
    private let state: LiveState
    /// All that is read equals the function of log[0, position).
    public let position: Position

    init(_ state: LiveState) {
        self.state = state
        position = state.position
    }

    private init(_ state: LiveState, _ position: Position) {
        self.state = state
        self.position = position
    }

    /// The same state as of an earlier position: what it answers is the function of log[0, end)
    /// under the definitions of today.
    public func asOf(_ end: Position) -> OnlineReader {
        precondition(end <= position, "as of \(end.value), beyond \(position.value)")
        return OnlineReader(state, end)
    }

    public var generation: Generation { state.generation }
    public var pinned: PinnedDefinitions { state.pinned }
    public var definitions: Definitions { state.pinned.definitions }
    /// See `FeatureFold.unreadable`.
    public var unreadable: [String: RecordReader.Unreadable] { state.unreadable }

    /// Whether both read the same generation under the same definitions.
    public func isOfSameState(as other: OnlineReader) -> Bool { state === other.state }

    /// The number of a view.
    public func index(ofView name: String) -> Int? {
        definitions.views.firstIndex { $0.name == name }
    }

    /// What a view holds.
    public func size(ofView view: Int) -> ViewSize { state.views[view].size }

    /// See `FactMemory.check`.
    public func check() throws(LostFacts) { try state.check() }

    /// The names of a view's features as bytes, in order.
    public func featureNames(ofView view: Int) -> [[UInt8]] { state.views[view].featureNames }

    private func visibility(_ time: Timestamp) -> Visibility {
        Visibility(cutoff: time, position: position.value)
    }

    /// A view's features of an entity at T.
    /// - Parameter key: nil when a field of it is null.
    public func read(view: Int, _ key: EntityKey?, at time: Timestamp) -> [FeatureValue] {
        var values: [FeatureValue] = []
        let features = Array(0..<state.views[view].featureNames.count)
        read(view: view, features, key, at: time, into: &values)
        return values
    }

    /// Appends some features of an entity at T, by their places in the view.
    public func read(
        view: Int, _ features: [Int], _ key: EntityKey?, at time: Timestamp,
        into values: inout [FeatureValue]
    ) {
        let bytes = key?.bytes ?? []
        state.views[view].read(
            key == nil ? nil : bytes.raw, key?.hash ?? 0, features.span, visibility(time),
            into: &values)
    }

    /// The same with the key's bytes, encoded as `EntityKey` does.
    public func read(
        view: Int, _ features: borrowing [Int], encodedKey key: RawSpan, at time: Timestamp,
        into values: inout [FeatureValue]
    ) {
        state.views[view].read(
            key, KeyHash.hash(key), features.span, visibility(time), into: &values)
    }

    /// Has what reads of some entities need fetched: one step for all of them, which are to be
    /// taken in their order. No answer depends on it.
    /// - Parameter hashes: `KeyHash.hash` of the entities' keys.
    public func foresee(view: Int, _ hashes: borrowing Span<UInt64>, _ step: Foresight) {
        let view = state.views[view]
        for index in 0..<hashes.count { view.foresee(hashes[index], step) }
    }

    /// Whether any fact of an entity is visible at T.
    public func holds(view: Int, encodedKey key: RawSpan, at time: Timestamp) -> Bool {
        state.views[view].holds(key, KeyHash.hash(key), visibility(time))
    }

    /// The facts behind a feature's value at T; nil when the entity was never seen.
    /// - Parameters:
    ///   - knownBefore: whether facts that became known only after T are left out.
    ///   - limit: facts listed of those that count, and of those that do not.
    public func explain(
        view: Int, feature: Int, _ key: EntityKey, at time: Timestamp, knownBefore: Bool,
        limit: Int
    ) -> Explanation? {
        let bytes = key.bytes
        return state.views[view].explain(
            feature, bytes.raw, key.hash,
            Visibility(
                cutoff: time, position: position.value, knownBeforeCutoff: knownBefore),
            limit: limit)
    }

    /// A service's row at T; see `ServicePlan.row`.
    public func row(
        _ service: PreparedService, keys: [Value], inputs: [Value], at time: Timestamp
    ) -> [FeatureValue] {
        service.plan.row(keys: keys, inputs: inputs) { view, features, key, values in
            read(view: view, features, key, at: time, into: &values)
        }
    }
}
