/// A service made ready to compute rows: which views' features, inputs and expressions make up
/// its columns, and which key fields a row needs.
public struct ServicePlan: Sendable {
    public let service: ServiceDefinition
    /// The key fields of all its views, each once, in order of first use.
    public let keyFields: [Field]

    private enum Step: Sendable {
        /// The next feature of a view.
        case view
        case input(Int)
        case onDemand(Expression)
    }

    private let steps: [Step]
    /// For each view of the definitions, where its key fields are in `keyFields`; empty for views
    /// that are not used.
    private let keySlots: [[Int]]
    /// What is read of each view that is used.
    private let reads: [ViewRead]
    /// Columns that are features of views.
    private let viewColumnCount: Int

    /// The features read of one view, and where they are among all features of views.
    private struct ViewRead: Sendable {
        let view: Int
        var features: [Int] = []
        var columns: [Int] = []
    }

    /// - Parameter definitions: those of the fold that rows are computed from; they contain every
    ///   view that the service names.
    public init(_ service: ServiceDefinition, _ definitions: Definitions) {
        self.service = service
        var keyFields: [Field] = []
        var keySlots = Array(repeating: [Int](), count: definitions.views.count)
        var reads: [ViewRead] = []
        var columnCount = 0
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
                let known = reads.firstIndex { $0.view == view }
                let read = known ?? reads.count
                if known == nil { reads.append(ViewRead(view: view)) }
                reads[read].features.append(index)
                reads[read].columns.append(columnCount)
                columnCount += 1
                return .view
            }
        }
        self.keyFields = keyFields
        self.keySlots = keySlots
        self.reads = reads
        viewColumnCount = columnCount
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
        row(keys: keys, inputs: inputs) { view, features, key, values in
            values = views[view].read(features, key, visibility)
        }
    }

    /// The entity's key in each view that is used, with the view's number; nil when a field of it
    /// is null.
    public func entities(_ keys: [Value]) -> [(view: Int, key: EntityKey?)] {
        reads.map { read in (read.view, EntityKey(keySlots[read.view].map { keys[$0] })) }
    }

    /// One row, from views that are read elsewhere.
    /// - Parameter read: appends to its last argument the features, by their places, that a view
    ///   has of an entity.
    public func row(
        keys: [Value], inputs: [Value],
        reading read: (
            _ view: Int, _ features: [Int], _ key: EntityKey?, _ values: inout [FeatureValue]
        ) -> Void
    ) -> [FeatureValue] {
        precondition(keys.count == keyFields.count && inputs.count == service.inputs.count)
        var row = Array(repeating: FeatureValue(.notFound), count: viewColumnCount)
        var values: [FeatureValue] = []
        for (wanted, entity) in zip(reads, entities(keys)) {
            values.removeAll(keepingCapacity: true)
            read(wanted.view, wanted.features, entity.key, &values)
            for (column, value) in zip(wanted.columns, values) { row[column] = value }
        }
        if row.count == steps.count { return row }
        // What on-demand expressions see, laid out like `ServiceDefinition.scope`: the inputs, the
        // features of views in their order, then the on-demand features before them.
        var scope = inputs + row.map(\.value)
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
