public import VarveBytes

/// The types a field, an expression or a feature can have.
public enum ValueType: String, Sendable, Equatable, CaseIterable {
    case bool, int64, float64, string, timestamp
}

/// One value of a field, an expression or a feature. Float64 values are finite.
///
/// Texts are equal when their bytes are: spellings that Unicode calls equivalent stay two keys and
/// two categories, as they are two in every file and protocol.
public enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case string(String)
    case timestamp(Timestamp)

    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int64(let a), .int64(let b)): a == b
        case (.float64(let a), .float64(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.timestamp(let a), .timestamp(let b)): a == b
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .int64(let value): hasher.combine(value)
        case .float64(let value): hasher.combine(value)
        case .string(let value):
            // Eight bytes at a time.
            var (word, count) = (UInt64(0), 0)
            for byte in value.utf8 {
                word = word << 8 | UInt64(byte)
                count += 1
                if count % 8 == 0 { hasher.combine(word) }
            }
            hasher.combine(word)
            hasher.combine(count)
        case .timestamp(let value): hasher.combine(value)
        }
    }

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
