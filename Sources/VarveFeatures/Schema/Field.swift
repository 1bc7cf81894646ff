/// A named, typed value of a record, an entity key or a request.
public struct Field: Sendable, Hashable {
    /// Letters, digits and underscores; a view's feature has its view's name and a dot before.
    public let name: String
    /// The type of its values, null aside.
    public let type: ValueType
    /// Whether it may be null or missing: the `?` after a type.
    public let isNullable: Bool

    /// A field; entity keys and event times are never nullable.
    public init(name: String, type: ValueType, isNullable: Bool = false) {
        self.name = name
        self.type = type
        self.isNullable = isNullable
    }

    /// The type as definitions write it: `float64`, or `float64?` when nullable.
    public var typeText: String { type.rawValue + (isNullable ? "?" : "") }
}
