/// A service made ready to compute rows: which views' features, inputs and expressions make up
/// its columns, and which key fields a row needs.
public struct ServicePlan: Sendable {
    public let service: ServiceDefinition
    /// The key fields of all its views, each once, in order of first use.
    public let keyFields: [Field]

    private enum Step: Sendable {
        case view(Int, feature: Int)
        case input(Int)
        case onDemand(Expression)
    }

    private let steps: [Step]
    /// For each view of the definitions, where its key fields are in `keyFields`; empty for views
    /// that are not used.
    private let keySlots: [[Int]]

    /// - Parameter definitions: those of the fold that rows are computed from; they contain every
    ///   view that the service names.
    public init(_ service: ServiceDefinition, _ definitions: Definitions) {
        self.service = service
        var keyFields: [Field] = []
        var keySlots = Array(repeating: [Int](), count: definitions.views.count)
        steps = service.features.map { feature in
            switch feature {
            case .input(let field):
                let index = service.inputs.firstIndex { $0.name == field.name }
                guard let index else {
                    preconditionFailure("service \(service.name) has no input \(field.name)")
                }
                return .input(index)
            case .onDemand(_, let expression): return .onDemand(expression)
            case .view(let name, let field):
                guard let view = definitions.views.firstIndex(where: { $0.name == name }),
                    let index = definitions.views[view].features.firstIndex(where: {
                        $0.name == field.name
                    })
                else { preconditionFailure("service \(service.name) needs \(name).\(field.name)") }
                keySlots[view] = definitions.views[view].entity.map { key in
                    if let known = keyFields.firstIndex(where: { $0.name == key.name }) {
                        return known
                    }
                    keyFields.append(Field(name: key.name, type: key.type))
                    return keyFields.count - 1
                }
                return .view(view, feature: index)
            }
        }
        self.keyFields = keyFields
        self.keySlots = keySlots
    }

    /// Names and types of the columns.
    public var columns: [Field] { service.features.map(\.field) }

    /// One row: a value and status for each column.
    /// - Parameters:
    ///   - views: the states, in the order of the definitions.
    ///   - keys: one value for each of `keyFields`; null never matches.
    ///   - inputs: one value for each input of the service.
    public func row(
        _ views: [ViewState], keys: [Value], inputs: [Value], _ visibility: Visibility
    ) -> [FeatureValue] {
        precondition(keys.count == keyFields.count && inputs.count == service.inputs.count)
        let entities = keySlots.map { slots in EntityKey(slots.map { keys[$0] }) }
        var row: [FeatureValue] = []
        row.reserveCapacity(steps.count)
        // What on-demand expressions see, laid out like `ServiceDefinition.scope`: the inputs, the
        // features of views in their order, then the on-demand features before them.
        var scope = inputs
        for step in steps {
            guard case .view(let view, let feature) = step else { continue }
            let value = views[view].read(feature, entities[view], visibility)
            row.append(value)
            scope.append(value.value)
        }
        if row.count == steps.count { return row }
        var next = row.makeIterator()
        return steps.map { step in
            switch step {
            case .view: return next.next() ?? FeatureValue(.notFound)
            case .input(let index): return .present(inputs[index])
            case .onDemand(let expression):
                scope.append(expression.evaluate(scope))
                return .present(scope[scope.count - 1])
            }
        }
    }
}
