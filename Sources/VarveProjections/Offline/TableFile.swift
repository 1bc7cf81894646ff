import VarveBytes

/// The name of a file in the offline store: which records of a day it holds.
///
///     <stream>/day=2013-03-10/<20-digit first position>-<20-digit end>.parquet
struct TableFile: Hashable {
    /// Days since 1970-01-01, UTC.
    let day: Int64
    /// From its first record to after its last; between them are records of other days too.
    let positions: Range<Int64>

    init(day: Int64, positions: Range<Int64>) {
        self.day = day
        self.positions = positions
    }

    /// Reads a name; nil for anything else, such as what a crash left of a file being written.
    init?(directory: String, name: String) {
        guard let day = Self.day(directory), name.hasSuffix(".parquet") else { return nil }
        let parts = name.dropLast(".parquet".count).split(separator: "-")
        guard parts.count == 2, let first = Int64(parts[0]), let end = Int64(parts[1]), first < end
        else { return nil }
        self.init(day: day, positions: first..<end)
    }

    /// Whether this file holds all records of another one: they were merged into it.
    func contains(_ other: TableFile) -> Bool {
        self != other && day == other.day
            && positions.lowerBound <= other.positions.lowerBound
            && other.positions.upperBound <= positions.upperBound
    }

    /// `day=2013-03-10`: what tools that know partitions show as a column.
    var directory: String {
        let date = CivilDate(daysSinceEpoch: day)
        let year = date.year < 0 ? "-" + Self.padded(-date.year, 4) : Self.padded(date.year, 4)
        return "day=\(year)-\(Self.padded(Int64(date.month), 2))-\(Self.padded(Int64(date.day), 2))"
    }

    var name: String {
        Self.padded(positions.lowerBound, 20) + "-" + Self.padded(positions.upperBound, 20)
            + ".parquet"
    }

    private static func day(_ directory: String) -> Int64? {
        guard directory.hasPrefix("day=") else { return nil }
        let text = directory.dropFirst("day=".count)
        let isNegative = text.hasPrefix("-")
        let parts = text.split(separator: "-").compactMap { Int64($0) }
        guard parts.count == 3,
            let date = CivilDate(
                year: isNegative ? -parts[0] : parts[0], month: Int(clamping: parts[1]),
                day: Int(clamping: parts[2]))
        else { return nil }
        return date.daysSinceEpoch
    }

    private static func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
