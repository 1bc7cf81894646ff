public import VarveBytes

/// The fold of a stream's records into one view: every entity's facts, and for streams with an
/// `id` where the newest fact of each id is.
///
/// A value type and pure: the online store keeps one per shard, a training set builds one per
/// partition, an audit one up to a position. All read through the same evaluator.
public struct ViewState: Sendable {
    public private(set) var plan: ViewPlan
    private var numbers: [EntityKey: Int] = [:]
    private var keys: [EntityKey] = []
    private var facts: [EntityFacts] = []
    /// Every fact that an id ever named, oldest first.
    private var placesByID: [Value: [Place]] = [:]

    /// Where a fact with an id is.
    private struct Place: Equatable {
        let entity: Int
        let eventTime: Int64
        let position: Int64
    }

    /// The state before any record.
    public init(_ plan: ViewPlan) { self.plan = plan }

    /// The same facts under a plan of the same view, whose stream has gained fields since.
    public func replanned(_ plan: ViewPlan) -> ViewState {
        precondition(plan.view == self.plan.view, "another view's plan")
        var state = self
        state.plan = plan
        return state
    }

    /// Entities with at least one fact.
    public var keyCount: Int { keys.count }

    /// The entities' keys in order of first appearance.
    public var entityKeys: [EntityKey] { keys }

    /// Facts of all entities.
    public var factCount: Int { facts.reduce(0) { $0 + $1.count } }

    /// Takes in one record; records come in order of position.
    /// - Parameter id: names the fact; a later record with the same id replaces it.
    public mutating func apply(
        _ slots: [Value], eventTime: Timestamp, position: Int64, knownTime: Timestamp, id: Value?
    ) {
        if let id { retract(id, position: position, knownTime: knownTime) }
        guard plan.accepts(slots), let key = plan.key(slots) else { return }
        let entity = number(of: key)
        facts[entity].insert(
            eventTime: eventTime.microseconds, position: position,
            knownTime: knownTime.microseconds
        ) { plan.contribution(plan.lanes[$0], slots) }
        if let id {
            placesByID[id, default: []].append(
                Place(entity: entity, eventTime: eventTime.microseconds, position: position))
        }
    }

    /// Ends the facts that an id names, from this record on; nothing happens when there are none.
    public mutating func retract(_ id: Value, position: Int64, knownTime: Timestamp) {
        for place in placesByID[id] ?? [] {
            let found = facts[place.entity].replace(
                eventTime: place.eventTime, position: place.position, byPosition: position,
                knownTime: knownTime.microseconds)
            precondition(found, "the fact at position \(place.position) is not where it was put")
        }
    }

    private mutating func number(of key: EntityKey) -> Int {
        if let known = numbers[key] { return known }
        numbers[key] = keys.count
        keys.append(key)
        facts.append(EntityFacts(lanes: plan.lanes.count))
        return keys.count - 1
    }

    /// The view's features of an entity, in order.
    /// - Parameter key: nil when a field of the key is null.
    public func read(_ key: EntityKey?, _ visibility: Visibility) -> [FeatureValue] {
        plan.features.indices.map { read($0, key, visibility) }
    }

    /// One feature, by its place in the view.
    public func read(_ feature: Int, _ key: EntityKey?, _ visibility: Visibility) -> FeatureValue {
        guard let key else { return FeatureValue(.nullKey) }
        guard let entity = numbers[key] else { return ViewState.absent(plan.features[feature]) }
        return facts[entity].value(of: plan.features[feature], visibility, view: plan.view)
    }

    /// The facts of an entity; nil when it was never seen.
    func facts(of key: EntityKey) -> EntityFacts? { numbers[key].map { facts[$0] } }

    /// What a feature says of an entity that was never seen.
    private static func absent(_ feature: ViewPlan.Feature) -> FeatureValue {
        feature.function == .count ? .present(.int64(0)) : FeatureValue(.notFound)
    }
}

extension ViewState {
    /// Writes the state for a snapshot: entities in order of first appearance, then ids in order
    /// of position, so that equal states have equal bytes.
    public func write(to writer: inout ByteWriter) {
        writer.integer(UInt32(keys.count))
        for (key, facts) in zip(keys, facts) {
            writer.integer(UInt32(key.bytes.count))
            writer.raw(key.bytes)
            facts.write(to: &writer)
        }
        // Ids have no order of their own: that of their first facts is the same everywhere.
        let ids = placesByID.sorted {
            ($0.value.first?.position ?? 0) < ($1.value.first?.position ?? 0)
        }
        writer.integer(UInt32(ids.count))
        for (id, places) in ids {
            writer.value(id)
            writer.integer(UInt32(places.count))
            for place in places {
                writer.integer(UInt32(place.entity))
                writer.integer(place.eventTime)
                writer.integer(place.position)
            }
        }
    }

    /// Reads what `write` wrote under the same plan.
    public init(_ plan: ViewPlan, reading reader: inout ByteReader) throws(ByteError) {
        self.init(plan)
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let length = try reader.checked(
                Int64(try reader.integer(UInt32.self)), atMost: reader.remaining)
            let key = EntityKey(encoded: try reader.take(length).copied())
            numbers[key] = keys.count
            keys.append(key)
            facts.append(try EntityFacts(lanes: plan.lanes.count, reading: &reader))
        }
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let id = try reader.value()
            for _ in 0..<(try reader.integer(UInt32.self)) {
                placesByID[id, default: []].append(
                    Place(
                        entity: Int(try reader.integer(UInt32.self)),
                        eventTime: try reader.integer(), position: try reader.integer()))
            }
        }
    }
}
