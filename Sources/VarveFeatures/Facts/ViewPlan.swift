/// A view made ready to fold records: which slots are its key, and which distinct values, the
/// lanes, each fact contributes to its features.
public struct ViewPlan: Sendable {
    /// What a fact contributes: the argument's value where the filter holds.
    struct Lane: Hashable {
        let argument: Expression?
        let filter: Expression?
        /// For a written view: the slot of the feature's own value.
        let slot: Int?
    }

    /// One feature and the lane it reads.
    struct Feature {
        let field: Field
        let function: Aggregation
        let window: Window
        let lane: Int
    }

    public let view: ViewDefinition
    let keySlots: [Int]
    let filter: Expression?
    let lanes: [Lane]
    let features: [Feature]

    /// - Parameter stream: the definition of `view.streamName`; for a written view, see
    ///   `StreamDefinition.init(writing:)`.
    public init(_ view: ViewDefinition, stream: StreamDefinition) {
        self.view = view
        keySlots = view.entity.map { field in
            guard let slot = stream.index(of: field.name) else {
                preconditionFailure("view \(view.name): \(stream.name) has no field \(field.name)")
            }
            return slot
        }
        var lanes: [Lane] = []
        func number(_ lane: Lane) -> Int {
            if let known = lanes.firstIndex(of: lane) { return known }
            lanes.append(lane)
            return lanes.count - 1
        }
        switch view.source {
        case .derived(let source):
            filter = source.filter
            features = source.features.map {
                Feature(
                    field: Field(name: $0.name, type: $0.type, isNullable: true),
                    function: $0.function, window: $0.window,
                    lane: number(Lane(argument: $0.argument, filter: $0.filter, slot: nil)))
            }
        case .written(let fields):
            filter = nil
            features = fields.map {
                Feature(
                    field: $0, function: .latest, window: .lifetime,
                    lane: number(
                        Lane(argument: nil, filter: nil, slot: stream.index(of: $0.name))))
            }
        }
        self.lanes = lanes
    }

    /// The key that a record is about; nil when one of its fields is null.
    func key(_ slots: [Value]) -> EntityKey? { EntityKey(keySlots.map { slots[$0] }) }

    /// Whether a record is a fact of this view.
    func accepts(_ slots: [Value]) -> Bool { filter?.isTrue(slots) ?? true }

    /// What a record contributes to a lane; nil where the lane's filter leaves it out.
    func contribution(_ lane: Lane, _ slots: [Value]) -> Value? {
        if let filter = lane.filter, !filter.isTrue(slots) { return nil }
        if let slot = lane.slot { return slots[slot] }
        return lane.argument?.evaluate(slots) ?? .bool(true)
    }
}

extension StreamDefinition {
    /// The stream that a written view's values arrive on: the entity's fields, `time`, and each
    /// feature, which may be left out.
    public init(writing view: ViewDefinition) {
        self.init(
            name: view.streamName,
            fields: view.entity + [Field(name: "time", type: .timestamp)]
                + view.features.map { Field(name: $0.name, type: $0.type, isNullable: true) },
            eventTime: .field("time"), knownTime: .ingest, key: view.entity.map(\.name), id: nil,
            expectations: [], policy: .reject)
    }
}
