import VarveBytes
import VarveFeatures
public import VarveFormats
import VarveLog
import VarveProjections

/// How two training sets differ, and what made them differ: other definitions, other data (an older
/// or newer basis, or another mode), or other code.
///
/// Both sets are made again. A third one, the first with the definitions of the second, tells what
/// definitions changed from what data changed; a set that no longer has the columns its manifest
/// promises was made by other code, or on a log that was changed.
public struct TrainingDiff: Sendable {
    /// One column of either set.
    public struct Column: Sendable, Equatable {
        public let name: String
        /// Rows with different cells; nil when only one of the sets has the column.
        public let rows: Int?
        /// Rows that the second set's definitions alone change.
        public let byDefinitions: Int
        /// Rows that differ under the same definitions.
        public let byData: Int
        /// The first row that differs, from 0.
        public let firstRow: Int?
    }

    public let first: TrainingRecipe
    public let second: TrainingRecipe
    /// Why cells cannot be compared; nil when they were.
    public let reason: String?
    /// Columns that differ, in the order of the first set, then of the second.
    public let columns: [Column]
    /// Columns of either set that came out otherwise than its manifest says.
    public let byCode: [String]

    /// Compares two sets by their manifests.
    public init(_ first: JSON, _ second: JSON, _ reproduction: Reproduction) throws {
        let (one, other) = (try TrainingRecipe(first), try TrainingRecipe(second))
        (self.first, self.second) = (one, other)
        guard one.spineDigest == other.spineDigest else {
            reason = "their spines differ: they have no rows in common"
            (columns, byCode) = ([], [])
            return
        }
        reason = nil
        let left = try reproduction.rebuild(one)
        let right = try reproduction.rebuild(other)
        byCode = Self.broken(one, left) + Self.broken(other, right)
        let middle =
            one.versions.digest == other.versions.digest || one.service != other.service
            ? nil : try? reproduction.rebuild(one, with: other)
        var names = left.manifest.columns.map(\.field.name)
        names += right.manifest.columns.map(\.field.name).filter { !names.contains($0) }
        columns = names.compactMap { name in
            guard let mine = left.column(name), let theirs = right.column(name) else {
                return Column(name: name, rows: nil, byDefinitions: 0, byData: 0, firstRow: nil)
            }
            let rows = mine.differences(from: theirs)
            if rows.isEmpty { return nil }
            let between = middle?.column(name)
            return Column(
                name: name, rows: rows.count,
                byDefinitions: between.map { mine.differences(from: $0).count } ?? 0,
                byData: (between ?? mine).differences(from: theirs).count, firstRow: rows.first)
        }
    }

    /// Columns of a set that its manifest describes otherwise.
    private static func broken(_ recipe: TrainingRecipe, _ set: TrainingSet) -> [String] {
        set.manifest.columns.compactMap { column in
            let expected = recipe.digests.first { $0.column == column.field.name }?.digest
            return expected == column.digest.description ? nil : "\(recipe.id): \(column.field.name)"
        }
    }

    /// For clients.
    public var json: JSON {
        func pair(_ one: JSON, _ other: JSON) -> JSON { .array([one, other]) }
        return .object([
            .init("ids", pair(.string(first.id), .string(second.id))),
            .init("same_spine", .bool(first.spineDigest == second.spineDigest)),
            .init("reason", reason.map { .string($0) } ?? .null),
            .init("modes", pair(.string(first.mode.rawValue), .string(second.mode.rawValue))),
            .init("bases", pair(.integer(first.basis.value), .integer(second.basis.value))),
            .init(
                "definitions",
                pair(
                    .string("\(first.versions.digest)"), .string("\(second.versions.digest)"))),
            .init(
                "code_versions",
                pair(.integer(Int64(first.codeVersion)), .integer(Int64(second.codeVersion)))),
            .init("code_changed", .array(byCode.map { .string($0) })),
            .init(
                "columns",
                .array(
                    columns.map { column in
                        .object([
                            .init("name", .string(column.name)),
                            .init("rows", column.rows.map { .integer(Int64($0)) } ?? .null),
                            .init("by_definitions", .integer(Int64(column.byDefinitions))),
                            .init("by_data", .integer(Int64(column.byData))),
                            .init(
                                "first_row",
                                column.firstRow.map { .integer(Int64($0)) } ?? .null),
                        ])
                    })),
        ])
    }
}

extension TrainingSet {
    fileprivate func column(_ name: String) -> VarveFormats.Column? { table[name] }
}

extension VarveFormats.Column {
    /// The rows whose cells have other bits than those of another column with as many rows.
    fileprivate func differences(from other: VarveFormats.Column) -> [Int] {
        guard type == other.type else { return Array(0..<count) }
        return (0..<count).filter { row in
            if isNull(row) || other.isNull(row) { return isNull(row) != other.isNull(row) }
            switch type {
            case .bool: return bool(row) != other.bool(row)
            case .string: return !text(row, equals: other.utf8(row))
            case .int64, .float64, .timestamp: return words[row] != other.words[row]
            }
        }
    }
}
