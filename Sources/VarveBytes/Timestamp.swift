/// A moment: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Microseconds since the Unix epoch; negative before it.
    public var microseconds: Int64

    /// A moment from its microseconds since the Unix epoch.
    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// The earliest and the latest moment that can be said: bounds for "no bound".
    public static let distantPast = Timestamp(microseconds: .min)
    /// See `distantPast`.
    public static let distantFuture = Timestamp(microseconds: .max)

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with as many of 0, 3 or 6 fractional digits as the value needs, such as
    /// `2013-03-10T07:30:00Z`.
    public var description: String {
        var writer = ByteWriter(capacity: 27)
        write(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Writes `description` without building a string.
    public func write(to writer: inout ByteWriter) {
        let (seconds, micros) = microseconds.flooredDivision(by: 1_000_000)
        let (days, secondOfDay) = seconds.flooredDivision(by: 86_400)
        let date = CivilDate(daysSinceEpoch: days)
        if date.year < 0 { writer.integer(UInt8(ascii: "-")) }
        writer.decimal(UInt64(date.year.magnitude), digits: 4)
        writer.integer(UInt8(ascii: "-"))
        writer.decimal(UInt64(date.month), digits: 2)
        writer.integer(UInt8(ascii: "-"))
        writer.decimal(UInt64(date.day), digits: 2)
        writer.integer(UInt8(ascii: "T"))
        writer.decimal(UInt64(secondOfDay / 3600), digits: 2)
        writer.integer(UInt8(ascii: ":"))
        writer.decimal(UInt64(secondOfDay / 60 % 60), digits: 2)
        writer.integer(UInt8(ascii: ":"))
        writer.decimal(UInt64(secondOfDay % 60), digits: 2)
        if micros != 0 {
            writer.integer(UInt8(ascii: "."))
            if micros % 1000 == 0 {
                writer.decimal(UInt64(micros / 1000), digits: 3)
            } else {
                writer.decimal(UInt64(micros), digits: 6)
            }
        }
        writer.integer(UInt8(ascii: "Z"))
    }
}

/// A day of the proleptic Gregorian calendar.
public struct CivilDate: Sendable, Equatable {
    /// Astronomical year (0 is 1 BC), month 1...12, day 1...31.
    public var year: Int64
    public var month: Int
    public var day: Int

    /// The date that lies `days` after 1970-01-01.
    ///
    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": eras of 400 years, years
    /// that start in March.
    public init(daysSinceEpoch days: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
        month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// A date from its parts; nil when the calendar has no such day.
    public init?(year: Int64, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= Self.days(inMonth: month, of: year) else {
            return nil
        }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// Days from 1970-01-01 to this date.
    public var daysSinceEpoch: Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = marchYear.flooredDivision(by: 400)
        let marchMonth = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * marchMonth + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func days(inMonth month: Int, of year: Int64) -> Int {
        let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }
}

extension Int64 {
    /// Quotient and non-negative remainder of a division by a positive divisor.
    public func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension ByteWriter {
    /// Writes a number in decimal, padded with zeros to at least `digits` digits.
    public mutating func decimal(_ value: UInt64, digits: Int = 1) {
        var power: UInt64 = 1
        var count = 1
        while count < digits || value / power >= 10 {
            power *= 10
            count += 1
        }
        var rest = value
        while power > 0 {
            integer(UInt8(ascii: "0") + UInt8(rest / power))
            rest %= power
            power /= 10
        }
    }

    /// Writes a signed number in decimal.
    public mutating func decimal(_ value: Int64) {
        if value < 0 { integer(UInt8(ascii: "-")) }
        decimal(UInt64(value.magnitude))
    }
}
