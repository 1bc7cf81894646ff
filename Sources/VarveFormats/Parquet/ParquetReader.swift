import VarveBytes

/// The Parquet format, for flat tables of Varve's column types.
///
///     "PAR1" | row group ... | footer, Thrift | UInt32 footer bytes | "PAR1"
///     row group   for each column: [dictionary page,] data page ...
///     page        header, Thrift | [definition levels,] values; compressed after the header
///
/// Source: github.com/apache/parquet-format.
public enum ParquetFile {
    /// How many bytes of cells a reader takes in unless told otherwise.
    public static let decodedBytesLimit = 16 << 30

    /// What a file says of itself.
    public struct Footer: Sendable {
        /// Rows in all row groups.
        public let rowCount: Int
        /// Names of the columns at the top of the schema.
        public let columnNames: [String]
        /// Pairs of texts that travel with the file.
        public let metadata: [(key: String, value: String)]
        /// The program that wrote it.
        public let createdBy: String

        /// The value of a metadata key; the first when it appears more than once.
        public func metadata(_ key: String) -> String? {
            metadata.first { $0.key == key }?.value
        }
    }

    /// Whether the bytes begin like a Parquet file.
    public static func isParquet(_ bytes: RawSpan) -> Bool {
        let magic = ParquetFormat.magic
        return bytes.byteCount >= 4 && bytes.extracting(0..<4).equals(magic.raw)
    }

    /// How many bytes at the end of a file hold its footer, from the last bytes of it; nil when they
    /// are not those of a Parquet file.
    public static func footerBytes(_ tail: RawSpan) -> Int? {
        let magic = ParquetFormat.magic
        let end = tail.byteCount - 8
        guard end >= 0, tail.extracting((end + 4)..<tail.byteCount).equals(magic.raw)
        else { return nil }
        return Int(tail.littleEndian(at: end, as: UInt32.self)) + 8
    }

    /// Reads the footer only.
    /// - Parameter isTail: whether the bytes are the end of a file, with `footerBytes` at least.
    public static func footer(
        _ bytes: RawSpan, isTail: Bool = false
    ) throws(ParquetError) -> Footer {
        let metadata = try metadata(bytes, isTail: isTail)
        let schema = try ParquetSchema(metadata.schema, zonelessTimesAreUTC: true)
        var names: [String] = []
        for leaf in schema.leaves where leaf.name != names.last { names.append(leaf.name) }
        return Footer(
            rowCount: Int(clamping: metadata.rowCount), columnNames: names,
            metadata: metadata.pairs, createdBy: metadata.createdBy)
    }

    /// Reads a whole file into a table. Integers of all widths become int64, float32 becomes
    /// float64, dates their first moment in UTC, timestamps of all units microseconds; nothing is
    /// rounded or wrapped. Pages may be plain, LZ4_RAW or Snappy.
    ///
    /// - Parameters:
    ///   - columns: those to read; nil reads all. Others may hold what Varve has no type for.
    ///   - zonelessTimesAreUTC: reads times without a zone as UTC instead of refusing them.
    ///   - limit: bytes of cells; what asks for more is refused.
    /// - Throws: `ParquetError` when the file is malformed, or holds columns or a compression that
    ///   Varve does not read; it names the column and what to do.
    public static func decode(
        _ bytes: RawSpan, columns wanted: Set<String>? = nil, zonelessTimesAreUTC: Bool = false,
        limit: Int = decodedBytesLimit
    ) throws(ParquetError) -> Table {
        let metadata = try metadata(bytes)
        let schema = try ParquetSchema(
            metadata.schema, zonelessTimesAreUTC: zonelessTimesAreUTC)
        let numbers = schema.leaves.indices.filter {
            wanted?.contains(schema.leaves[$0].name) ?? true
        }
        return try decode(numbers, of: metadata, schema, bytes, limit: limit)
    }

    /// Decodes some columns, whose pages are where the metadata says.
    static func decode(
        _ numbers: [Int], of metadata: ParquetMetadata, _ schema: ParquetSchema, _ bytes: RawSpan,
        limit: Int
    ) throws(ParquetError) -> Table {
        var names: Set<String> = []
        var columns: [Column] = []
        let rows = try rowCount(metadata, columns: numbers.count, limit: limit)
        var left = limit
        for number in numbers {
            let leaf = try schema.leaves[number].leaf.get()
            guard names.insert(leaf.name).inserted else {
                throw .unsupported("two columns are named \(leaf.name), expected different names")
            }
            var decoder = ParquetColumnDecoder(leaf, rows: rows, limit: left)
            for group in metadata.rowGroups {
                guard group.columns.count == schema.leaves.count else {
                    throw .malformed(
                        at: bytes.byteCount,
                        reason: "a row group of \(group.columns.count) columns, expected "
                            + "\(schema.leaves.count)")
                }
                try decoder.append(group.columns[number], bytes, rows: Int(group.rowCount))
            }
            left -= decoder.column.bytes.count
            columns.append(decoder.column)
        }
        let pairs = metadata.pairs.filter { $0.key != "ARROW:schema" && $0.key != "pandas" }
        return Table(columns: columns, metadata: pairs)
    }

    /// Checks the number of rows against the limit.
    private static func rowCount(
        _ metadata: ParquetMetadata, columns: Int, limit: Int
    ) throws(ParquetError) -> Int {
        var rows: Int64 = 0
        for group in metadata.rowGroups {
            let (sum, overflow) = rows.addingReportingOverflow(group.rowCount)
            guard group.rowCount >= 0, !overflow else {
                throw .malformed(at: 0, reason: "a row group of \(group.rowCount) rows")
            }
            rows = sum
        }
        guard rows == metadata.rowCount else {
            throw .malformed(
                at: 0, reason: "\(rows) rows in row groups, the footer says \(metadata.rowCount)")
        }
        guard rows <= Int64(limit / 9 / max(1, columns)) else {
            throw .unsupported(
                "\(rows) rows of \(columns) columns, expected at most \(limit) bytes: split the "
                    + "file")
        }
        return Int(rows)
    }

    static func metadata(
        _ bytes: RawSpan, isTail: Bool = false
    ) throws(ParquetError) -> ParquetMetadata {
        let magic = ParquetFormat.magic
        let end = bytes.byteCount - 8
        guard end >= (isTail ? 0 : 4), isTail || bytes.extracting(0..<4).equals(magic.raw),
            bytes.extracting((end + 4)..<bytes.byteCount).equals(magic.raw)
        else {
            throw .malformed(at: 0, reason: "no PAR1 at both ends, expected a whole Parquet file")
        }
        let size = Int(bytes.littleEndian(at: end, as: UInt32.self))
        guard size <= end - (isTail ? 0 : 4) else {
            throw .malformed(at: end, reason: "a footer of \(size) bytes, which do not fit")
        }
        var reader = ThriftReader(bytes.extracting((end - size)..<end))
        let metadata: ParquetMetadata
        do {
            metadata = try ParquetMetadata(reading: &reader)
        } catch {
            throw .malformed(at: end - size, reason: "the footer: \(error)")
        }
        guard !metadata.isEncrypted else {
            throw .unsupported("an encrypted Parquet file, expected a plain one")
        }
        return metadata
    }
}
