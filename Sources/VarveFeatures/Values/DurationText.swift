/// Durations as definitions and expressions write them: a whole number and a unit, such as `90s`.
/// Days have 24 hours and weeks 7 days: there are no time zones in a duration.
public enum DurationText {
    /// The units, longest first, in microseconds.
    static let units: [(name: String, microseconds: Int64)] = [
        ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000),
        ("s", 1_000_000), ("ms", 1000), ("us", 1),
    ]

    /// What a duration looks like, for messages.
    public static let examples = "a duration such as \"90s\", \"6h\" or \"7d\""

    /// Microseconds of a number of units; nil when there is no such unit or they exceed Int64.
    static func microseconds(_ count: UInt64, unit: String) -> Int64? {
        guard let unit = units.first(where: { $0.name == unit }) else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: UInt64(unit.microseconds))
        return overflow ? nil : Int64(exactly: product)
    }

    /// Reads a duration, without sign or spaces; nil for anything else.
    public static func microseconds(_ text: String) -> Int64? {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, let count = UInt64(Substring(digits)) else { return nil }
        return microseconds(count, unit: String(text.dropFirst(digits.count)))
    }

    /// The canonical text of a duration: in the longest unit up to days that gives a whole number.
    public static func text(_ microseconds: Int64) -> String {
        if microseconds == 0 { return "0s" }
        let unit = units.dropFirst().first { microseconds % $0.microseconds == 0 } ?? ("us", 1)
        return "\(microseconds / unit.microseconds)\(unit.name)"
    }
}
