import VarveBytes

/// Where the columns of a Parquet file are.
public struct ParquetLayout: Sendable {
    let metadata: ParquetMetadata
    let schema: ParquetSchema
    let fileSize: Int64

    /// - Parameters:
    ///   - tail: the end of the file, with `ParquetFile.footerBytes` at least.
    ///   - size: bytes of the file.
    /// - Throws: `ParquetError` when the file's end is malformed.
    public init(tail: RawSpan, fileSize size: Int64) throws(ParquetError) {
        metadata = try ParquetFile.metadata(tail, isTail: true)
        schema = try ParquetSchema(metadata.schema, zonelessTimesAreUTC: false)
        fileSize = size
    }

    /// The columns, each with its type; nil for what Varve has none for.
    public var columns: [(name: String, type: ColumnType?)] {
        schema.leaves.map { ($0.name, try? $0.leaf.get().columnType) }
    }

    /// The rows of each row group.
    public var groupRows: [Int64] { metadata.rowGroups.map(\.rowCount) }
}

/// Some columns of a Parquet file, for readers that fetch their pages and nothing else.
public struct ParquetSelection: Sendable {
    /// The parts of the file that hold the columns' pages.
    public private(set) var ranges: [Range<Int64>] = []
    private var metadata: ParquetMetadata
    private let schema: ParquetSchema
    private let columns: [Int]
    /// Pages are laid end to end after so many bytes, as no page begins a file.
    private static let start: Int64 = 4

    /// Finds columns.
    /// - Parameter group: the only row group that is read; nil reads all.
    /// - Throws: `ParquetError` when pages lie where the file is not.
    public init(
        _ wanted: Set<String>, _ layout: ParquetLayout, group: Int? = nil
    ) throws(ParquetError) {
        (metadata, schema) = (layout.metadata, layout.schema)
        let size = layout.fileSize
        if let group {
            guard metadata.rowGroups.indices.contains(group) else {
                throw .malformed(
                    at: Int(clamping: size),
                    reason: "\(metadata.rowGroups.count) row groups, expected more than \(group)")
            }
            metadata.rowGroups = [metadata.rowGroups[group]]
            metadata.rowCount = metadata.rowGroups[0].rowCount
        }
        let leaves = schema.leaves
        columns = leaves.indices.filter { wanted.contains(leaves[$0].name) }
        var next = Self.start
        for group in metadata.rowGroups.indices {
            guard metadata.rowGroups[group].columns.count == leaves.count else {
                throw .malformed(
                    at: Int(clamping: size),
                    reason: "a row group of \(metadata.rowGroups[group].columns.count) columns, "
                        + "expected \(leaves.count)")
            }
            for column in columns {
                let chunk = metadata.rowGroups[group].columns[column]
                var first = chunk.dataOffset
                if let offset = chunk.dictionaryOffset, offset > 0 { first = min(first, offset) }
                let length = chunk.compressedSize
                guard first >= Self.start, (0...size).contains(length), first <= size - length
                else {
                    throw .malformed(
                        at: Int(clamping: first),
                        reason: "column \(leaves[column].name): pages outside the file")
                }
                if chunk.dictionaryOffset.map({ $0 <= 0 }) ?? false {
                    metadata.rowGroups[group].columns[column].dictionaryOffset = nil
                }
                metadata.rowGroups[group].columns[column].move(by: next - first)
                next += length
                if let last = ranges.last, last.upperBound == first {
                    ranges[ranges.count - 1] = last.lowerBound..<(first + length)
                } else {
                    ranges.append(first..<(first + length))
                }
            }
        }
    }

    /// Bytes that `decode` needs.
    public var byteCount: Int {
        ranges.reduce(Int(Self.start)) { $0 + Int($1.upperBound - $1.lowerBound) }
    }

    /// Where the first of the ranges goes in the bytes for `decode`; the others follow.
    public var firstOffset: Int { Int(Self.start) }

    /// Decodes the columns from the bytes of all ranges.
    /// - Throws: as `ParquetFile.decode` does.
    public func decode(
        _ bytes: RawSpan, limit: Int = ParquetFile.decodedBytesLimit
    ) throws(ParquetError) -> Table {
        try ParquetFile.decode(columns, of: metadata, schema, bytes, limit: limit)
    }
}
