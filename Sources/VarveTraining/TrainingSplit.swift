public import VarveBytes
import VarveFeatures
import VarveFormats

/// Which rows of a training set are for what, by their time: nothing of the future gets into the
/// past.
///
///     train        | gap | validation   | gap | test
///     ---------------------c1-------------------c2-------> T
///
/// Rows less than a gap before a cutoff belong to no side: their labels may come to be known only
/// after it. With one cutoff there is no validation.
public struct TrainingSplit: Sendable, Equatable {
    /// The column that it adds to a set.
    public static let column = "split"
    /// What rows in a gap are.
    public static let gapName = "gap"

    /// One or two, ascending.
    public let cutoffs: [Timestamp]
    /// Microseconds.
    public let gap: Int64

    /// - Throws: `TrainingError.badSplit`.
    public init(cutoffs: [Timestamp], gap: Int64) throws(TrainingError) {
        guard (1...2).contains(cutoffs.count) else {
            throw .badSplit("\(cutoffs.count) cutoffs, expected one or two")
        }
        guard cutoffs.count == 1 || cutoffs[0] < cutoffs[1] else {
            throw .badSplit("\(cutoffs[0]) before \(cutoffs[1]), expected ascending cutoffs")
        }
        guard gap >= 0 else { throw .badSplit("a gap of less than nothing") }
        self.cutoffs = cutoffs
        self.gap = gap
    }

    /// Reads cutoffs, with commas between them, and a gap such as `1d`.
    public init(cutoffs text: String, gap: String?) throws(TrainingError) {
        var cutoffs: [Timestamp] = []
        for part in text.split(separator: ",") {
            guard let cutoff = Timestamp(parsing: String(part)) else {
                throw .badSplit(
                    "the cutoff \"\(part)\", expected a time such as 2013-03-01T00:00:00Z")
            }
            cutoffs.append(cutoff)
        }
        var length: Int64 = 0
        if let gap {
            guard let read = DurationText.microseconds(gap) else {
                throw .badSplit("the gap \"\(gap)\", expected \(DurationText.examples)")
            }
            length = read
        }
        try self.init(cutoffs: cutoffs, gap: length)
    }

    /// The names of the sides, in order of time.
    public var names: [String] {
        cutoffs.count == 1 ? ["train", "test"] : ["train", "validation", "test"]
    }

    /// What a row at T is for.
    public func name(of time: Timestamp) -> String {
        let side = cutoffs.firstIndex { time < $0 } ?? cutoffs.count
        if side < cutoffs.count {
            let (edge, isBeforeAll) = cutoffs[side].microseconds.subtractingReportingOverflow(gap)
            if isBeforeAll || time.microseconds >= edge { return Self.gapName }
        }
        return names[side]
    }

    /// The column for the rows of a spine, and how many rows are for what.
    func column(for spine: Spine) -> (column: Column, rows: [(name: String, count: Int)]) {
        var column = Column(name: Self.column, type: .string, capacity: spine.rowCount)
        var counts: [String: Int] = [:]
        let times = spine.table[spine.timeColumn]
        for row in 0..<spine.rowCount {
            guard let time = times?.timestamp(row) else {
                column.appendNull()
                continue
            }
            let name = name(of: time)
            column.append(name)
            counts[name, default: 0] += 1
        }
        return (column, (names + [Self.gapName]).map { ($0, counts[$0] ?? 0) })
    }
}

extension TrainingSplit {
    /// The split in a manifest.
    func json(rows: [(name: String, count: Int)]) -> JSON {
        .object([
            .init("cutoffs", .array(cutoffs.map { .string($0.description) })),
            .init("gap", .string(DurationText.text(gap))),
            .init("rows", .object(rows.map { .init($0.name, .integer(Int64($0.count))) })),
        ])
    }

    /// Reads what `json` wrote.
    init(_ json: JSON) throws(TrainingError) {
        let cutoffs = (json["cutoffs"]?.arrayValue ?? []).compactMap(\.stringValue)
        try self.init(
            cutoffs: cutoffs.joined(separator: ","), gap: json["gap"]?.stringValue)
    }
}
