internal import VarveBytes

/// Finds the slots of names and the types of operations.
struct ExpressionChecker {
    private let bytes: [UInt8]
    private let scope: [Field]
    private let slots: [String: Int]

    init(_ bytes: [UInt8], scope: [Field]) {
        self.bytes = bytes
        self.scope = scope
        slots = Dictionary(
            scope.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The checked form of a whole expression.
    func check(_ syntax: Syntax) throws(ExpressionError) -> TypedNode {
        switch syntax.form {
        case .literal(let literal): return try literalNode(literal, syntax)
        case .field(let name): return try field(name, syntax)
        case .negate(let operand):
            let node = try number(operand)
            return TypedNode(
                node.type, .apply(node.type == .int64 ? .negateInt : .negateFloat, [node]))
        case .not(let operand): return TypedNode(.bool, .apply(.not, [try bool(operand)]))
        case .all(let operands): return TypedNode(.bool, .fold(.and, try bools(operands)))
        case .any(let operands): return TypedNode(.bool, .fold(.or, try bools(operands)))
        case .arithmetic(let sign, let left, let right):
            return try arithmetic(sign, left, right)
        case .comparison(let sign, let left, let right):
            return try comparison(sign, left, right)
        case .isNull(let operand, let negated):
            return TypedNode(.bool, .isNull(try check(operand), negated: negated))
        case .isIn(let operand, let elements, let negated):
            let nodes = try unified([operand] + elements, nulls: .refused)
            let node = TypedNode(
                .bool, .isIn(nodes[0], Array(nodes.dropFirst()), equal: nodes[0].type.equal))
            return negated ? TypedNode(.bool, .apply(.not, [node])) : node
        case .isBetween(let operand, let low, let high, let negated):
            let nodes = try unified([operand, low, high], nulls: .refused)
            try requireOrder(nodes[0].type, operand)
            let node = TypedNode(
                .bool,
                .isBetween(nodes[0], nodes[1], nodes[2], notMore: nodes[0].type.notMore))
            return negated ? TypedNode(.bool, .apply(.not, [node])) : node
        case .call(let name, let arguments): return try call(name, arguments, syntax)
        }
    }

    // MARK: Leaves

    private func literalNode(
        _ literal: Syntax.Literal, _ syntax: Syntax
    ) throws(ExpressionError) -> TypedNode {
        switch literal {
        case .bool(let value): return TypedNode(.bool, .constant(.bool(value)))
        case .integer(let value), .duration(let value):
            return TypedNode(.int64, .constant(.int64(value)))
        case .decimal(let value): return TypedNode(.float64, .constant(.float64(value)))
        case .text(let value): return TypedNode(.string, .constant(.string(value)))
        case .null:
            throw error(
                syntax, found: "null, which has no type here",
                expected: "a value; \"x is null\" asks whether x is null")
        }
    }

    private func field(_ name: String, _ syntax: Syntax) throws(ExpressionError) -> TypedNode {
        if let slot = slots[name] { return TypedNode(scope[slot].type, .slot(slot)) }
        if FunctionTable.canonicalName(name) != nil {
            throw error(
                syntax, found: "\"\(name)\" without arguments",
                expected: "a field, or the function's arguments in parentheses")
        }
        let names = scope.map(\.name)
        var expected = scope.isEmpty ? "a value: there are no fields here" : "a field"
        if !names.isEmpty, names.count <= 8 {
            expected += " (\(names.joined(separator: ", ")))"
        }
        throw error(
            syntax, found: "\"\(name)\"", expected: expected,
            suggestion: Spelling.nearest(to: name, among: names))
    }

    // MARK: Operators

    private func bool(_ syntax: Syntax) throws(ExpressionError) -> TypedNode {
        let node = try check(syntax)
        guard node.type == .bool else {
            throw mismatch(node, syntax, expected: "a boolean, such as a comparison")
        }
        return node
    }

    private func bools(_ operands: [Syntax]) throws(ExpressionError) -> [TypedNode] {
        var nodes: [TypedNode] = []
        for operand in operands { nodes.append(try bool(operand)) }
        return nodes
    }

    private func number(_ syntax: Syntax) throws(ExpressionError) -> TypedNode {
        let node = try check(syntax)
        guard node.type.isNumber else { throw mismatch(node, syntax, expected: "a number") }
        return node
    }

    private func requireOrder(_ type: ValueType, _ syntax: Syntax) throws(ExpressionError) {
        guard type.isOrdered else {
            throw error(
                syntax, found: "\(quote(syntax)) of type bool",
                expected: "a number, string or timestamp: booleans have no order")
        }
    }

    /// The node as float64.
    private func float(_ node: TypedNode) -> TypedNode {
        node.type == .int64 ? TypedNode(.float64, .apply(.intToFloat, [node])) : node
    }

    private func arithmetic(
        _ sign: Syntax.Arithmetic, _ leftSyntax: Syntax, _ rightSyntax: Syntax
    ) throws(ExpressionError) -> TypedNode {
        let left = try check(leftSyntax)
        let right = try check(rightSyntax)
        switch (sign, left.type, right.type) {
        case (.add, .timestamp, .int64), (.add, .int64, .timestamp):
            return TypedNode(.timestamp, .apply(.addInt, [left, right]))
        case (.subtract, .timestamp, .int64):
            return TypedNode(.timestamp, .apply(.subtractInt, [left, right]))
        case (.subtract, .timestamp, .timestamp):
            return TypedNode(.int64, .apply(.subtractInt, [left, right]))
        case (.add, .timestamp, _), (.subtract, .timestamp, _):
            throw mismatch(right, rightSyntax, expected: "a duration (int64 microseconds)")
        case (.add, .string, .string):
            throw error(
                leftSyntax, found: "\(quote(leftSyntax)) of type string",
                expected: "numbers on both sides of \"+\"; concat(a, b) joins texts")
        default: break
        }
        guard left.type.isNumber else { throw mismatch(left, leftSyntax, expected: "a number") }
        guard right.type.isNumber else { throw mismatch(right, rightSyntax, expected: "a number") }
        if left.type == .int64, right.type == .int64, sign != .divide {
            let operation: Operation =
                switch sign {
                case .add: .addInt
                case .subtract: .subtractInt
                case .multiply: .multiplyInt
                case .divide, .remainder: .remainderInt
                }
            return TypedNode(.int64, .apply(operation, [left, right]))
        }
        let operation: Operation =
            switch sign {
            case .add: .addFloat
            case .subtract: .subtractFloat
            case .multiply: .multiplyFloat
            case .divide: .divideFloat
            case .remainder: .remainderFloat
            }
        return TypedNode(.float64, .apply(operation, [float(left), float(right)]))
    }

    private func comparison(
        _ sign: Syntax.Comparison, _ left: Syntax, _ right: Syntax
    ) throws(ExpressionError) -> TypedNode {
        for side in [left, right] where side.isNull {
            throw error(
                side, found: "null in a comparison, which is never true",
                expected: "\"is null\" or \"is not null\"")
        }
        let nodes = try unified([left, right], nulls: .refused)
        let type = nodes[0].type
        switch sign {
        case .equal: return TypedNode(.bool, .apply(type.equal, nodes))
        case .notEqual: return TypedNode(.bool, .apply(type.unequal, nodes))
        default: break
        }
        try requireOrder(type, left)
        switch sign {
        case .less: return TypedNode(.bool, .apply(type.less, nodes))
        case .lessOrEqual: return TypedNode(.bool, .apply(type.notMore, nodes))
        case .greater: return TypedNode(.bool, .apply(type.less, nodes.reversed()))
        default: return TypedNode(.bool, .apply(type.notMore, nodes.reversed()))
        }
    }

    private enum Nulls {
        case allowed, refused
    }

    /// Nodes of one type: the operands' own, or float64 where both integers and floats occur. A
    /// literal null takes the others' type where it is allowed.
    private func unified(
        _ operands: [Syntax], nulls: Nulls
    ) throws(ExpressionError) -> [TypedNode] {
        var nodes: [TypedNode?] = []
        var type: ValueType?
        for operand in operands {
            if operand.isNull, nulls == .allowed {
                nodes.append(nil)
                continue
            }
            let node = try check(operand)
            if let known = type, known != node.type {
                guard known.isNumber, node.type.isNumber else {
                    throw mismatch(
                        node, operand, expected: "\(known.rawValue), as the value before it",
                        wanted: known)
                }
                type = .float64
            } else {
                type = node.type
            }
            nodes.append(node)
        }
        guard let type else {
            throw error(
                operands[0], found: "nothing but null", expected: "a value that gives a type")
        }
        return nodes.map { node in
            guard let node else { return TypedNode(type, .constant(.null)) }
            return type == .float64 ? float(node) : node
        }
    }

    // MARK: Functions

    private func call(
        _ name: String, _ arguments: [Syntax], _ syntax: Syntax
    ) throws(ExpressionError) -> TypedNode {
        guard let entry = FunctionTable.entry(name) else {
            throw error(syntax, found: "\"\(name)\"", expected: "a function")
        }
        func require(_ fits: Bool) throws(ExpressionError) {
            if !fits { throw wrongCount(arguments.count, entry, syntax) }
        }
        switch entry.shape {
        case .choice:
            try require(arguments.count == 3)
            let condition = try bool(arguments[0])
            let branches = try unified(Array(arguments.dropFirst()), nulls: .allowed)
            return TypedNode(branches[0].type, .choose(condition, branches[0], branches[1]))
        case .firstPresent:
            try require(arguments.count >= 2)
            let nodes = try unified(arguments, nulls: .allowed)
            return TypedNode(nodes[0].type, .firstPresent(nodes))
        case .extreme(let ints, let floats, let texts):
            try require(arguments.count >= 2)
            let nodes = try unified(arguments, nulls: .refused)
            let type = nodes[0].type
            try requireOrder(type, arguments[0])
            let operation = type == .float64 ? floats : type == .string ? texts : ints
            return TypedNode(type, .fold(operation, nodes))
        case .joined:
            try require(arguments.count >= 2)
            var nodes: [TypedNode] = []
            for argument in arguments {
                let node = try check(argument)
                guard node.type == .string else {
                    throw mismatch(
                        node, argument, expected: "a string; to_string(x) makes one")
                }
                nodes.append(node)
            }
            return TypedNode(.string, .fold(.concat, nodes))
        case .overloads(let overloads):
            return try overloaded(entry, overloads, arguments, syntax)
        }
    }

    private func overloaded(
        _ entry: FunctionTable.Entry, _ overloads: [FunctionTable.Overload],
        _ arguments: [Syntax], _ syntax: Syntax
    ) throws(ExpressionError) -> TypedNode {
        let fitting = overloads.filter { overload in
            let most = overload.parameters.count
            return (most - overload.defaults.count...most).contains(arguments.count)
        }
        guard !fitting.isEmpty else { throw wrongCount(arguments.count, entry, syntax) }
        var nodes: [TypedNode] = []
        for argument in arguments { nodes.append(try check(argument)) }
        let types = nodes.map(\.type)
        func accepts(_ parameter: ValueType, _ type: ValueType) -> Bool {
            type == parameter || (type == .int64 && parameter == .float64)
        }
        let exact = fitting.first { zip($0.parameters, types).allSatisfy { $0 == $1 } }
        let overload = exact ?? fitting.first { zip($0.parameters, types).allSatisfy(accepts) }
        guard let overload else {
            let wrong =
                types.indices.first { index in
                    !fitting.contains { accepts($0.parameters[index], types[index]) }
                } ?? 0
            let wanted = fitting.map(\.parameters[wrong])
            let names = wanted.map(\.rawValue).joined(separator: " or ")
            throw mismatch(
                nodes[wrong], arguments[wrong], expected: "\(names) in \(entry.signature)",
                wanted: wanted.count == 1 ? wanted[0] : nil)
        }
        for (index, parameter) in overload.parameters.enumerated() where index < nodes.count {
            if parameter == .float64, exact == nil { nodes[index] = float(nodes[index]) }
        }
        let missing = overload.parameters.count - nodes.count
        for value in overload.defaults.suffix(missing) {
            nodes.append(TypedNode(.int64, .constant(.int64(value))))
        }
        try requireReadable(overload, nodes, arguments[0])
        return TypedNode(overload.result, .apply(overload.operation, nodes))
    }

    /// A text in the expression itself that does not convert is a mistake, not a null.
    private func requireReadable(
        _ overload: FunctionTable.Overload, _ nodes: [TypedNode], _ syntax: Syntax
    ) throws(ExpressionError) {
        guard case .constant(.string(let text)) = nodes[0].kind else { return }
        let expected: String
        switch overload.operation {
        case .textToTime where Timestamp(parsing: text) == nil:
            expected = "a time with its zone, such as '2013-03-10T07:30:00Z'"
        case .textToInt where TextFunctions.int(text) == nil: expected = "an integer such as '12'"
        case .textToFloat where TextFunctions.float(text) == nil:
            expected = "a number such as '1.5'"
        default: return
        }
        throw error(syntax, found: quote(syntax), expected: expected)
    }

    // MARK: Errors

    /// The text of a form as it was written, shortened.
    private func quote(_ syntax: Syntax) -> String {
        let text = String(decoding: bytes[syntax.range].prefix(60), as: UTF8.self)
        let shown = syntax.range.count > 60 ? text + "..." : text
        return text.utf8.first == UInt8(ascii: "\"") || text.utf8.first == UInt8(ascii: "'")
            ? shown : "\"\(shown)\""
    }

    private func error(
        _ syntax: Syntax, found: String, expected: String, suggestion: String? = nil
    ) -> ExpressionError {
        ExpressionError(
            bytes, at: syntax.range.lowerBound, found: found, expected: expected,
            suggestion: suggestion)
    }

    private func mismatch(
        _ node: TypedNode, _ syntax: Syntax, expected: String, wanted: ValueType? = nil
    ) -> ExpressionError {
        let suggestion: String? =
            switch (node.type, wanted) {
            case (.string, .timestamp?): "to_timestamp(\(syntax.text))"
            case (.string, .float64?): "to_float(\(syntax.text))"
            case (.string, .int64?), (.float64, .int64?): "to_int(\(syntax.text))"
            case (_, .string?): "to_string(\(syntax.text))"
            default: nil
            }
        return error(
            syntax, found: "\(quote(syntax)) of type \(node.type.rawValue)", expected: expected,
            suggestion: suggestion)
    }

    private func wrongCount(
        _ count: Int, _ entry: FunctionTable.Entry, _ syntax: Syntax
    ) -> ExpressionError {
        error(
            syntax, found: count == 1 ? "1 argument" : "\(count) arguments",
            expected: entry.signature)
    }
}

extension Syntax {
    fileprivate var isNull: Bool { if case .literal(.null) = form { true } else { false } }
}
