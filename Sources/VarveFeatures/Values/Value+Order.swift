extension Value {
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// Whether both have the same type and bits.
    public func isIdentical(to other: Value) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int64(let a), .int64(let b)): a == b
        case (.float64(let a), .float64(let b)): a.bitPattern == b.bitPattern
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.timestamp(let a), .timestamp(let b)): a == b
        default: false
        }
    }

    /// Whether this value of a type comes before another of the same type in the one order that
    /// `min` and `max` use: false before true, -0 before +0, text by its UTF-8 bytes.
    public func precedes(_ other: Value) -> Bool {
        switch (self, other) {
        case (.bool(let a), .bool(let b)): !a && b
        case (.int64(let a), .int64(let b)): a < b
        case (.float64(let a), .float64(let b)):
            a < b || (a == b && a.sign == .minus && b.sign == .plus)
        case (.string(let a), .string(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.timestamp(let a), .timestamp(let b)): a < b
        default: false
        }
    }
}
