import VarveBytes
import VarveFeatures
import VarveSystem

/// One view of the online store, in shards behind a lock each: a record is inserted under the lock
/// of its key's shard only, and a read takes that lock for as long as it computes.
///
/// Shards may be ahead of the position that readers are told; facts know their positions, so a
/// reader leaves out what lies at or above its own.
final class LiveView: Sendable {
    let plan: ViewPlan
    /// Names of the features, as bytes.
    let featureNames: [[UInt8]]
    private let shards: [Monitor<ViewShard>]
    let shardBits: Int
    /// Touched by the projector's thread, and by copies of the state.
    private let ids: Monitor<FactIDs>

    /// Takes a view's state apart.
    init(_ state: ViewState) {
        plan = state.plan
        featureNames = plan.view.features.map { Array($0.name.utf8) }
        shards = state.shards.map { Monitor($0) }
        shardBits = state.shards.count.trailingZeroBitCount
        ids = Monitor(state.ids)
    }

    var shardCount: Int { shards.count }

    /// Adds facts that were made ready for this view, and ends those that they name, record by
    /// record.
    func insert(_ facts: borrowing PreparedFacts) {
        var next = 0
        for naming in facts.namings {
            while next < naming.index { next = insert(facts, next, id: nil) }
            retract(naming.id, position: naming.position, knownTime: naming.knownTime)
            if naming.hasFact { next = insert(facts, next, id: naming.id) }
        }
        while next < facts.count { next = insert(facts, next, id: nil) }
    }

    /// Answers the index of the next fact.
    private func insert(_ facts: borrowing PreparedFacts, _ index: Int, id: Value?) -> Int {
        let shard = ViewShard.index(facts.hashes[index], bits: shardBits)
        let entity = shards[shard].withLock { $0.insert(facts, index, plan) }
        if let id {
            let place = facts.place(index, shard: shard, entity: entity, plan)
            let known = facts.knownTime(index, plan)
            ids.withLock { $0.add(id, place, knownTime: known) }
        }
        return index + 1
    }

    /// Adds those of some sorted facts, without ids, that are a shard's.
    /// - Parameter limit: facts under one hold of the shard's lock.
    func insert(_ facts: borrowing PreparedFacts, ofShard shard: Int, atOnce limit: Int) {
        let count = facts.count(ofShard: shard)
        for start in stride(from: 0, to: count, by: limit) {
            let range = start..<min(start + limit, count)
            shards[shard].withLock { $0.insert(facts, ofShard: shard, range, plan) }
        }
    }

    /// Ends the facts that an id names, from a record on.
    func retract(_ id: Value, position: Int64, knownTime: Timestamp) {
        // The lock of ids comes before those of shards, here as everywhere.
        ids.withLock { ids in
            ids.forEachBackwards(id) { place in
                shards[place.shard].withLock {
                    $0.end(place, byPosition: position, knownTime: knownTime, plan)
                }
            }
            ids.end(id, position: position, knownTime: knownTime.microseconds)
        }
    }

    /// Appends features of an entity; see `ViewShard.read`.
    func read(
        _ key: RawSpan?, _ hash: UInt64, _ features: borrowing Span<Int>,
        _ visibility: Visibility, into values: inout [FeatureValue]
    ) {
        let later = later(visibility)
        shards[ViewShard.index(hash, bits: shardBits)].withLock { shard in
            if shard.hasPages {
                shard.answer(plan, key, hash, features, visibility, later, into: &values)
            } else {
                shard.read(plan, key, hash, features, visibility, later, into: &values)
            }
        }
    }

    /// See `ViewShard.foresee`.
    func foresee(_ hash: UInt64, _ step: Foresight) {
        shards[ViewShard.index(hash, bits: shardBits)].withLock { $0.foresee(hash, step) }
    }

    /// Whether any fact of an entity is visible.
    func holds(_ key: RawSpan, _ hash: UInt64, _ visibility: Visibility) -> Bool {
        let later = later(visibility)
        return shards[ViewShard.index(hash, bits: shardBits)].withLock {
            $0.holds(plan, key, hash, visibility, later)
        }
    }

    /// Explains a feature of an entity; nil when the entity was never seen.
    func explain(
        _ feature: Int, _ key: RawSpan, _ hash: UInt64, _ visibility: Visibility, limit: Int
    ) -> Explanation? {
        let shard = shards[ViewShard.index(hash, bits: shardBits)].withLock { $0 }
        return shard.explain(
            plan, feature, key, hash, visibility, later(visibility), limit: limit)
    }

    /// Before the lock of a shard, as everywhere. What is added meanwhile lies at or above the
    /// position that is read at.
    private func later(_ visibility: Visibility) -> LaterEnds.Reference? {
        visibility.knownBeforeCutoff ? ids.withLock { $0.later(visibility) } : nil
    }

    /// A copy of the state; what is inserted later makes its shard copy what it changes.
    var state: ViewState {
        ViewState(plan, shards: shards.map { $0.withLock { $0 } }, ids: ids.withLock { $0 })
    }

    /// The state, which is empty here afterwards: nothing is copied.
    func take() -> ViewState {
        let shards = shards.map { shard in
            shard.withLock { shard in
                let taken = shard
                shard = ViewShard()
                return taken
            }
        }
        let ids = ids.withLock { ids in
            let taken = ids
            ids = FactIDs()
            return taken
        }
        return ViewState(plan, shards: shards, ids: ids)
    }

    /// What it holds.
    var size: ViewSize {
        var size = ViewSize()
        size.bytes = ids.withLock { $0.byteCount }
        for shard in shards {
            shard.withLock { shard in
                size.keys += shard.keyCount
                size.facts += shard.factCount
                size.bytes += shard.byteCount
                size.pagedBytes += shard.pagedByteCount
            }
        }
        return size
    }

    /// Bytes of memory.
    var byteCount: Int { size.bytes }

    /// Memory of a shard's facts, bytes.
    func factByteCount(ofShard shard: Int) -> Int { shards[shard].withLock { $0.factByteCount } }

    /// Moves facts of a shard out of memory; see `ViewShard.evict`.
    func evict(
        _ wanted: Int, fromShard shard: Int, to pages: any FactPages
    ) throws -> ViewShard.Eviction {
        try shards[shard].withLock { try $0.evict(wanted, to: pages) }
    }
}

/// What a view holds.
public struct ViewSize: Sendable, Equatable {
    /// Entities.
    public var keys = 0
    public var facts = 0
    /// Bytes of memory.
    public var bytes = 0
    /// Bytes of facts that are on disk only.
    public var pagedBytes = 0
}
