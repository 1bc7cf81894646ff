/// An expression as it is written, before its names and types are known.
struct Syntax {
    /// What a literal says.
    enum Literal: Equatable {
        case null
        case bool(Bool)
        case integer(Int64)
        case decimal(Double)
        /// Microseconds.
        case duration(Int64)
        case text(String)
    }

    enum Arithmetic: String {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case remainder = "%"
    }

    enum Comparison: String {
        case equal = "="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    indirect enum Form {
        case literal(Literal)
        case field(String)
        case negate(Syntax)
        case not(Syntax)
        /// At least two, none of the same form.
        case all([Syntax])
        case any([Syntax])
        case arithmetic(Arithmetic, Syntax, Syntax)
        case comparison(Comparison, Syntax, Syntax)
        case isNull(Syntax, negated: Bool)
        case isIn(Syntax, [Syntax], negated: Bool)
        case isBetween(Syntax, Syntax, Syntax, negated: Bool)
        /// A function by its canonical name.
        case call(String, [Syntax])
    }

    let form: Form
    /// The bytes it was read from.
    let range: Range<Int>
    /// Forms from here to the deepest one below, both counted.
    let height: Int

    init(_ form: Form, _ range: Range<Int>) {
        self.form = form
        self.range = range
        height = 1 + (form.operands.map(\.height).max() ?? 0)
    }
}

extension Syntax.Form {
    /// The forms directly below.
    var operands: [Syntax] {
        switch self {
        case .literal, .field: []
        case .negate(let operand), .not(let operand), .isNull(let operand, _): [operand]
        case .all(let operands), .any(let operands), .call(_, let operands): operands
        case .arithmetic(_, let left, let right), .comparison(_, let left, let right):
            [left, right]
        case .isIn(let operand, let elements, _): [operand] + elements
        case .isBetween(let operand, let low, let high, _): [operand, low, high]
        }
    }
}

// MARK: - Canonical text

extension Syntax {
    /// How tightly a form holds together; a form below what its place asks for gets parentheses.
    private enum Tightness: Int {
        case any = 1
        case all, not, comparison, sum, product, sign, primary
    }

    /// The canonical text: single spaces, no parentheses but needed ones, lower-case words, one
    /// spelling for each operator and value. It reads back as an equal expression.
    var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    private var tightness: Tightness {
        switch form {
        case .literal(let literal): literal.isNegative ? .sign : .primary
        case .field, .call: .primary
        case .negate: .sign
        case .not: .not
        case .all: .all
        case .any: .any
        case .arithmetic(.add, _, _), .arithmetic(.subtract, _, _): .sum
        case .arithmetic: .product
        case .comparison, .isNull, .isIn, .isBetween: .comparison
        }
    }

    private func write(to text: inout String, atLeast needed: Tightness) {
        let isLoose = tightness.rawValue < needed.rawValue
        if isLoose { text += "(" }
        write(to: &text)
        if isLoose { text += ")" }
    }

    private static func write(
        _ list: [Syntax], to text: inout String, separator: String, atLeast needed: Tightness
    ) {
        for (index, element) in list.enumerated() {
            if index > 0 { text += separator }
            element.write(to: &text, atLeast: needed)
        }
    }

    private func write(to text: inout String) {
        switch form {
        case .literal(let literal): text += literal.text
        case .field(let name): text += Self.fieldText(name)
        case .negate(let operand):
            text += "-"
            operand.write(to: &text, atLeast: .sign)
        case .not(let operand):
            text += "not "
            operand.write(to: &text, atLeast: .not)
        case .all(let list): Self.write(list, to: &text, separator: " and ", atLeast: .not)
        case .any(let list): Self.write(list, to: &text, separator: " or ", atLeast: .all)
        case .arithmetic(let sign, let left, let right):
            let isSum = tightness == .sum
            left.write(to: &text, atLeast: isSum ? .sum : .product)
            text += " \(sign.rawValue) "
            right.write(to: &text, atLeast: isSum ? .product : .sign)
        case .comparison(let sign, let left, let right):
            left.write(to: &text, atLeast: .sum)
            text += " \(sign.rawValue) "
            right.write(to: &text, atLeast: .sum)
        case .isNull(let operand, let negated):
            operand.write(to: &text, atLeast: .sum)
            text += negated ? " is not null" : " is null"
        case .isIn(let operand, let elements, let negated):
            operand.write(to: &text, atLeast: .sum)
            text += negated ? " not in (" : " in ("
            Self.write(elements, to: &text, separator: ", ", atLeast: .any)
            text += ")"
        case .isBetween(let operand, let low, let high, let negated):
            operand.write(to: &text, atLeast: .sum)
            text += negated ? " not between " : " between "
            low.write(to: &text, atLeast: .sum)
            text += " and "
            high.write(to: &text, atLeast: .sum)
        case .call(let name, let arguments):
            text += name + "("
            Self.write(arguments, to: &text, separator: ", ", atLeast: .any)
            text += ")"
        }
    }

    /// The words that are no names unless in backticks.
    static let keywords = ["and", "or", "not", "is", "in", "between", "null", "true", "false"]

    static func isKeyword(_ name: String) -> Bool { keywords.contains(name.lowercased()) }

    /// A field's name, between backticks when it would read as something else.
    static func fieldText(_ name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { CharacterClass.isName(String($0)) }
        if isPlain, !isKeyword(name) { return name }
        return "`"
            + name.split(separator: "`", omittingEmptySubsequences: false)
            .joined(separator: "``") + "`"
    }
}

extension Syntax.Literal {
    fileprivate var isNegative: Bool {
        switch self {
        case .integer(let value), .duration(let value): value < 0
        case .decimal(let value): value.sign == .minus
        case .null, .bool, .text: false
        }
    }

    /// The canonical text of a literal.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .decimal(let value): value.description
        case .duration(let value): DurationText.text(value)
        case .text(let value): Self.quoted(value)
        }
    }

    /// A text between single quotes; those inside are doubled.
    private static func quoted(_ value: String) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "'")]
        for byte in value.utf8 {
            if byte == UInt8(ascii: "'") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "'"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
