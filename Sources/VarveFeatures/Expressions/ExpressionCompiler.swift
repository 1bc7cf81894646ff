internal import VarveBytes

/// Turns checked nodes into a program. Registers are a stack: a node's result goes to the register
/// that it is told, and its operands to that one and those above.
struct ExpressionCompiler {
    private var program: Program
    private var textIndexes: [[UInt8]: Int] = [:]
    private var isTooDeep = false
    /// Whether operations on constants are computed at once.
    private let folds: Bool

    private init(_ type: ValueType, folds: Bool) {
        program = Program(type: type)
        self.folds = folds
    }

    /// The program of a node; nil when it needs more registers than there are.
    static func program(_ node: TypedNode, folds: Bool = true) -> Program? {
        var compiler = ExpressionCompiler(node.type, folds: folds)
        let node = folds ? folded(node) : node
        if case .slot(let slot) = node.kind { compiler.program.onlySlot = slot }
        if node.type == .string {
            compiler.program.resultText = compiler.text(node, 0)
        } else {
            compiler.number(node, 0)
        }
        return compiler.isTooDeep ? nil : compiler.program
    }

    // MARK: Constants

    /// The node with every operation on constants replaced by its value, which the same program
    /// computes that would compute it later.
    private static func folded(_ node: TypedNode) -> TypedNode {
        let result = TypedNode(node.type, node.kind.mapOperands(folded))
        guard !result.operands.isEmpty, result.operands.allSatisfy(\.isConstant),
            let program = program(result, folds: false)
        else { return result }
        let empty: [Value] = []
        return TypedNode(node.type, .constant(program.run(empty.span)))
    }

    private mutating func constant(_ bits: UInt64) -> Int32 {
        program.constants.append(bits)
        return Int32(truncatingIfNeeded: program.constants.count - 1)
    }

    private mutating func constant(_ text: String) -> TextPlace {
        let index = textIndexes[Array(text.utf8)] ?? program.texts.count
        if index == program.texts.count {
            program.texts.append(text)
            textIndexes[Array(text.utf8)] = index
        }
        return TextPlace(.constant, index)
    }

    // MARK: Code

    private mutating func emit(
        _ operation: Operation, _ target: Int, _ left: Int32 = 0, _ right: Int32 = 0,
        _ third: Int32 = 0
    ) {
        program.instructions.append(
            Instruction(
                operation: operation, target: UInt8(truncatingIfNeeded: target), left: left,
                right: right, third: third))
    }

    /// A jump whose goal is set later by `land`.
    private mutating func emitJump(_ operation: Operation, _ register: Int = 0) -> Int {
        emit(operation, 0, Int32(register))
        return program.instructions.count - 1
    }

    private mutating func land(_ jumps: [Int]) {
        let goal = Int32(truncatingIfNeeded: program.instructions.count)
        for jump in jumps { program.instructions[jump].right = goal }
    }

    /// Whether a register exists; otherwise the program will not be used.
    private mutating func has(_ register: Int) -> Bool {
        if register >= Program.registerLimit { isTooDeep = true }
        return !isTooDeep
    }

    /// Computes an operand of any type: into `register`, or a text to where it says.
    private mutating func operand(_ node: TypedNode, _ register: Int) -> Int32 {
        if node.type == .string { return text(node, register).rawValue }
        number(node, register)
        return Int32(register)
    }

    private mutating func apply(
        _ operation: Operation, _ operands: [TypedNode], _ target: Int
    ) {
        var places: [Int32] = []
        for (index, node) in operands.enumerated() {
            places.append(operand(node, target + index))
        }
        let left = places.first ?? 0
        let right = places.count > 1 ? places[1] : left
        emit(operation, target, left, right, places.count > 2 ? places[2] : 0)
    }

    /// Computes a node that is no text into a register.
    private mutating func number(_ node: TypedNode, _ target: Int) {
        guard has(target) else { return }
        switch node.kind {
        case .constant(let value):
            if let bits = value.bits {
                emit(.loadConstant, target, constant(bits))
            } else {
                emit(.loadNull, target)
            }
        case .slot(let slot): emit(node.type.load, target, Int32(truncatingIfNeeded: slot))
        // A timestamp is kept as its microseconds.
        case .apply(.intToTime, let operands), .apply(.boolToInt, let operands):
            for operand in operands { number(operand, target) }
        case .apply(let operation, let operands): apply(operation, operands, target)
        case .fold(let operation, let operands):
            for (index, operand) in operands.enumerated() {
                number(operand, index == 0 ? target : target + 1)
                if index > 0 { emit(operation, target, Int32(target), Int32(target + 1)) }
            }
        case .choose(let condition, let first, let second):
            number(condition, target)
            let toSecond = emitJump(.jumpUnlessTrue, target)
            number(first, target)
            let toEnd = emitJump(.jump)
            land([toSecond])
            number(second, target)
            land([toEnd])
        case .firstPresent(let operands):
            var jumps: [Int] = []
            for (index, operand) in operands.enumerated() {
                number(operand, target)
                if index + 1 < operands.count { jumps.append(emitJump(.jumpIfPresent, target)) }
            }
            land(jumps)
        case .isNull(let node, let negated):
            let place = operand(node, target)
            let isText = node.type == .string
            emit(
                isText
                    ? (negated ? .isTextPresent : .isTextNull) : (negated ? .isPresent : .isNull),
                target, place, place)
        case .isIn(let node, let elements, let equal): isIn(node, elements, equal, target)
        case .isBetween(let node, let low, let high, let notMore):
            let value = operand(node, target)
            let lowest = operand(low, target + 1)
            emit(notMore, target + 1, lowest, value)
            let highest = operand(high, target + 2)
            guard has(target + 2) else { return }
            emit(notMore, target, value, highest)
            emit(.and, target, Int32(target), Int32(target + 1))
        }
    }

    /// The value stays in `target` while answers gather above it.
    private mutating func isIn(
        _ node: TypedNode, _ elements: [TypedNode], _ equal: Operation, _ target: Int
    ) {
        let value = operand(node, target)
        for (index, element) in elements.enumerated() {
            let register = index == 0 ? target + 1 : target + 2
            guard has(register) else { return }
            emit(equal, register, value, operand(element, register))
            if index > 0 { emit(.or, target + 1, Int32(target + 1), Int32(target + 2)) }
        }
        emit(.or, target, Int32(target + 1), Int32(target + 1))
    }

    /// Where a text is, after computing it into text register `target` if need be.
    private mutating func text(_ node: TypedNode, _ target: Int) -> TextPlace {
        guard has(target) else { return TextPlace(.constant, 0) }
        switch node.kind {
        case .constant(.string(let text)): return constant(text)
        case .slot(let slot): return TextPlace(.slot, slot)
        default: break
        }
        program.textRegisters = max(program.textRegisters, target + 1)
        let place = TextPlace(.register, target)
        switch node.kind {
        case .apply(.substring, let operands): substring(operands, target)
        case .apply(let operation, let operands): apply(operation, operands, target)
        case .fold(let operation, let operands):
            var left = text(operands[0], target)
            for operand in operands.dropFirst() {
                let right = text(operand, target + 1)
                emit(operation, target, left.rawValue, right.rawValue)
                left = place
            }
        case .choose(let condition, let first, let second):
            number(condition, target)
            let toSecond = emitJump(.jumpUnlessTrue, target)
            load(first, target)
            let toEnd = emitJump(.jump)
            land([toSecond])
            load(second, target)
            land([toEnd])
        case .firstPresent(let operands):
            var jumps: [Int] = []
            for (index, operand) in operands.enumerated() {
                load(operand, target)
                if index + 1 < operands.count { jumps.append(emitJump(.jumpIfPresent, target)) }
            }
            land(jumps)
        default: emit(.loadNull, target)
        }
        return place
    }

    /// The text lies in `target` or elsewhere; the numbers go to registers above.
    private mutating func substring(_ operands: [TypedNode], _ target: Int) {
        let whole = text(operands[0], target)
        number(operands[1], target + 1)
        number(operands[2], target + 2)
        emit(.substring, target, whole.rawValue, Int32(target + 1), Int32(target + 2))
    }

    /// Computes a text into text register `target` itself.
    private mutating func load(_ node: TypedNode, _ target: Int) {
        let place = text(node, target)
        if place != TextPlace(.register, target) { emit(.loadText, target, place.rawValue) }
    }
}

extension TypedNode.Kind {
    /// The same form over other operands.
    func mapOperands(_ change: (TypedNode) -> TypedNode) -> Self {
        switch self {
        case .constant, .slot: self
        case .apply(let operation, let operands): .apply(operation, operands.map(change))
        case .fold(let operation, let operands): .fold(operation, operands.map(change))
        case .choose(let condition, let first, let second):
            .choose(change(condition), change(first), change(second))
        case .firstPresent(let operands): .firstPresent(operands.map(change))
        case .isNull(let operand, let negated): .isNull(change(operand), negated: negated)
        case .isIn(let operand, let elements, let equal):
            .isIn(change(operand), elements.map(change), equal: equal)
        case .isBetween(let operand, let low, let high, let notMore):
            .isBetween(change(operand), change(low), change(high), notMore: notMore)
        }
    }
}

extension Value {
    /// How a register holds it; nil for null and texts.
    fileprivate var bits: UInt64? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .int64(let value): UInt64(bitPattern: value)
        case .float64(let value): value.bitPattern
        case .timestamp(let value): UInt64(bitPattern: value.microseconds)
        case .null, .string: nil
        }
    }
}

extension ValueType {
    fileprivate var load: Operation {
        switch self {
        case .bool: .loadBool
        case .int64: .loadInt
        case .float64: .loadFloat
        case .timestamp: .loadTime
        case .string: .loadText
        }
    }
}
