import Testing
import VarveBytes
import VarveTestSupport

@testable import VarveFeatures

/// Writes random expressions of a type over the fields i1, i2, f1, f2, s1, s2, b1, b2, t1, t2.
struct ExpressionGenerator {
    var random: SplitMix64

    static let scope: [Field] = [
        ("i", .int64), ("f", .float64), ("s", .string), ("b", .bool), ("t", .timestamp),
    ].flatMap { (letter: String, type: ValueType) in
        ["1", "2"].map { Field(name: letter + $0, type: type, isNullable: true) }
    }

    mutating func row() -> [Value] { Self.scope.map { value($0.type) } }

    private mutating func value(_ type: ValueType) -> Value {
        if random.below(5) == 0 { return .null }
        switch type {
        case .bool: return .bool(random.below(2) == 0)
        case .int64:
            return .int64(random.below(3) == 0 ? random.integer() : Int64(random.below(9)) - 4)
        case .float64: return .float64(random.double())
        case .string: return .string(random.text())
        case .timestamp: return .timestamp(Timestamp(microseconds: random.integer() >> 12))
        }
    }

    /// How an expression writes a value of a type.
    static func literal(_ value: Value, _ type: ValueType) -> String {
        switch value {
        case .null: "if(true, null, \(Self.literal(.example(type), type)))"
        case .bool(let value): "\(value)"
        case .int64(let value): "(\(value))"
        case .float64(let value): "(\(value))"
        case .string(let value): Syntax.Literal.text(value).text
        case .timestamp(let value): "to_timestamp(\(value.microseconds))"
        }
    }

    private mutating func one(_ choices: String...) -> String {
        choices[random.below(choices.count)]
    }

    private mutating func space() -> String { one("", " ", "  ", "\n", "\t") }

    private static let prefixes: [ValueType: String] = [
        .int64: "i", .float64: "f", .string: "s", .bool: "b", .timestamp: "t",
    ]

    private mutating func leaf(_ type: ValueType) -> String {
        if random.below(3) > 0 { return "\(Self.prefixes[type] ?? "")\(1 + random.below(2))" }
        switch (type, random.below(4)) {
        case (.int64, 0): return "\(random.below(100))\(one("us", "ms", "s", "m", "h", "d", "w"))"
        default:
            let value = value(type)
            return Self.literal(value == .null ? .example(type) : value, type)
        }
    }

    /// An expression in parentheses, or one that needs none.
    mutating func text(_ type: ValueType, _ depth: Int) -> String {
        if depth == 0 || random.below(8) == 0 { return leaf(type) }
        let body = compound(type, depth - 1)
        return random.below(4) == 0 && body.hasSuffix(")") && !body.contains(" ")
            ? body : "(\(space())\(body)\(space()))"
    }

    private mutating func compound(_ type: ValueType, _ depth: Int) -> String {
        switch random.below(8) {
        case 0: return "if(\(text(.bool, depth)), \(text(type, depth)), \(text(type, depth)))"
        case 1: return "coalesce(\(text(type, depth)),\(text(type, depth)), \(text(type, depth)))"
        case 2 where type != .bool:
            return "\(one("min", "max"))(\(text(type, depth)), \(text(type, depth)))"
        default: break
        }
        switch type {
        case .bool: return condition(depth)
        case .int64: return integer(depth)
        case .float64: return float(depth)
        case .string: return string(depth)
        case .timestamp:
            if random.below(2) == 0 {
                return "\(text(.timestamp, depth)) \(one("+", "-")) \(text(.int64, depth))"
            }
            let argument =
                random.below(2) == 0 ? text(.int64, depth) : numberText(.timestamp, depth)
            return "to_timestamp(\(argument))"
        }
    }

    /// A text to convert from; a literal that does not convert would be refused.
    private mutating func numberText(_ type: ValueType, _ depth: Int) -> String {
        random.below(3) == 0
            ? "trim(\(text(.string, depth)))" : "to_string(\(text(type, depth)))"
    }

    private mutating func condition(_ depth: Int) -> String {
        let type = [ValueType.int64, .float64, .string, .timestamp][random.below(4)]
        let (a, b, c) = (text(type, depth), text(type, depth), text(type, depth))
        switch random.below(9) {
        case 0: return "\(text(.bool, depth)) and \(text(.bool, depth)) and \(text(.bool, depth))"
        case 1: return "\(text(.bool, depth)) or \(text(.bool, depth))"
        case 2: return "not \(text(.bool, depth))"
        case 3: return "\(a) is \(one("", "not "))null"
        case 4: return "\(a) \(one("", "not "))in (\(b), \(c))"
        case 5: return "\(a) \(one("", "not "))between \(b) and \(c)"
        case 6:
            return "\(one("starts_with", "ends_with", "contains"))"
                + "(\(text(.string, depth)), \(text(.string, depth)))"
        case 7: return "\(text(.int64, depth)) \(one("<", ">", "=")) \(text(.float64, depth))"
        default: return "\(a) \(one("=", "==", "!=", "<>", "<", "<=", ">", ">=")) \(b)"
        }
    }

    private mutating func integer(_ depth: Int) -> String {
        let (a, b) = (text(.int64, depth), text(.int64, depth))
        switch random.below(8) {
        case 0: return "\(one("abs", "sign", "-"))(\(a))"
        case 1: return "div(\(a), \(b))"
        case 2: return "length(\(text(.string, depth)))"
        case 3:
            let part = one("year", "month", "day", "hour", "minute", "day_of_week")
            return "\(part)(\(text(.timestamp, depth))\(one("", ", \(b)")))"
        case 4: return "\(text(.timestamp, depth)) - \(text(.timestamp, depth))"
        case 5:
            let argument =
                random.below(2) == 0
                ? numberText(.int64, depth) : text(random.below(2) == 0 ? .float64 : .bool, depth)
            return "to_int(\(argument))"
        default: return "\(a)\(space())\(one("+", "-", "*", "%"))\(space())\(b)"
        }
    }

    private mutating func float(_ depth: Int) -> String {
        let (a, b) = (text(.float64, depth), text(.float64, depth))
        switch random.below(7) {
        case 0:
            return one("abs", "floor", "ceil", "round", "sqrt", "exp", "log", "log1p") + "(\(a))"
        case 1: return "pow(\(a), \(b))"
        case 2: return "\(text(.int64, depth)) / \(text(.int64, depth))"
        case 3:
            let argument =
                random.below(2) == 0 ? text(.int64, depth) : numberText(.float64, depth)
            return "to_float(\(argument))"
        case 4: return "-\(a)"
        case 5: return "\(text(.int64, depth)) \(one("+", "-", "*", "%")) \(b)"
        default: return "\(a)\(space())\(one("+", "-", "*", "/", "%"))\(space())\(b)"
        }
    }

    private mutating func string(_ depth: Int) -> String {
        let (a, b) = (text(.string, depth), text(.string, depth))
        switch random.below(5) {
        case 0: return "\(one("lower", "upper", "trim"))(\(a))"
        case 1: return "concat(\(a), \(b), \(text(.string, depth)))"
        case 2:
            let count = one("", ", \(text(.int64, depth))")
            return "substring(\(a), \(text(.int64, depth))\(count))"
        case 3: return "replace(\(a), \(b), \(text(.string, depth)))"
        default:
            let type = [ValueType.int64, .float64, .bool, .timestamp][random.below(4)]
            return "to_string(\(text(type, depth)))"
        }
    }
}

extension Value {
    fileprivate static func example(_ type: ValueType) -> Value {
        switch type {
        case .bool: .bool(true)
        case .int64: .int64(1)
        case .float64: .float64(0.5)
        case .string: .string("x")
        case .timestamp: .timestamp(Timestamp(microseconds: 0))
        }
    }

    /// The value with texts as bytes and doubles as bits.
    fileprivate var exact: String {
        switch self {
        case .string(let text): "string \(Array(text.utf8).hex)"
        case .float64(let value): "float64 \(value.bitPattern)"
        default: "\(self)"
        }
    }
}

struct ExpressionPropertyTests {
    private static let seed: UInt64 = 20_130_310

    @Test("the canonical text reads back as an equal expression with the same values")
    func canonicalText() throws {
        var generator = ExpressionGenerator(random: SplitMix64(seed: Self.seed))
        var present = 0
        for round in 0..<1500 {
            let type = ValueType.allCases[round % ValueType.allCases.count]
            let text = generator.text(type, 4)
            let expression = try Expression(parsing: text, scope: ExpressionGenerator.scope)
            #expect(expression.type == type, "seed \(Self.seed): \(text)")
            let again = try Expression(
                parsing: expression.text, scope: ExpressionGenerator.scope)
            #expect(again == expression, "seed \(Self.seed): \(text)")
            #expect(again.text == expression.text, "seed \(Self.seed): \(text)")
            let row = generator.row()
            let value = expression.evaluate(row)
            #expect(again.evaluate(row).exact == value.exact, "seed \(Self.seed): \(text)")
            if value != .null { present += 1 }
        }
        // The generator is worth something only while most values are not null.
        #expect(present > 600)
    }

    /// With values in place of fields every operation is folded by a program of its own, without
    /// neighbours in other registers: the twin of the compiler.
    @Test("folding constants changes no value")
    func folding() throws {
        var generator = ExpressionGenerator(random: SplitMix64(seed: Self.seed + 1))
        for round in 0..<1500 {
            let type = ValueType.allCases[round % ValueType.allCases.count]
            let text = generator.text(type, 4)
            let row = generator.row()
            let scope = ExpressionGenerator.scope
            let bytes = Array(text.utf8)
            let syntax = try ExpressionParser.parse(bytes)
            let node = try ExpressionChecker(bytes, scope: scope).check(syntax)
            let plain = try #require(ExpressionCompiler.program(node, folds: false))
            let folded = try #require(ExpressionCompiler.program(node))
            let value = plain.run(row.span)
            #expect(folded.run(row.span).exact == value.exact, "seed \(Self.seed): \(text)")
            let filled = node.filled(row)
            let constant = try #require(ExpressionCompiler.program(filled))
            #expect(constant.instructions.count <= 1)
            #expect(
                constant.run([Value]().span).exact == value.exact, "seed \(Self.seed): \(text)")
        }
    }

    @Test("mutated texts are read or refused, never more")
    func mutations() throws {
        var generator = ExpressionGenerator(random: SplitMix64(seed: Self.seed + 2))
        let pieces = Array("()'\"`,.+-*/%<>=!&|[]{}0123456789abnotisinull \n\u{e9}\u{0}".utf8)
        var accepted = 0
        for round in 0..<1500 {
            let type = ValueType.allCases[round % ValueType.allCases.count]
            var bytes = Array(generator.text(type, 3).utf8)
            for _ in 0...generator.random.below(3) where !bytes.isEmpty {
                let place = generator.random.below(bytes.count)
                switch generator.random.below(4) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(pieces[generator.random.below(pieces.count)], at: place)
                case 2: bytes[place] = pieces[generator.random.below(pieces.count)]
                default: bytes.removeSubrange(place...)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do {
                let expression = try Expression(parsing: text, scope: ExpressionGenerator.scope)
                _ = expression.evaluate(generator.row())
                let again = try Expression(
                    parsing: expression.text, scope: ExpressionGenerator.scope)
                #expect(again == expression, "seed \(Self.seed): \(text)")
                accepted += 1
            } catch {
                #expect(error.line >= 1 && error.column >= 1)
                #expect(!error.found.isEmpty && !error.expected.isEmpty)
            }
        }
        #expect(accepted > 20)
    }
}

extension TypedNode {
    /// The node with a row's values in place of its fields.
    fileprivate func filled(_ row: [Value]) -> TypedNode {
        if case .slot(let slot) = kind { return TypedNode(type, .constant(row[slot])) }
        return TypedNode(type, kind.mapOperands { $0.filled(row) })
    }
}
