/// A checked expression: every name is a slot, every operation has operands of its types, and every
/// conversion is written out.
struct TypedNode {
    indirect enum Kind {
        /// Of the node's type, or null.
        case constant(Value)
        case slot(Int)
        /// Operands in the order of the instruction's `left`, `right` and `third`.
        case apply(Operation, [TypedNode])
        /// A binary operation over two or more operands, from the left.
        case fold(Operation, [TypedNode])
        case choose(TypedNode, TypedNode, TypedNode)
        case firstPresent([TypedNode])
        case isNull(TypedNode, negated: Bool)
        /// Whether the first is `equal` to any of the list.
        case isIn(TypedNode, [TypedNode], equal: Operation)
        /// Whether low `notMore` value and value `notMore` high.
        case isBetween(TypedNode, TypedNode, TypedNode, notMore: Operation)
    }

    let type: ValueType
    let kind: Kind

    init(_ type: ValueType, _ kind: Kind) {
        self.type = type
        self.kind = kind
    }

    /// The nodes directly below.
    var operands: [TypedNode] {
        switch kind {
        case .constant, .slot: []
        case .apply(_, let operands), .fold(_, let operands), .firstPresent(let operands): operands
        case .choose(let condition, let first, let second): [condition, first, second]
        case .isNull(let operand, _): [operand]
        case .isIn(let operand, let elements, _): [operand] + elements
        case .isBetween(let operand, let low, let high, _): [operand, low, high]
        }
    }

    var isConstant: Bool { if case .constant = kind { true } else { false } }
}

extension ValueType {
    var isNumber: Bool { self == .int64 || self == .float64 }
    var isOrdered: Bool { self != .bool }

    /// Where the operations of a comparison are for values of this type.
    var equal: Operation {
        switch self {
        case .bool, .int64, .timestamp: .equalInt
        case .float64: .equalFloat
        case .string: .equalText
        }
    }
    var unequal: Operation {
        switch self {
        case .bool, .int64, .timestamp: .unequalInt
        case .float64: .unequalFloat
        case .string: .unequalText
        }
    }
    var less: Operation {
        switch self {
        case .bool, .int64, .timestamp: .lessInt
        case .float64: .lessFloat
        case .string: .lessText
        }
    }
    var notMore: Operation {
        switch self {
        case .bool, .int64, .timestamp: .notMoreInt
        case .float64: .notMoreFloat
        case .string: .notMoreText
        }
    }
}
