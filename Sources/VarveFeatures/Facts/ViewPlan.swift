/// A view made ready to fold records: which slots are its key, and which distinct values, the
/// lanes, each fact contributes to its features.
public struct ViewPlan: Sendable {
    /// What a fact contributes: the argument's value where the filter holds.
    struct Lane: Hashable {
        let argument: Expression?
        let filter: Expression?
        /// For a written view: the slot of the feature's own value, and its type.
        let slot: Int?
        let slotType: ValueType?

        var hasValue: Bool { argument != nil || slot != nil }
        /// The slot, for a lane that is no more than a field.
        var onlySlot: Int? { slot ?? argument?.onlySlot }
        var type: ValueType { argument?.type ?? slotType ?? .bool }
    }

    /// One feature and the lane it reads.
    struct Feature {
        let field: Field
        let function: Aggregation
        let window: Window
        /// See `AggregateFeature.parameter`.
        let parameter: Int
        let lane: Int
        /// The lane of the categories, which leaves out the same facts.
        let categoryLane: Int?
        /// Features of one group share lane and window.
        let group: Int
        /// Whether any feature of the group needs what the window's facts come to.
        var groupNeedsTile = false
    }

    /// How one feature is computed: a `Feature` without its name.
    struct Computed {
        let function: Aggregation
        let window: Window
        let parameter: Int
        let lane: Int
        let categoryLane: Int?
        let group: Int
        let groupNeedsTile: Bool
    }

    /// A field of the key, as it goes into its encoding.
    struct KeyStep: Sendable {
        let slot: Int
        let type: ValueType
        /// What `ByteWriter.value` puts before values of the type.
        let tag: UInt8
    }

    /// How a lane's value comes about, without a reference to count.
    struct LaneStep: Sendable {
        let type: ValueType
        /// The slot that it is; -1: none.
        let slot: Int
        /// The place of its word in a fact; -1: it has none.
        let word: Int
        let isFiltered: Bool
        /// Whether it is computed; what is neither that nor a slot is `*`.
        let isExpression: Bool
    }

    /// What there is to do for each record.
    final class Steps: Sendable {
        let keys: [KeyStep]
        let lanes: [LaneStep]

        init(keys: [KeyStep], lanes: [LaneStep]) {
            self.keys = keys
            self.lanes = lanes
        }
    }

    /// Everything that was made ready: one reference, so that readers need not count ten.
    private final class Content: Sendable {
        let view: ViewDefinition
        let keySlots: [Int]
        let filter: Expression?
        let lanes: [Lane]
        let features: [Feature]
        let computed: [Computed]
        let layout: FactLayout
        let slots: Set<Int>
        let steps: Steps
        let expressionSlots: Set<Int>

        init(
            view: ViewDefinition, keySlots: [Int], filter: Expression?, lanes: [Lane],
            features: [Feature]
        ) {
            self.view = view
            self.keySlots = keySlots
            self.filter = filter
            self.lanes = lanes
            self.features = features
            computed = features.map {
                Computed(
                    function: $0.function, window: $0.window, parameter: $0.parameter,
                    lane: $0.lane, categoryLane: $0.categoryLane, group: $0.group,
                    groupNeedsTile: $0.groupNeedsTile)
            }
            func lanesOf(_ functions: Set<Aggregation>) -> Set<Int> {
                Set(features.filter {
                    functions.contains($0.function) && $0.categoryLane == nil
                }.map(\.lane))
            }
            layout = FactLayout(
                lanes, summed: lanesOf([.sum, .mean, .variance, .stddev]),
                compared: lanesOf([.min, .max]))
            var slots = Set(keySlots).union(filter?.reads ?? [])
            for lane in lanes {
                slots.formUnion(lane.argument?.reads ?? [])
                slots.formUnion(lane.filter?.reads ?? [])
                if let slot = lane.slot { slots.insert(slot) }
            }
            self.slots = slots
            var computed = Set(filter?.reads ?? [])
            for lane in lanes {
                computed.formUnion(lane.filter?.reads ?? [])
                if lane.onlySlot == nil { computed.formUnion(lane.argument?.reads ?? []) }
            }
            expressionSlots = computed
            steps = Steps(
                keys: zip(view.entity, keySlots).map { field, slot in
                    KeyStep(slot: slot, type: field.type, tag: field.type.tag)
                },
                lanes: zip(lanes, layout.lanes).map { lane, place in
                    LaneStep(
                        type: lane.type, slot: lane.onlySlot ?? -1, word: place.word ?? -1,
                        isFiltered: lane.filter != nil,
                        isExpression: lane.onlySlot == nil && lane.argument != nil)
                })
        }
    }

    private let content: Content

    public var view: ViewDefinition { content.view }
    var keySlots: [Int] { content.keySlots }
    var filter: Expression? { content.filter }
    var lanes: [Lane] { content.lanes }
    var features: [Feature] { content.features }
    var layout: FactLayout { content.layout }
    // Without a copy of anything that counts its references.
    var stride: Int { content.layout.stride }
    var includesCutoff: Bool { content.view.includesCutoff }
    var maxAge: Int64? { content.view.maxAge }
    func lane(_ number: Int) -> FactLayout.Lane { content.layout.lanes[number] }
    func feature(_ number: Int) -> Computed { content.computed[number] }

    var steps: Steps { content.steps }

    /// Whether a lane takes in a record.
    func isTrue(_ lane: Int, _ values: borrowing [Value]) -> Bool {
        content.lanes[lane].filter?.isTrue(values) ?? true
    }

    /// What a lane's expression says of a record.
    func value(_ lane: Int, _ values: borrowing [Value]) -> Value {
        content.lanes[lane].argument?.evaluate(values) ?? .null
    }

    /// The slots of a record that the view reads; the others' values may be anything.
    public var slots: Set<Int> { content.slots }

    /// The slots that its filters and expressions look at.
    public var expressionSlots: Set<Int> { content.expressionSlots }

    /// How many features it has.
    public var featureCount: Int { content.features.count }

    /// - Parameter stream: the definition of `view.streamName`; for a written view, see
    ///   `StreamDefinition.init(writing:)`.
    public init(_ view: ViewDefinition, stream: StreamDefinition) {
        let keySlots = view.entity.map { field in
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
        struct Group: Hashable {
            let lane: Int
            let window: Window
        }
        var groups: [Group: Int] = [:]
        var features: [Feature] = []
        func add(
            _ field: Field, _ function: Aggregation, _ window: Window, _ lane: Lane,
            parameter: Int = 0, category: Lane? = nil
        ) {
            let group = Group(lane: number(lane), window: window)
            let known = groups[group] ?? groups.count
            groups[group] = known
            features.append(
                Feature(
                    field: field, function: function, window: window, parameter: parameter,
                    lane: group.lane, categoryLane: category.map(number), group: known))
        }
        var filter: Expression?
        switch view.source {
        case .derived(let source):
            filter = source.filter
            for feature in source.features {
                add(
                    Field(name: feature.name, type: feature.type, isNullable: true),
                    feature.function, feature.window,
                    Lane(
                        argument: feature.argument, filter: feature.filter, slot: nil,
                        slotType: nil), parameter: feature.parameter,
                    category: feature.category.map {
                        Lane(argument: $0, filter: feature.filter, slot: nil, slotType: nil)
                    })
            }
        case .written(let fields):
            for field in fields {
                add(
                    field, .latest, .lifetime,
                    Lane(
                        argument: nil, filter: nil, slot: stream.index(of: field.name),
                        slotType: field.type))
            }
        }
        let needing = Set(features.filter { $0.function.needsTile && $0.categoryLane == nil }.map(\.group))
        for index in features.indices {
            features[index].groupNeedsTile = needing.contains(features[index].group)
        }
        content = Content(
            view: view, keySlots: keySlots, filter: filter, lanes: lanes, features: features)
    }
}

extension Aggregation {
    /// Whether it takes more than one fact of the window.
    fileprivate var needsTile: Bool {
        switch self {
        case .last, .latest, .timeSinceLast: false
        case .distinct, .quantile, .firstK, .lastK, .topK: false
        case .count, .sum, .mean, .min, .max, .first, .variance, .stddev: true
        }
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
