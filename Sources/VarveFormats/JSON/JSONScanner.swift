import VarveBytes

/// Pulls values out of a JSON document without building a tree: for records on the hot path.
public struct JSONScanner: ~Escapable {
    private let bytes: RawSpan
    private(set) var offset = 0
    /// Whether the next member of the object is its first.
    private var isFirst = true

    /// A name or string as it stands in the document, between its quotes.
    public struct Name: Sendable, Equatable {
        public let range: Range<Int>
        /// Whether it holds escapes, so that its bytes are not yet its text.
        public let isEscaped: Bool
    }

    /// A value that is not an array or object; `compound` stands for those, skipped.
    public enum Scalar: Sendable, Equatable {
        case null
        case bool(Bool)
        case integer(Int64)
        case number(Double)
        case string(Name)
        case compound
    }

    /// A scanner at the document's start.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    func error(_ reason: String) -> JSONError { JSONError(bytes, at: offset, reason) }

    /// What stands at the offset, for messages.
    private var found: String {
        guard offset < bytes.byteCount else { return "the end" }
        let byte = bytes.byte(at: offset)
        return (0x21..<0x7F).contains(byte)
            ? "`\(Character(UnicodeScalar(byte)))`" : "byte 0x\([byte].hex)"
    }

    @inline(__always)
    mutating func skipSpace() {
        while offset < bytes.byteCount {
            // One comparison for what stands here nearly always.
            if bytes.byte(at: offset) > 0x20 { return }
            switch bytes.byte(at: offset) {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }

    /// The next byte that is not white space, without consuming it; nil at the end.
    @inline(__always)
    mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.byteCount ? bytes.byte(at: offset) : nil
    }

    @inline(__always)
    mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard peek() == byte else { throw unexpected(byte) }
        offset += 1
    }

    @inline(never)
    private func unexpected(_ byte: UInt8) -> JSONError {
        error("found \(found), expected `\(Character(UnicodeScalar(byte)))`")
    }

    @inline(__always)
    mutating func accept(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    /// Enters an object. One object is scanned at a time; nested ones are skipped.
    public mutating func beginObject() throws(JSONError) {
        try expect(UInt8(ascii: "{"))
        isFirst = true
    }

    /// The name of the object's next member; nil at its end.
    public mutating func nextName() throws(JSONError) -> Name? {
        if accept(UInt8(ascii: "}")) { return nil }
        if !isFirst { try expect(UInt8(ascii: ",")) }
        isFirst = false
        let name = try string()
        try expect(UInt8(ascii: ":"))
        return name
    }

    /// Moves past the name of the object's next member and its colon if the name is written as
    /// these bytes are, quotes included; otherwise stays. Records of a stream have their fields in
    /// one order, so that the next name can be guessed.
    @inline(__always)
    public mutating func acceptName(_ quoted: RawSpan) -> Bool {
        let start = offset
        if !isFirst, !accept(UInt8(ascii: ",")) { return false }
        skipSpace()
        let end = offset + quoted.byteCount
        if end <= bytes.byteCount, bytes.extracting(offset..<end).equals(quoted) {
            offset = end
            if accept(UInt8(ascii: ":")) {
                isFirst = false
                return true
            }
        }
        offset = start
        return false
    }

    /// The next value, skipped when it is an array or object.
    @inline(__always)
    public mutating func scalar() throws(JSONError) -> Scalar {
        switch peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            try skipCompound(depth: 0)
            return .compound
        case UInt8(ascii: "t"):
            try literal("true", 0x6575_7274)
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false", 0x736c_6166)
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null", 0x6c6c_756e)
            return .null
        default: return try number()
        }
    }

    /// Skips the next value, whatever it is; its syntax is checked.
    public mutating func skipValue() throws(JSONError) { _ = try scalar() }

    private mutating func skipCompound(depth: Int) throws(JSONError) {
        if depth >= JSON.depthLimit { throw error("nested more than \(JSON.depthLimit) deep") }
        let isObject = bytes.byte(at: offset) == UInt8(ascii: "{")
        let close = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
        offset += 1
        if accept(close) { return }
        repeat {
            if isObject {
                skipSpace()
                _ = try string()
                try expect(UInt8(ascii: ":"))
            }
            if let next = peek(), next == UInt8(ascii: "{") || next == UInt8(ascii: "[") {
                try skipCompound(depth: depth + 1)
            } else {
                _ = try scalar()
            }
        } while accept(UInt8(ascii: ","))
        try expect(close)
    }

    /// - Parameter word: the first four bytes, little-endian: no text is made of what is right.
    private mutating func literal(_ text: StaticString, _ word: UInt32) throws(JSONError) {
        let size = text.utf8CodeUnitCount
        if bytes.byteCount - offset >= size,
            bytes.littleEndian(at: offset, as: UInt32.self) == word,
            size == 4 || bytes.byte(at: offset + 4) == UInt8(ascii: "e")
        {
            offset += size
            return
        }
        let word = "\(text)"
        for byte in word.utf8 {
            guard offset < bytes.byteCount, bytes.byte(at: offset) == byte else {
                throw error("found \(found), expected `\(word)`")
            }
            offset += 1
        }
    }

    /// Whether a name's text is `literal`.
    public func matches(_ name: Name, _ literal: RawSpan) -> Bool {
        if name.isEscaped {
            guard let text = try? text(name) else { return false }
            return Array(text.utf8).raw.equals(literal)
        }
        return bytes.extracting(name.range).equals(literal)
    }

    /// Only white space may remain.
    public mutating func end() throws(JSONError) {
        if peek() != nil { throw error("found \(found) after the document's end") }
    }
}

extension JSONScanner {
    /// A string, checked: its range lies between the quotes.
    mutating func string() throws(JSONError) -> Name {
        try expect(UInt8(ascii: "\""))
        let start = offset
        var (isEscaped, isASCII) = (false, true)
        while true {
            skipPlain()
            guard offset < bytes.byteCount else { break }
            let byte = bytes.byte(at: offset)
            switch byte {
            case UInt8(ascii: "\""):
                let range = start..<offset
                if !isASCII, bytes.extracting(range).text() == nil {
                    offset = start
                    throw error("the string is not UTF-8")
                }
                offset += 1
                return Name(range: range, isEscaped: isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                try escape()
            case 0..<0x20: throw error("found \(found) in a string, expected an escape")
            default:
                if byte >= 0x80 { isASCII = false }
                offset += 1
            }
        }
        throw error("the string does not end")
    }

    /// Moves up to the next byte of a string that has to be looked at: a quote, a backslash, a
    /// control character, or one that is not ASCII. Eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        while bytes.byteCount - offset >= 8 {
            let word = bytes.littleEndian(at: offset, as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // A high bit for each such byte. Borrows go upwards only, so the lowest bit is right.
            let found =
                (word | (word &- (ones &* 0x20)) | ((quote &- ones) & ~quote)
                    | ((backslash &- ones) & ~backslash)) & (ones &* 0x80)
            if found != 0 {
                offset += found.trailingZeroBitCount >> 3
                return
            }
            offset += 8
        }
        while offset < bytes.byteCount {
            let byte = bytes.byte(at: offset)
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
            {
                return
            }
            offset += 1
        }
    }

    /// Checks one escape, surrogate pairs as a whole.
    private mutating func escape() throws(JSONError) {
        let start = offset
        offset += 1
        guard offset < bytes.byteCount else { throw error("the string does not end") }
        switch bytes.byte(at: offset) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            offset += 1
        case UInt8(ascii: "u"):
            offset += 1
            let unit = try hexUnit()
            if (0xDC00..<0xE000).contains(unit) {
                offset = start
                throw error("a lone surrogate")
            }
            guard (0xD800..<0xDC00).contains(unit) else { return }
            guard bytes.byteCount - offset >= 6, bytes.byte(at: offset) == UInt8(ascii: "\\"),
                bytes.byte(at: offset + 1) == UInt8(ascii: "u")
            else {
                offset = start
                throw error("a lone surrogate")
            }
            offset += 2
            let low = try hexUnit()
            if !(0xDC00..<0xE000).contains(low) {
                offset = start
                throw error("a lone surrogate")
            }
        default: throw error("found \(found) after a backslash, expected an escape")
        }
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard offset < bytes.byteCount,
                let digit = Character(UnicodeScalar(bytes.byte(at: offset))).hexDigitValue
            else { throw error("found \(found), expected four hex digits") }
            unit = unit << 4 | UInt32(digit)
            offset += 1
        }
        return unit
    }

    /// A name's text, escapes resolved.
    public func text(_ name: Name) throws(JSONError) -> String {
        let raw = bytes.extracting(name.range)
        if !name.isEscaped {
            guard let text = raw.text() else {
                throw JSONError(bytes, at: name.range.lowerBound, "the string is not UTF-8")
            }
            return text
        }
        var units: [UInt8] = []
        units.reserveCapacity(raw.byteCount)
        var index = 0
        func unit(_ at: Int) -> UInt32 {
            (0..<4).reduce(0) { value, digit in
                let byte = raw.byte(at: at + digit)
                return value << 4 | UInt32(Character(UnicodeScalar(byte)).hexDigitValue ?? 0)
            }
        }
        // The escapes were checked when the name was scanned.
        while index < raw.byteCount {
            let byte = raw.byte(at: index)
            if byte != UInt8(ascii: "\\") {
                units.append(byte)
                index += 1
                continue
            }
            let kind = raw.byte(at: index + 1)
            index += 2
            switch kind {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = unit(index)
                index += 4
                if (0xD800..<0xDC00).contains(scalar) {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (unit(index + 2) - 0xDC00)
                    index += 6
                }
                units += Array(String(UnicodeScalar(scalar).map(Character.init) ?? " ").utf8)
            default: units.append(kind)
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// A number: an integer when it is written as one and fits Int64.
    private mutating func number() throws(JSONError) -> Scalar {
        let start = offset
        let isNegative = offset < bytes.byteCount && bytes.byte(at: offset) == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        // Digits of the mantissa, up to 19 of them without leading zeros; the others count as
        // powers of ten.
        var mantissa: UInt64 = 0
        var (digitCount, scale, isInteger) = (0, 0, true)
        guard let first = digit() else { throw error("found \(found), expected a value") }
        if first == 0, offset + 1 < bytes.byteCount, bytes.byte(at: offset + 1) &- 0x30 < 10 {
            throw error("a number with a leading zero")
        }
        while let value = digit() {
            if digitCount < 19 { mantissa = mantissa &* 10 &+ value } else { scale += 1 }
            if mantissa > 0 { digitCount += 1 }
            offset += 1
        }
        if offset < bytes.byteCount, bytes.byte(at: offset) == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            guard digit() != nil else { throw error("found \(found), expected a digit") }
            while let value = digit() {
                if digitCount < 19 {
                    mantissa = mantissa &* 10 &+ value
                    scale -= 1
                }
                if mantissa > 0 { digitCount += 1 }
                offset += 1
            }
        }
        if offset < bytes.byteCount, bytes.byte(at: offset) | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            try exponent(&scale)
        }
        if isInteger, digitCount <= 19, scale == 0, !(isNegative && mantissa == 0) {
            if isNegative, mantissa <= UInt64(Int64.max) + 1 {
                return .integer(Int64(truncatingIfNeeded: 0 &- mantissa))
            }
            if !isNegative, let value = Int64(exactly: mantissa) { return .integer(value) }
        }
        // Exact operands and one rounding give the correctly rounded value (Clinger 1990).
        if digitCount <= 19, mantissa < 1 << 53, abs(scale) <= 22 {
            let power = Self.powersOfTen[abs(scale)]
            let value = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
            return .number(isNegative ? -value : value)
        }
        guard let text = bytes.extracting(start..<offset).text(), let value = Double(text),
            value.isFinite
        else {
            offset = start
            throw error("the number is beyond the range of a double")
        }
        return .number(value)
    }

    /// The digit at the offset; nil when there is none.
    @inline(__always)
    private func digit() -> UInt64? {
        guard offset < bytes.byteCount else { return nil }
        let value = bytes.byte(at: offset) &- 0x30
        return value < 10 ? UInt64(value) : nil
    }

    private mutating func exponent(_ scale: inout Int) throws(JSONError) {
        offset += 1
        var sign = 1
        if offset < bytes.byteCount {
            if bytes.byte(at: offset) == UInt8(ascii: "-") { sign = -1 }
            if sign < 0 || bytes.byte(at: offset) == UInt8(ascii: "+") { offset += 1 }
        }
        guard digit() != nil else { throw error("found \(found), expected a digit") }
        var exponent = 0
        while let value = digit() {
            exponent = min(exponent * 10 + Int(value), 100_000)
            offset += 1
        }
        scale += sign * exponent
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]
}
