/// Reads tokens into a `Syntax`. From loose to tight:
///
/// ```
/// any        = all { "or" all }
/// all        = not { "and" not }
/// not        = "not" not | comparison
/// comparison = sum [ ("=" | "!=" | "<" | "<=" | ">" | ">=") sum
///                  | "is" ["not"] "null"
///                  | ["not"] "in" "(" any { "," any } ")"
///                  | ["not"] "between" sum "and" sum ]
/// sum        = product { ("+" | "-") product }
/// product    = sign { ("*" | "/" | "%") sign }
/// sign       = "-" sign | primary
/// primary    = literal | field | function "(" [ any { "," any } ] ")" | "(" any ")"
/// ```
///
/// `==` and `<>` are read as `=` and `!=`; words may be upper case.
struct ExpressionParser {
    private let bytes: [UInt8]
    private let tokens: [Token]
    private var index = 0
    private var depth = 0

    /// The longest text, bytes.
    static let lengthLimit = 16_384
    /// The deepest nesting of parentheses, calls and signs.
    static let depthLimit = 64
    /// The most forms on the way from the whole expression to a literal or field.
    static let heightLimit = 256

    private init(_ bytes: [UInt8]) throws(ExpressionError) {
        self.bytes = bytes
        guard bytes.count <= Self.lengthLimit else {
            throw ExpressionError(
                bytes, at: 0, found: "\(bytes.count) bytes",
                expected: "an expression of at most \(Self.lengthLimit) bytes")
        }
        tokens = try ExpressionLexer.tokens(bytes)
    }

    /// The syntax of a whole text.
    static func parse(_ bytes: [UInt8]) throws(ExpressionError) -> Syntax {
        var parser = try ExpressionParser(bytes)
        let syntax = try parser.any()
        guard parser.token.kind == .end else { throw parser.unexpectedRest() }
        return syntax
    }

    // MARK: Forms

    private mutating func any() throws(ExpressionError) -> Syntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else {
            throw error(
                found: "the \(depth)th level of nesting", expected: "at most \(Self.depthLimit)")
        }
        var operands = [try all()]
        while acceptWord("or") { operands.append(try all()) }
        if operands.count == 1 { return operands[0] }
        return try form(
            .any(operands.flatMap { if case .any(let inner) = $0.form { inner } else { [$0] } }),
            from: operands[0].range.lowerBound)
    }

    private mutating func all() throws(ExpressionError) -> Syntax {
        var operands = [try not()]
        while acceptWord("and") { operands.append(try not()) }
        if operands.count == 1 { return operands[0] }
        return try form(
            .all(operands.flatMap { if case .all(let inner) = $0.form { inner } else { [$0] } }),
            from: operands[0].range.lowerBound)
    }

    private mutating func not() throws(ExpressionError) -> Syntax {
        let start = token.range.lowerBound
        var count = 0
        while acceptWord("not") { count += 1 }
        var operand = try comparison()
        for _ in 0..<count { operand = try form(.not(operand), from: start) }
        return operand
    }

    private static let comparisons: [String: Syntax.Comparison] = [
        "=": .equal, "==": .equal, "!=": .notEqual, "<>": .notEqual, "<": .less,
        "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
    ]

    private mutating func comparison() throws(ExpressionError) -> Syntax {
        let left = try sum()
        let start = left.range.lowerBound
        if case .symbol(let sign) = token.kind, let comparison = Self.comparisons[sign] {
            index += 1
            let right = try sum()
            if case .symbol(let sign) = token.kind, Self.comparisons[sign] != nil {
                throw error(
                    found: "a second \"\(sign)\"",
                    expected: "one comparison; join two with \"and\", as in a < b and b < c")
            }
            return try form(.comparison(comparison, left, right), from: start)
        }
        if acceptWord("is") {
            let negated = acceptWord("not")
            guard acceptWord("null") else {
                throw error(found: found, expected: negated ? "null" : "null or not null")
            }
            return try form(.isNull(left, negated: negated), from: start)
        }
        let negated = acceptWord("not")
        if acceptWord("in") {
            try expect("(")
            let elements = try list()
            guard !elements.isEmpty else {
                throw error(found: "an empty list", expected: "a value")
            }
            return try form(.isIn(left, elements, negated: negated), from: start)
        }
        if acceptWord("between") {
            let low = try sum()
            guard acceptWord("and") else { throw error(found: found, expected: "\"and\"") }
            let high = try sum()
            return try form(.isBetween(left, low, high, negated: negated), from: start)
        }
        if negated { throw error(found: found, expected: "\"in\" or \"between\" after \"not\"") }
        return left
    }

    private mutating func sum() throws(ExpressionError) -> Syntax {
        var left = try product()
        while case .symbol(let sign) = token.kind, sign == "+" || sign == "-" {
            index += 1
            let right = try product()
            left = try form(
                .arithmetic(sign == "+" ? .add : .subtract, left, right),
                from: left.range.lowerBound)
        }
        return left
    }

    private mutating func product() throws(ExpressionError) -> Syntax {
        var left = try sign()
        while case .symbol(let text) = token.kind, let sign = Syntax.Arithmetic(rawValue: text),
            sign != .add, sign != .subtract
        {
            index += 1
            left = try form(
                .arithmetic(sign, left, try self.sign()), from: left.range.lowerBound)
        }
        return left
    }

    private mutating func sign() throws(ExpressionError) -> Syntax {
        let start = token.range.lowerBound
        var count = 0
        while accept("-") { count += 1 }
        // The least integer has no positive twin: its sign is read with its digits.
        if count > 0, token.kind == .integer(UInt64(Int64.max) + 1) {
            index += 1
            count -= 1
            return try negated(form(.literal(.integer(.min)), from: start), count, from: start)
        }
        return try negated(try primary(), count, from: start)
    }

    /// Puts signs before an operand; the first one becomes part of a number.
    private func negated(
        _ operand: Syntax, _ count: Int, from start: Int
    ) throws(ExpressionError) -> Syntax {
        var result = operand
        for _ in 0..<count {
            switch result.form {
            case .literal(.integer(let value)) where value >= 0:
                result = try form(.literal(.integer(-value)), from: start)
            case .literal(.duration(let value)) where value >= 0:
                result = try form(.literal(.duration(-value)), from: start)
            case .literal(.decimal(let value)) where value.sign == .plus:
                result = try form(.literal(.decimal(-value)), from: start)
            default: result = try form(.negate(result), from: start)
            }
        }
        return result
    }

    private mutating func primary() throws(ExpressionError) -> Syntax {
        let start = token.range.lowerBound
        let literal: Syntax.Literal
        switch token.kind {
        case .integer(let value):
            guard let value = Int64(exactly: value) else {
                throw error(found: found, expected: "an integer up to \(Int64.max)")
            }
            literal = .integer(value)
        case .decimal(let value): literal = .decimal(value)
        case .duration(let value): literal = .duration(value)
        case .text(let value): literal = .text(value)
        case .quotedName(let name):
            index += 1
            return try form(.field(name), from: start)
        case .name(let name): return try named(name)
        case .symbol("("):
            index += 1
            let inner = try any()
            try expect(")")
            return inner
        case .symbol, .end:
            throw error(found: found, expected: "a field, a value or a function")
        }
        index += 1
        return try form(.literal(literal), from: start)
    }

    private mutating func named(_ name: String) throws(ExpressionError) -> Syntax {
        let start = token.range.lowerBound
        switch name.lowercased() {
        case "null": index += 1; return try form(.literal(.null), from: start)
        case "true": index += 1; return try form(.literal(.bool(true)), from: start)
        case "false": index += 1; return try form(.literal(.bool(false)), from: start)
        case let word where Syntax.keywords.contains(word):
            throw error(
                found: "the word \"\(name)\"",
                expected: "a field, a value or a function; a field of this name stands in backticks"
            )
        default: break
        }
        guard tokens[index + 1].kind == .symbol("(") else {
            if name.lowercased() == "case" {
                throw error(found: found, expected: "if(condition, a, b), which does the same")
            }
            index += 1
            return try form(.field(name), from: start)
        }
        guard let function = FunctionTable.canonicalName(name) else {
            throw error(
                found: "\"\(name)\"", expected: "a function",
                suggestion: Spelling.nearest(to: name, among: FunctionTable.names))
        }
        index += 2
        return try form(.call(function, try list()), from: start)
    }

    /// What stands between parentheses, the opening one being read.
    private mutating func list() throws(ExpressionError) -> [Syntax] {
        if accept(")") { return [] }
        var elements: [Syntax] = []
        repeat { elements.append(try any()) } while accept(",")
        guard accept(")") else { throw error(found: found, expected: "\",\" or \")\"") }
        return elements
    }

    // MARK: Tokens

    private var token: Token { tokens[index] }

    private mutating func accept(_ symbol: String) -> Bool {
        guard token.kind == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ symbol: String) throws(ExpressionError) {
        guard accept(symbol) else { throw error(found: found, expected: "\"\(symbol)\"") }
    }

    private mutating func acceptWord(_ word: String) -> Bool {
        guard case .name(let name) = token.kind, name.lowercased() == word else { return false }
        index += 1
        return true
    }

    private func form(_ form: Syntax.Form, from start: Int) throws(ExpressionError) -> Syntax {
        let end = index > 0 ? tokens[index - 1].range.upperBound : start
        let syntax = Syntax(form, start..<max(start, end))
        guard syntax.height <= Self.heightLimit else {
            throw ExpressionError(
                bytes, at: start, found: "more than \(Self.heightLimit) operations on each other",
                expected: "a smaller expression")
        }
        return syntax
    }

    /// The token, for messages.
    private var found: String {
        if token.kind == .end { return "the end" }
        let text = String(decoding: bytes[token.range], as: UTF8.self)
        return text.utf8.first == UInt8(ascii: "\"") ? text : "\"\(text)\""
    }

    private func error(
        found: String, expected: String, suggestion: String? = nil
    ) -> ExpressionError {
        ExpressionError(
            bytes, at: token.range.lowerBound, found: found, expected: expected,
            suggestion: suggestion)
    }

    /// Why an expression that is whole does not end where it could.
    private func unexpectedRest() -> ExpressionError {
        var expected = "an operator or the end"
        if case .name(let name) = token.kind, name.lowercased() == "like" {
            expected = "starts_with, ends_with or contains, which do the same"
        }
        return error(found: found, expected: expected)
    }
}
