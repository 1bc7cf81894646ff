import VarveBytes
public import VarveFormats

extension Value {
    /// The value as JSON: timestamps in RFC 3339, whole doubles with a `.0`.
    public var json: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .integer(value)
        case .float64(let value): .number(value)
        case .string(let value): .string(value)
        case .timestamp(let value): .string(value.description)
        }
    }

    /// A JSON value as a value of a type; nil when it is none of that type. Integers are taken for
    /// float64; null is null of every type.
    public init?(_ json: JSON, as type: ValueType) {
        switch (type, json) {
        case (_, .null): self = .null
        case (.bool, .bool(let value)): self = .bool(value)
        case (.int64, .integer(let value)): self = .int64(value)
        case (.float64, .integer(let value)): self = .float64(Double(value))
        case (.float64, .number(let value)): self = .float64(value)
        case (.string, .string(let value)): self = .string(value)
        case (.timestamp, .string(let text)):
            guard let value = Timestamp(parsing: text) else { return nil }
            self = .timestamp(value)
        default: return nil
        }
    }

    /// A text, as a command line or CSV cell has it, as a value of a type.
    public init?(text: String, as type: ValueType) {
        switch type {
        case .bool:
            guard let value = Bool(text) else { return nil }
            self = .bool(value)
        case .int64:
            guard let value = Int64(text) else { return nil }
            self = .int64(value)
        case .float64:
            guard let value = Double(text), value.isFinite else { return nil }
            self = .float64(value)
        case .string: self = .string(text)
        case .timestamp:
            guard let value = Timestamp(parsing: text) else { return nil }
            self = .timestamp(value)
        }
    }

    /// The value as a table or log line shows it.
    public var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int64(let value): String(value)
        case .float64(let value): value.description
        case .string(let value): value
        case .timestamp(let value): value.description
        }
    }
}

extension Value {
    /// The value as a cell of a column.
    public var cell: Column.Cell {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .int64(value)
        case .float64(let value): .float64(value)
        case .string(let value): .string(value)
        case .timestamp(let value): .timestamp(value)
        }
    }

    /// A column's cell as a value.
    public init(_ cell: Column.Cell) {
        switch cell {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int64(let value): self = .int64(value)
        case .float64(let value): self = .float64(value)
        case .string(let value): self = .string(value)
        case .timestamp(let value): self = .timestamp(value)
        }
    }
}

extension ValueType {
    /// The type of a column that holds such values.
    public var columnType: ColumnType {
        switch self {
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        }
    }
}
