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

    /// A table as a whole file: pages of version 1, values plain, by dictionary or, if asked for, as
    /// differences, bounds and null counts for each row group. Timestamps are microseconds in UTC.
    /// The same table gives the same bytes on every machine where pages are not compressed.
    /// - Parameter groupEnds: see `Encoding`.
    public static func encode(
        _ table: Table, _ options: Options = Options(), groupEnds: [Int]? = nil
    ) -> [UInt8] {
        let encoding = Encoding(table, options, groupEnds: groupEnds)
        var assembly = encoding.assembly()
        var file = magic
        for number in 0..<encoding.chunkCount { file += assembly.add(encoding.chunk(number)) }
        return file + assembly.end()
    }

    /// What a file begins with, before its first chunk.
    public static let magic = ParquetFormat.magic

    /// How a table becomes a file: chunks, each on its own, and an `Assembly` of them in order.
    public struct Encoding: Sendable {
        private let table: Table
        private let options: Options
        private let groups: [Range<Int>]
        private let numberings: [String: ColumnNumbering]

        /// - Parameters:
        ///   - groupEnds: the row after the last one of each row group; nil makes groups of
        ///     `rowsPerGroup`.
        ///   - numberings: those of columns that are known, by name. One of other cells than the
        ///     column's would put other values into the file.
        public init(
            _ table: Table, _ options: Options, groupEnds: [Int]? = nil,
            numberings: [String: ColumnNumbering] = [:]
        ) {
            groups = options.groups(of: table.rowCount, ends: groupEnds)
            table.checkInvariants()
            for column in table.columns {
                let known = numberings[column.name]?.numbers.count ?? column.count
                precondition(
                    known == column.count,
                    "numbers of \(known) rows for \(column.count) of \(column.name)")
            }
            (self.table, self.options, self.numberings) = (table, options, numberings)
        }

        /// Chunks of the file.
        public var chunkCount: Int { groups.count * table.columns.count }

        /// Chunks of a row group.
        public var chunksPerGroup: Int { table.columns.count }

        /// A chunk: the columns of the first row group, those of the next, and so on.
        public func chunk(_ number: Int) -> Chunk {
            let column = table.columns[number % chunksPerGroup]
            return ParquetChunkWriter(
                column: column, numbering: numberings[column.name],
                rows: groups[number / chunksPerGroup],
                isOptional: !options.required.contains(column.name)
            ).encoded(options)
        }

        /// A file of the chunks, none of which it has yet.
        public func assembly() -> Assembly {
            var metadata = ParquetMetadata()
            metadata.createdBy = "varve version 1.0.0 (build 1)"
            metadata.pairs = table.metadata
            metadata.rowCount = Int64(table.rowCount)
            var root = ParquetSchemaElement()
            root.name = "schema"
            root.childCount = Int64(table.columns.count)
            metadata.schema = [root] + table.columns.map { $0.parquetElement(options.required) }
            return Assembly(
                metadata: metadata, width: chunksPerGroup, rowCounts: groups.map(\.count))
        }
    }

    /// Puts chunks one behind the other, and says at the end where they are.
    public struct Assembly {
        fileprivate var metadata: ParquetMetadata
        /// Chunks of a row group.
        fileprivate let width: Int
        fileprivate let rowCounts: [Int]
        private var offset = magic.count

        fileprivate init(metadata: ParquetMetadata, width: Int, rowCounts: [Int]) {
            (self.metadata, self.width, self.rowCounts) = (metadata, width, rowCounts)
        }

        /// Adds the next chunk.
        /// - Returns: the file's next bytes.
        public mutating func add(_ encoded: Chunk) -> [UInt8] {
            if metadata.rowGroups.last.map({ $0.columns.count == width }) ?? true {
                var group = ParquetRowGroup()
                group.rowCount = Int64(rowCounts[metadata.rowGroups.count])
                metadata.rowGroups.append(group)
            }
            var chunk = encoded.chunk
            chunk.move(by: Int64(offset))
            offset += encoded.pages.count
            let last = metadata.rowGroups.count - 1
            metadata.rowGroups[last].totalSize += chunk.expandedSize
            metadata.rowGroups[last].columns.append(chunk)
            return encoded.pages
        }

        /// The file's last bytes; stops the program when chunks are missing.
        public func end() -> [UInt8] {
            let count = metadata.rowGroups.reduce(0) { $0 + $1.columns.count }
            precondition(count == width * rowCounts.count, "\(count) chunks")
            var writer = ByteWriter()
            writer.raw(metadata.encoded())
            writer.integer(UInt32(writer.count))
            writer.raw(ParquetFormat.magic)
            return writer.bytes
        }
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
