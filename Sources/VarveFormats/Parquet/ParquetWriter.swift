import VarveBytes

extension ParquetFile {
    /// How a table is written.
    public struct Options: Sendable {
        /// How pages are compressed.
        public enum Compression: Sendable {
            /// Not at all: the bytes are the same with every version of liblz4.
            case none
            /// LZ4_RAW, where it saves a twentieth of a column's bytes.
            case lz4
            /// LZ4_RAW, where it saves a fourth: for files that are read more often than written.
            case lz4Sparingly

            /// The part of the bytes that must be saved: one in so many.
            var leastSaving: Int {
                switch self {
                case .none: 1
                case .lz4: 20
                case .lz4Sparingly: 4
                }
            }
        }

        /// Rows in a row group.
        public var rowsPerGroup: Int
        public var compression: Compression
        /// Names of columns that the file declares to hold no null; the others may.
        public var required: Set<String>
        /// Whether integers and times are stored as differences (DELTA_BINARY_PACKED), which are not
        /// compressed, where no dictionary holds them and that takes a fourth less than plain values.
        public var usesDifferences: Bool

        public init(
            rowsPerGroup: Int = 122_880, compression: Compression = .lz4,
            required: Set<String> = [], usesDifferences: Bool = false
        ) {
            self.rowsPerGroup = rowsPerGroup
            self.compression = compression
            self.required = required
            self.usesDifferences = usesDifferences
        }

        fileprivate func groups(of rows: Int, ends: [Int]?) -> [Range<Int>] {
            precondition(rowsPerGroup > 0, "\(rowsPerGroup) rows in a row group")
            var start = 0
            let ends = ends ?? stride(from: 0, to: rows, by: rowsPerGroup).map {
                min($0 + rowsPerGroup, rows)
            }
            let groups = ends.map { end in
                precondition(start < end, "a row group from row \(start) to \(end)")
                defer { start = end }
                return start..<end
            }
            precondition(start == rows, "row groups of \(start) rows, the table has \(rows)")
            return groups
        }
    }

    /// One column of one row group, encoded.
    public struct Chunk: Sendable {
        var chunk: ParquetChunk
        let pages: [UInt8]
    }

    /// Calls a function with each number below a count and answers the results in that order: what
    /// a caller with threads to spare does on several of them.
    public typealias Mapping = (Int, @escaping @Sendable (Int) -> Chunk) -> [Chunk]

    /// A table as a whole file: pages of version 1, values plain, by dictionary or, if asked for, as
    /// differences, bounds and null counts for each row group. Timestamps are microseconds in UTC.
    /// The same table gives the same bytes on every machine where pages are not compressed.
    /// - Parameter map: encodes chunks; nil does it one after the other.
    public static func encode(
        _ table: Table, _ options: Options = Options(), map: Mapping? = nil
    ) -> [UInt8] {
        var file: [UInt8] = []
        encode(table, options, map: map) { file += $0 }
        return file
    }

    /// The same, handed over piece by piece.
    /// - Parameters:
    ///   - groupEnds: the row after the last one of each row group; nil makes groups of
    ///     `rowsPerGroup`.
    ///   - numberings: those of columns that are known, by name. One of other cells than the
    ///     column's would put other values into the file.
    public static func encode(
        _ table: Table, _ options: Options = Options(), groupEnds: [Int]? = nil,
        numberings: [String: ColumnNumbering] = [:], map: Mapping? = nil,
        _ write: ([UInt8]) throws -> Void
    ) rethrows {
        let groups = options.groups(of: table.rowCount, ends: groupEnds)
        table.checkInvariants()
        for column in table.columns {
            let known = numberings[column.name]?.numbers.count ?? column.count
            precondition(
                known == column.count, "numbers of \(known) rows for \(column.count) of \(column.name)")
        }
        var metadata = ParquetMetadata()
        metadata.createdBy = "varve version 1.0.0 (build 1)"
        metadata.pairs = table.metadata
        metadata.rowCount = Int64(table.rowCount)
        var root = ParquetSchemaElement()
        root.name = "schema"
        root.childCount = Int64(table.columns.count)
        metadata.schema =
            [root] + table.columns.map { $0.parquetElement(options.required) }
        let width = table.columns.count
        try write(ParquetFormat.magic)
        var offset = ParquetFormat.magic.count
        // Some row groups at a time: no more of the file is in memory. Two for callers with threads
        // to spare, which then wait half as often for the last chunk.
        let atOnce = map == nil ? 1 : 2
        for first in stride(from: 0, to: groups.count, by: atOnce) {
            let groups = Array(groups[first...].prefix(atOnce))
            let encode: @Sendable (Int) -> Chunk = { number in
                let column = table.columns[number % width]
                return ParquetChunkWriter(
                    column: column, numbering: numberings[column.name],
                    rows: groups[number / width],
                    isOptional: !options.required.contains(column.name)
                ).encoded(options)
            }
            let count = width * groups.count
            var chunks = (map?(count, encode) ?? (0..<count).map(encode))[...]
            precondition(chunks.count == count, "\(chunks.count) chunks of \(count)")
            for rows in groups {
                var rowGroup = ParquetRowGroup()
                rowGroup.rowCount = Int64(rows.count)
                for encoded in chunks.prefix(width) {
                    var chunk = encoded.chunk
                    chunk.move(by: Int64(offset))
                    try write(encoded.pages)
                    offset += encoded.pages.count
                    rowGroup.totalSize += chunk.expandedSize
                    rowGroup.columns.append(chunk)
                }
                chunks = chunks.dropFirst(width)
                metadata.rowGroups.append(rowGroup)
            }
        }
        var writer = ByteWriter()
        writer.raw(metadata.encoded())
        writer.integer(UInt32(writer.count))
        writer.raw(ParquetFormat.magic)
        try write(writer.bytes)
    }
}

extension Column {
    fileprivate func parquetElement(_ required: Set<String>) -> ParquetSchemaElement {
        precondition(
            nullCount == 0 || !required.contains(name), "column \(name) is required and has nulls")
        var element = ParquetSchemaElement()
        element.name = name
        element.repetition = required.contains(name) ? 0 : 1
        element.physical = physical
        switch type {
        case .bool, .int64, .float64: break
        case .string:
            element.converted = ParquetFormat.Converted.utf8.rawValue
            element.logical = .string
        case .timestamp:
            element.converted = ParquetFormat.Converted.timestampMicros.rawValue
            element.logical = .timestamp(isUTC: true, unitsPerSecond: 1_000_000)
        }
        return element
    }

    var physical: ParquetFormat.Physical {
        switch type {
        case .bool: .bool
        case .int64, .timestamp: .int64
        case .float64: .double
        case .string: .bytes
        }
    }
}
