extension Timestamp {
    /// Reads an RFC 3339 date and time with a zone: `2013-03-10T07:30:00Z`,
    /// `2013-03-10 07:30:00.25+01:00`. Seconds may be left out. Digits beyond microseconds must be
    /// zero: nothing is rounded in silence.
    ///
    /// - Returns: nil for anything else, also for a time without a zone: guessing one would be a
    ///   wrong answer that looks right.
    public init?(parsing text: RawSpan) {
        var cursor = DigitCursor(text)
        guard let date = cursor.date(), cursor.skipTimeSeparator(),
            let micros = cursor.timeOfDay(), let zoneSeconds = cursor.zone(), cursor.isAtEnd
        else { return nil }
        let seconds = date.daysSinceEpoch * 86_400 - zoneSeconds
        // A zone may move the moment out of the years that four digits can say: such a time could
        // be read but not written.
        guard Self.writableSeconds.contains(seconds) else { return nil }
        self.init(microseconds: seconds * 1_000_000 + micros)
    }

    /// Seconds since 1970 of the years 0000 to 9999 in UTC.
    private static let writableSeconds: Range<Int64> = -62_167_219_200..<253_402_300_800

    /// Reads the same from a string.
    public init?(parsing text: String) {
        self.init(parsing: Array(text.utf8).raw)
    }
}

/// Takes fixed-width decimal fields off a text.
private struct DigitCursor: ~Escapable {
    private let text: RawSpan
    private var offset = 0

    @_lifetime(copy text)
    init(_ text: RawSpan) { self.text = text }

    var isAtEnd: Bool { offset == text.byteCount }

    /// Moves past `byte` if it comes next.
    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard offset < text.byteCount, text.byte(at: offset) == UInt8(ascii: byte) else {
            return false
        }
        offset += 1
        return true
    }

    mutating func skipTimeSeparator() -> Bool { skip("T") || skip("t") || skip(" ") }

    mutating func number(digits: Int) -> Int64? {
        guard text.byteCount - offset >= digits else { return nil }
        var value: Int64 = 0
        for _ in 0..<digits {
            let digit = text.byte(at: offset) &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
            offset += 1
        }
        return value
    }

    mutating func date() -> CivilDate? {
        guard let year = number(digits: 4), skip("-"),
            let month = number(digits: 2), skip("-"),
            let day = number(digits: 2)
        else { return nil }
        return CivilDate(year: year, month: Int(month), day: Int(day))
    }

    mutating func timeOfDay() -> Int64? {
        guard let hour = number(digits: 2), hour < 24, skip(":"),
            let minute = number(digits: 2), minute < 60
        else { return nil }
        var micros = (hour * 3600 + minute * 60) * 1_000_000
        if skip(":") {
            guard let second = number(digits: 2), second < 60 else { return nil }
            micros += second * 1_000_000
            if skip(".") {
                guard let fraction = fraction() else { return nil }
                micros += fraction
            }
        }
        return micros
    }

    /// Microseconds from one or more fractional digits.
    private mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var digits = 0
        while let digit = number(digits: 1) {
            digits += 1
            if digits <= 6 { value = value * 10 + digit } else if digit != 0 { return nil }
        }
        guard digits > 0 else { return nil }
        for _ in 0..<max(0, 6 - digits) { value *= 10 }
        return value
    }

    /// Seconds east of UTC.
    mutating func zone() -> Int64? {
        if skip("Z") || skip("z") { return 0 }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = number(digits: 2), hours < 24,
            skip(":"), let minutes = number(digits: 2), minutes < 60
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return isWest ? -seconds : seconds
    }
}
