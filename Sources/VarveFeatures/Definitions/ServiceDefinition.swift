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

    public let name: String
    /// What a request brings along.
    public let inputs: [Field]
    public let features: [Feature]

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
