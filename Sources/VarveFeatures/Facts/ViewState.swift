public import VarveBytes

/// The fold of a stream's records into one view: every entity's facts, and for streams with an
/// `id` where the newest fact of each id is.
///
/// A value type and pure: a training set builds one per partition, an audit one up to a position,
/// the online store takes its shards apart. All read through the same evaluator. The number of
/// shards changes no answer and no byte of a snapshot.
public struct ViewState: Sendable {
    public private(set) var plan: ViewPlan
    /// 2^n of them.
    public internal(set) var shards: [ViewShard]
    public internal(set) var ids: FactIDs
    private var facts = PreparedFacts()

    /// The state before any record.
    /// - Parameter shardBits: the binary logarithm of the number of shards.
    public init(_ plan: ViewPlan, shardBits: Int = 0) {
        self.plan = plan
        shards = Array(repeating: ViewShard(), count: 1 << shardBits)
        ids = FactIDs()
    }

    /// The state that shards of the same view make up.
    public init(_ plan: ViewPlan, shards: [ViewShard], ids: FactIDs) {
        precondition(shards.count.nonzeroBitCount == 1, "\(shards.count) shards")
        self.plan = plan
        self.shards = shards
        self.ids = ids
    }

    private var shardBits: Int { shards.count.trailingZeroBitCount }

    /// The same facts under a plan of the same view, whose stream has gained fields since.
    public func replanned(_ plan: ViewPlan) -> ViewState {
        precondition(plan.view == self.plan.view, "another view's plan")
        var state = self
        state.plan = plan
        return state
    }

    /// Entities with at least one fact.
    public var keyCount: Int { shards.reduce(0) { $0 + $1.keyCount } }

    /// The entities' keys in order of first appearance.
    public var entityKeys: [EntityKey] { order().map { shards[$0.shard].key($0.number) } }

    /// Facts of all entities.
    public var factCount: Int { shards.reduce(0) { $0 + $1.factCount } }

    /// Facts that are on disk only, in bytes.
    public var pagedByteCount: Int { shards.reduce(0) { $0 + $1.pagedByteCount } }

    /// Moves facts of a shard out of memory; see `ViewShard.evict`.
    public mutating func evict(
        _ wanted: Int, fromShard shard: Int, to pages: any FactPages
    ) throws -> ViewShard.Eviction {
        try shards[shard].evict(wanted, to: pages)
    }

    /// The same state for whoever asks for one entity again and again: its facts are in memory,
    /// others need not be there at all.
    public func narrowed(to key: EntityKey) -> ViewState {
        if pagedByteCount == 0 { return self }
        let narrow = shard(of: key).narrowed(to: key.bytes.raw, key.hash)
        return ViewState(plan, shards: [narrow], ids: ids)
    }

    /// Memory, in bytes, as well as it can be told.
    public var byteCount: Int { shards.reduce(ids.byteCount) { $0 + $1.byteCount } }

    /// Takes in one record; records come in order of position.
    /// - Parameter id: names the fact; a later record with the same id replaces it.
    public mutating func apply(
        _ slots: borrowing [Value], eventTime: Timestamp, position: Int64, knownTime: Timestamp,
        id: Value?
    ) {
        var facts = PreparedFacts()
        swap(&facts, &self.facts)
        defer { swap(&facts, &self.facts) }
        facts.removeAll()
        if let id { facts.name(id, position: position, knownTime: knownTime) }
        facts.add(
            plan, slots, eventTime: eventTime, position: position, knownTime: knownTime)
        apply(facts)
    }

    /// Takes in facts that were made ready for this view.
    public mutating func apply(_ facts: borrowing PreparedFacts) {
        var next = 0
        for naming in facts.namings {
            while next < naming.index { next = insert(facts, next) }
            retract(naming.id, position: naming.position, knownTime: naming.knownTime)
            if naming.hasFact { next = insert(facts, next, id: naming.id) }
        }
        while next < facts.count { next = insert(facts, next) }
    }

    /// Answers the index of the next fact.
    private mutating func insert(
        _ facts: borrowing PreparedFacts, _ index: Int, id: Value? = nil
    ) -> Int {
        let shard = ViewShard.index(facts.hashes[index], bits: shardBits)
        let entity = shards[shard].insert(facts, index, plan)
        if let id {
            ids.add(
                id, facts.place(index, shard: shard, entity: entity, plan),
                knownTime: facts.knownTime(index, plan))
        }
        return index + 1
    }

    /// Ends the facts that an id names, from this record on; nothing happens when there are none.
    public mutating func retract(_ id: Value, position: Int64, knownTime: Timestamp) {
        ids.forEachBackwards(id) { place in
            shards[place.shard].end(place, byPosition: position, knownTime: knownTime, plan)
        }
        ids.end(id, position: position, knownTime: knownTime.microseconds)
    }

    /// The view's features of an entity, in order.
    /// - Parameter key: nil when a field of the key is null.
    public func read(_ key: EntityKey?, _ visibility: Visibility) -> [FeatureValue] {
        read(Array(0..<plan.featureCount), key, visibility)
    }

    /// One feature, by its place in the view.
    public func read(_ feature: Int, _ key: EntityKey?, _ visibility: Visibility) -> FeatureValue {
        read([feature], key, visibility)[0]
    }

    /// Some features, by their places in the view.
    public func read(_ features: [Int], _ key: EntityKey?, _ visibility: Visibility)
        -> [FeatureValue]
    {
        var values: [FeatureValue] = []
        values.reserveCapacity(features.count)
        let hash = key?.hash ?? 0
        let bytes = key?.bytes ?? []
        shards[ViewShard.index(hash, bits: shardBits)].read(
            plan, key == nil ? nil : bytes.raw, hash, features.span, visibility,
            ids.later(visibility), into: &values)
        return values
    }

    /// The shard that an entity is in, if anywhere.
    func shard(of key: EntityKey) -> ViewShard {
        shards[ViewShard.index(key.hash, bits: shardBits)]
    }

    /// The facts of an entity; nil when it was never seen.
    func facts(of key: EntityKey) -> EntityFacts? {
        let shard = shard(of: key)
        return shard.find(key.bytes.raw, key.hash).map { shard.facts($0) }
    }
}

extension ViewShard {
    /// Ends the fact at a place, from a later record on.
    /// - Returns: false when it was ended already, by a record known as early.
    public mutating func end(
        _ place: FactIDs.Place, byPosition position: Int64, knownTime: Timestamp, _ plan: ViewPlan
    ) -> Bool {
        let change = replace(
            place.entity, eventTime: place.eventTime, position: place.position,
            byPosition: position, knownTime: knownTime.microseconds, plan)
        guard let change else {
            preconditionFailure("the fact at position \(place.position) is not where it was put")
        }
        return change
    }
}

extension ViewState {
    /// An entity's place among the shards.
    struct Place {
        let shard: Int
        let number: Int
        let firstPosition: Int64
    }

    /// All entities in order of first appearance.
    func order() -> [Place] {
        var places: [Place] = []
        places.reserveCapacity(keyCount)
        for (index, shard) in shards.enumerated() {
            for (number, origin) in shard.origins.enumerated() {
                places.append(
                    Place(shard: index, number: number, firstPosition: origin.firstPosition))
            }
        }
        // Within a shard they are in order already.
        if shards.count > 1 { places.sort { $0.firstPosition < $1.firstPosition } }
        return places
    }
}
