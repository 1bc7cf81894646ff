import VarveBytes

/// Numbers that Parquet's metadata uses. Source: github.com/apache/parquet-format,
/// `src/main/thrift/parquet.thrift`.
enum ParquetFormat {
    static let magic = Array("PAR1".utf8)

    /// How values are stored.
    enum Physical: Int64 {
        case bool = 0, int32, int64, int96, float, double, bytes, fixedBytes
    }

    enum Encoding: Int64 {
        case plain = 0
        case plainDictionary = 2
        case runLength = 3
        case bitPacked = 4
        case deltaBinaryPacked = 5
        case deltaLengthBytes = 6
        case deltaBytes = 7
        case dictionary = 8
        case byteStreamSplit = 9
    }

    enum Codec: Int64 {
        case none = 0
        case snappy, gzip, lzo, brotli, lz4Hadoop, zstd, lz4
    }

    enum Page: Int64 {
        case data = 0, index, dictionary, dataV2
    }

    /// Old names of logical types that Varve looks at.
    enum Converted: Int64 {
        case utf8 = 0
        case enumeration = 4
        case date = 6
        case timestampMillis = 9
        case timestampMicros = 10
        case uint8 = 11, uint16, uint32, uint64
        case int8 = 15, int16, int32, int64
        case json = 19
    }
}

/// The footer of a Parquet file, as far as Varve uses it.
struct ParquetMetadata {
    var schema: [ParquetSchemaElement] = []
    var rowCount: Int64 = 0
    var rowGroups: [ParquetRowGroup] = []
    var pairs: [(key: String, value: String)] = []
    var createdBy = ""
    var isEncrypted = false
}

/// A node of the schema tree, which is stored in depth-first order.
struct ParquetSchemaElement {
    var name = ""
    var physical: ParquetFormat.Physical?
    /// 0 required, 1 optional, 2 repeated; the root has none.
    var repetition: Int64 = 0
    var childCount: Int64 = 0
    var converted: Int64?
    var logical: ParquetLogical?
}

/// What a value means.
enum ParquetLogical: Equatable {
    case string, enumeration, json, date
    case timestamp(isUTC: Bool, unitsPerSecond: Int64)
    case integer(bits: Int64, isSigned: Bool)
    /// Another one, by its field number in Thrift.
    case other(Int64)
}

struct ParquetRowGroup {
    var columns: [ParquetChunk] = []
    var rowCount: Int64 = 0
    var totalSize: Int64 = 0
}

/// Where the pages of one column of one row group are, and what is in them.
struct ParquetChunk {
    var physical: ParquetFormat.Physical?
    var path: [String] = []
    var codec: Int64 = 0
    var valueCount: Int64 = 0
    var expandedSize: Int64 = 0
    var compressedSize: Int64 = 0
    var dataOffset: Int64 = 0
    var dictionaryOffset: Int64?
    /// Set when the pages are in another file.
    var isElsewhere = false
    var encodings: [Int] = []
    var statistics = ParquetStatistics()

    /// Moves where the pages are.
    mutating func move(by distance: Int64) {
        // In files of others either may lie anywhere: readers follow the smaller of the two only.
        dataOffset &+= distance
        if let offset = dictionaryOffset { dictionaryOffset = offset &+ distance }
    }
}

/// Bounds of the values, in the PLAIN encoding without the length of a text; nil when not known.
struct ParquetStatistics: Equatable {
    var minimum: [UInt8]?
    var maximum: [UInt8]?
    var nullCount: Int64?
}

/// What stands before a page.
struct ParquetPageHeader {
    var kind: Int64 = 0
    var expandedSize: Int64 = 0
    var compressedSize: Int64 = 0
    var valueCount: Int64 = 0
    var encoding: Int64 = 0
    var definitionEncoding: Int64 = 3
    /// Version 2 only: bytes of the levels, which are never compressed.
    var definitionSize: Int64 = 0
    var repetitionSize: Int64 = 0
    var isCompressed = true
}
