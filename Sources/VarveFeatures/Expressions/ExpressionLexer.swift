/// One word of an expression and where it stands.
struct Token {
    enum Kind: Equatable {
        case name(String)
        /// A name between backticks: never a keyword.
        case quotedName(String)
        case integer(UInt64)
        case decimal(Double)
        /// Microseconds, never negative.
        case duration(Int64)
        case text(String)
        case symbol(String)
        case end
    }

    let kind: Kind
    /// Bytes of the expression.
    let range: Range<Int>
}

/// Cuts an expression into tokens.
struct ExpressionLexer {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// All tokens, the last being `end`.
    static func tokens(_ bytes: [UInt8]) throws(ExpressionError) -> [Token] {
        var lexer = ExpressionLexer(bytes)
        var tokens: [Token] = []
        repeat {
            tokens.append(try lexer.next())
        } while tokens.last?.kind != .end
        return tokens
    }

    private func peek(_ distance: Int = 0) -> UInt8? {
        offset + distance < bytes.count ? bytes[offset + distance] : nil
    }

    private func isDigit(_ distance: Int = 0) -> Bool {
        peek(distance).map(CharacterClass.isDigit) ?? false
    }

    private mutating func next() throws(ExpressionError) -> Token {
        while let byte = peek(), byte == 0x20 || (0x09...0x0D).contains(byte) { offset += 1 }
        let start = offset
        guard let byte = peek() else { return Token(kind: .end, range: start..<start) }
        let kind: Token.Kind
        switch byte {
        case _ where CharacterClass.isDigit(byte): kind = try number()
        case _ where CharacterClass.isNameStart(byte): kind = .name(try name())
        case UInt8(ascii: "`"): kind = .quotedName(try quoted(by: byte, "a closing backtick"))
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            kind = .text(try quoted(by: byte, "a closing quote; a quote inside is written twice"))
        default: kind = .symbol(try symbol())
        }
        return Token(kind: kind, range: start..<offset)
    }

    /// A name, also a dotted one such as `weather.visibility`.
    private mutating func name() throws(ExpressionError) -> String {
        let start = offset
        while let byte = peek() {
            if byte == UInt8(ascii: "."), let after = peek(1), CharacterClass.isNameStart(after) {
                offset += 2
            } else if CharacterClass.isNamePart(byte) {
                offset += 1
            } else {
                break
            }
        }
        return text(start..<offset)
    }

    private mutating func number() throws(ExpressionError) -> Token.Kind {
        let start = offset
        while isDigit() { offset += 1 }
        var isDecimal = false
        if peek() == UInt8(ascii: "."), isDigit(1) {
            isDecimal = true
            offset += 1
            while isDigit() { offset += 1 }
        }
        if let letter = peek(), letter | 0x20 == UInt8(ascii: "e") {
            let signs = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
            if isDigit(1 + signs) {
                isDecimal = true
                offset += 1 + signs
                while isDigit() { offset += 1 }
            }
        }
        let digits = text(start..<offset)
        let unitStart = offset
        while let byte = peek(), CharacterClass.isNamePart(byte) { offset += 1 }
        if offset > unitStart {
            guard !isDecimal, let count = UInt64(digits),
                let duration = DurationText.microseconds(count, unit: text(unitStart..<offset))
            else {
                throw error(
                    at: start, found: "\"\(text(start..<offset))\"",
                    expected: "a number, or \(DurationText.examples) without quotes")
            }
            return .duration(duration)
        }
        if isDecimal {
            guard let value = Double(digits), value.isFinite else {
                throw error(at: start, found: digits, expected: "a number below 1.8e308")
            }
            return .decimal(value)
        }
        guard let value = UInt64(digits), value <= UInt64(Int64.max) + 1 else {
            throw error(
                at: start, found: digits,
                expected: "an integer up to \(Int64.max), or a decimal number such as 1e20")
        }
        return .integer(value)
    }

    /// A text or name between two equal quotes; the quote itself is written twice.
    private mutating func quoted(
        by quote: UInt8, _ expected: String
    ) throws(ExpressionError) -> String {
        let start = offset
        offset += 1
        var content: [UInt8] = []
        while let byte = peek() {
            offset += 1
            if byte != quote {
                content.append(byte)
            } else if peek() == quote {
                content.append(byte)
                offset += 1
            } else {
                return String(decoding: content, as: UTF8.self)
            }
        }
        throw error(
            at: start, found: "\(text(start..<min(start + 20, bytes.count)))", expected: expected)
    }

    private static let symbols = [
        "==", "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",",
    ]

    /// What other languages write, with what this one does.
    private static let foreign = [
        ("&&", "and"), ("||", "or for a choice and concat(a, b) for texts"), ("&", "and"),
        ("|", "or"), ("!", "not"), ("^", "pow(base, exponent)"), ("?", "if(condition, a, b)"),
        ("[", "( and )"), ("]", "( and )"), ("{", "( and )"), ("}", "( and )"),
        (";", "one expression without an end sign"), (".", "0.5 for a fraction below one"),
    ]

    private mutating func symbol() throws(ExpressionError) -> String {
        for symbol in Self.symbols where bytes[offset...].starts(with: symbol.utf8) {
            offset += symbol.utf8.count
            return symbol
        }
        for (sign, instead) in Self.foreign where bytes[offset...].starts(with: sign.utf8) {
            throw error(
                at: offset, found: "\"\(sign)\"", expected: "the word of this language: \(instead)")
        }
        let rest = text(offset..<min(offset + 4, bytes.count))
        let found = rest.unicodeScalars.first.map { "\"\($0)\"" } ?? "a byte that is no character"
        throw error(at: offset, found: found, expected: "a name, a value or an operator")
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func error(
        at offset: Int, found: String, expected: String
    ) -> ExpressionError {
        ExpressionError(bytes, at: offset, found: found, expected: expected)
    }
}

/// Which bytes make up names and numbers.
enum CharacterClass {
    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isNameStart(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }

    static func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }

    /// Whether a text is `[a-zA-Z_][a-zA-Z0-9_]*`.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isNameStart(first) else { return false }
        return text.utf8.allSatisfy(isNamePart)
    }
}
