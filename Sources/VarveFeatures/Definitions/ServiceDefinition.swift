/// The ordered, typed list of features that one model consumes.
public struct ServiceDefinition: Sendable, Equatable {
    /// One column of the service.
    public enum Feature: Sendable, Equatable {
        /// A view's feature, under the name `<view>.<feature>`.
        case view(view: String, feature: Field)
        /// Computed when asked for, over the inputs and the view features named before it.
        case onDemand(name: String, expression: Expression)
        /// A request input, as it was given.
        case input(Field)
    }

    /// Unique among services.
    public let name: String
    /// What a request brings along.
    public let inputs: [Field]
    /// The columns, in order; their names are unique.
    public let features: [Feature]

    /// A service that was checked; nothing is checked here.
    public init(name: String, inputs: [Field], features: [Feature]) {
        self.name = name
        self.inputs = inputs
        self.features = features
    }
}

extension ServiceDefinition.Feature {
    /// The column's name and type.
    public var field: Field {
        switch self {
        case .view(let view, let feature):
            Field(name: "\(view).\(feature.name)", type: feature.type, isNullable: true)
        case .onDemand(let name, let expression):
            Field(name: name, type: expression.type, isNullable: true)
        case .input(let field): field
        }
    }
}

// MARK: - Evaluation

extension ServiceDefinition {
    /// What on-demand expressions see: the inputs; then the view features, under the name
    /// `<view>.<feature>`; then the on-demand features, each of which sees those before it. View
    /// and on-demand features are in the order of the columns.
    public var scope: [Field] {
        var (views, computed): ([Field], [Field]) = ([], [])
        for feature in features {
            switch feature {
            case .view: views.append(feature.field)
            case .onDemand: computed.append(feature.field)
            case .input: break
            }
        }
        return inputs + views + computed
    }

    /// For each column, where its value is in a row laid out like `scope`.
    public var columnSlots: [Int] {
        var nextView = inputs.count
        var nextComputed = inputs.count
        for case .view in features { nextComputed += 1 }
        return features.map { feature in
            switch feature {
            case .view:
                defer { nextView += 1 }
                return nextView
            case .onDemand:
                defer { nextComputed += 1 }
                return nextComputed
            case .input(let field): return inputs.firstIndex { $0.name == field.name } ?? 0
            }
        }
    }

    /// Computes the on-demand features of a row laid out like `scope`, whose inputs and view
    /// features are there already.
    public func computeOnDemand(_ row: inout [Value]) {
        var slot = row.count
        for case .onDemand in features { slot -= 1 }
        for case .onDemand(_, let expression) in features {
            row[slot] = expression.evaluate(row)
            slot += 1
        }
    }
}
