/// What expressions do with texts. Texts are sequences of Unicode scalars and compare by their
/// UTF-8 bytes: Swift's own comparison follows the Unicode tables of its version, and results must
/// not change with it.
enum TextFunctions {
    static func areEqual(_ left: borrowing String, _ right: borrowing String) -> Bool {
        let (left, right) = (left.utf8, right.utf8)
        return left.count == right.count && order(left.span, right.span) == 0
    }

    static func isLess(_ left: borrowing String, _ right: borrowing String) -> Bool {
        let (left, right) = (left.utf8, right.utf8)
        return order(left.span, right.span) < 0
    }

    /// Below, at or above 0 as the left bytes come before, are, or come after the right ones.
    private static func order(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return left[index] < right[index] ? -1 : 1
        }
        return left.count - right.count
    }

    /// Both after each other; nil when that is longer than `Program.textLimit`.
    static func concat(_ left: String, _ right: String) -> String? {
        left.utf8.count + right.utf8.count <= Program.textLimit ? left + right : nil
    }

    static func lower(_ text: String) -> String {
        String(
            decoding: text.utf8.map {
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0
            }, as: UTF8.self)
    }

    static func upper(_ text: String) -> String {
        String(
            decoding: text.utf8.map {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 & ~0x20 : $0
            }, as: UTF8.self)
    }

    /// Without the ASCII white space at both ends.
    static func trim(_ text: String) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        let bytes = text.utf8.drop(while: isSpace)
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(bytes[...last]) ?? text
    }

    /// Up to `count` scalars from scalar `start` on, the first being 1; nil when `start` is below 1
    /// or `count` below 0.
    static func substring(_ text: String, from start: Int64, count: Int64) -> String? {
        guard start >= 1, count >= 0 else { return nil }
        let tail = text.unicodeScalars.dropFirst(Int(start - 1))
        return String(tail.prefix(Int(count)))
    }

    static func contains(_ text: String, _ part: String) -> Bool {
        if part.isEmpty { return true }
        return occurrences(of: Array(part.utf8), in: Array(text.utf8), most: 1).first != nil
    }

    /// Every occurrence from left to right replaced; an empty `part` occurs nowhere. Nil when the
    /// result is longer than `Program.textLimit`.
    static func replace(_ text: String, _ part: String, with other: String) -> String? {
        let (bytes, part, other) = (Array(text.utf8), Array(part.utf8), Array(other.utf8))
        if part.isEmpty { return text }
        let places = occurrences(of: part, in: bytes, most: .max)
        let count = bytes.count + places.count * (other.count - part.count)
        guard count <= Program.textLimit else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        var start = 0
        for place in places {
            result += bytes[start..<place]
            result += other
            start = place + part.count
        }
        result += bytes[start...]
        return String(decoding: result, as: UTF8.self)
    }

    /// Where `part` occurs, without overlaps. UTF-8 lets no scalar begin inside another.
    private static func occurrences(of part: [UInt8], in bytes: [UInt8], most: Int) -> [Int] {
        var places: [Int] = []
        var index = 0
        while index + part.count <= bytes.count, places.count < most {
            if bytes[index] == part[0], bytes[index...].starts(with: part) {
                places.append(index)
                index += part.count
            } else {
                index += 1
            }
        }
        return places
    }

    /// The integer that a text writes in decimal, such as `-12`; nil for anything else.
    static func int(_ text: String) -> Int64? {
        isNumber(text, allowsFraction: false) ? Int64(text) : nil
    }

    /// The number that a text writes in decimal, such as `-1.5e3`, correctly rounded; nil for
    /// anything else and for what is too large.
    static func float(_ text: String) -> Double? {
        isNumber(text, allowsFraction: true) ? Double(text) : nil
    }

    /// `[+-] digits [. digits] [e [+-] digits]`, the last two parts only with fractions.
    private static func isNumber(_ text: String, allowsFraction: Bool) -> Bool {
        var rest = text.utf8[...]
        func skipDigits() -> Bool {
            let before = rest.count
            rest = rest.drop(while: CharacterClass.isDigit)
            return rest.count < before
        }
        func skip(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = skip("+-")
        guard skipDigits() else { return false }
        if allowsFraction, skip("."), !skipDigits() { return false }
        if allowsFraction, skip("eE") {
            _ = skip("+-")
            if !skipDigits() { return false }
        }
        return rest.isEmpty
    }
}
