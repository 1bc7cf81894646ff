public import VarveBytes

/// The types a field, an expression or a feature can have.
public enum ValueType: String, Sendable, Equatable, CaseIterable {
    case bool, int64, float64, string, timestamp
}

/// One value of a field, an expression or a feature. Float64 values are finite.
public enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case string(String)
    case timestamp(Timestamp)

    /// The value's type; nil for null.
    public var type: ValueType? {
        switch self {
        case .null: nil
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        }
    }
}
