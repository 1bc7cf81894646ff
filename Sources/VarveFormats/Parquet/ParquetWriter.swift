import VarveBytes

extension ParquetFile {
    /// How a table is written.
    public struct Options: Sendable {
        /// How pages are compressed.
        public enum Compression: Sendable {
            /// Not at all: the bytes are the same with every version of liblz4.
            case none
            /// LZ4_RAW, where it makes a column smaller.
            case lz4
        }

        /// Rows in a row group.
        public var rowsPerGroup: Int
        public var compression: Compression
        /// Names of columns that the file declares to hold no null; the others may.
        public var required: Set<String>

        public init(
            rowsPerGroup: Int = 122_880, compression: Compression = .lz4,
            required: Set<String> = []
        ) {
            self.rowsPerGroup = rowsPerGroup
            self.compression = compression
            self.required = required
        }
    }

    /// One column of one row group, encoded.
    public struct Chunk: Sendable {
        fileprivate var chunk: ParquetChunk
        fileprivate let pages: [UInt8]
    }

    /// Calls a function with each number below a count and answers the results in that order: what
    /// a caller with threads to spare does on several of them.
    public typealias Mapping = (Int, @escaping @Sendable (Int) -> Chunk) -> [Chunk]

    /// A table as a whole file: pages of version 1, values plain or by dictionary, whichever is
    /// smaller, bounds and null counts for each row group. Timestamps are microseconds in UTC. The
    /// same table gives the same bytes on every machine where pages are not compressed.
    /// - Parameter map: encodes chunks; nil does it one after the other.
    public static func encode(
        _ table: Table, _ options: Options = Options(), map: Mapping? = nil
    ) -> [UInt8] {
        var file: [UInt8] = []
        encode(table, options, map: map) { file += $0 }
        return file
    }

    /// The same, handed over piece by piece.
    /// - Parameter numberings: those of columns that are known, by name.
    public static func encode(
        _ table: Table, _ options: Options = Options(),
        numberings: [String: ColumnNumbering] = [:], map: Mapping? = nil,
        _ write: ([UInt8]) throws -> Void
    ) rethrows {
        precondition(options.rowsPerGroup > 0, "\(options.rowsPerGroup) rows in a row group")
        table.checkInvariants()
        var metadata = ParquetMetadata()
        metadata.createdBy = "varve version 1.0.0 (build 1)"
        metadata.pairs = table.metadata
        metadata.rowCount = Int64(table.rowCount)
        var root = ParquetSchemaElement()
        root.name = "schema"
        root.childCount = Int64(table.columns.count)
        metadata.schema =
            [root] + table.columns.map { $0.parquetElement(options.required) }
        let starts = Array(stride(from: 0, to: table.rowCount, by: options.rowsPerGroup))
        let width = table.columns.count
        try write(ParquetFormat.magic)
        var offset = ParquetFormat.magic.count
        // Some row groups at a time: no more of the file is in memory. Two for callers with threads
        // to spare, which then wait half as often for the last chunk.
        let atOnce = map == nil ? 1 : 2
        for first in stride(from: 0, to: starts.count, by: atOnce) {
            let groups = starts[first..<min(first + atOnce, starts.count)].map {
                $0..<min($0 + options.rowsPerGroup, table.rowCount)
            }
            let encode: @Sendable (Int) -> Chunk = { number in
                let column = table.columns[number % width]
                return ParquetChunkWriter(
                    column: column, numbering: numberings[column.name],
                    rows: groups[number / width],
                    isOptional: !options.required.contains(column.name)
                ).encoded(options.compression)
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

    fileprivate var physical: ParquetFormat.Physical {
        switch type {
        case .bool: .bool
        case .int64, .timestamp: .int64
        case .float64: .double
        case .string: .bytes
        }
    }
}

/// Writes one column of one row group.
private struct ParquetChunkWriter {
    let column: Column
    let numbering: ColumnNumbering?
    let rows: Range<Int>
    let isOptional: Bool
    /// Rows in a page; a multiple of 8, so that pages begin whole bytes of validity.
    private static let rowsPerPage = 20_480
    /// Bytes of text in a page, about; a single longer text has a page of its own.
    private static let textPerPage = 1 << 20

    /// The pages, compressed if that makes them smaller, as if the file began with them.
    func encoded(_ compression: ParquetFile.Options.Compression) -> ParquetFile.Chunk {
        var chunk = ParquetChunk()
        chunk.physical = column.physical
        chunk.path = [column.name]
        chunk.valueCount = Int64(rows.count)
        let dictionary = ParquetDictionaryBuilder(column, rows, numbering)
        chunk.statistics = ParquetBounds.statistics(of: column, rows, dictionary)
        var pages: [(header: ParquetPageHeader, body: [UInt8])] = []
        if let dictionary {
            pages.append(
                (
                    header(.dictionary, .plain, values: dictionary.count),
                    dictionary.plain(of: column)
                ))
        }
        for page in pageRows() {
            let encoding = dictionary == nil ? ParquetFormat.Encoding.plain : .dictionary
            pages.append(
                (header(.data, encoding, values: page.count), body(page, dictionary)))
        }
        chunk.encodings =
            dictionary == nil
            ? [ParquetFormat.Encoding.plain, .runLength].map { Int($0.rawValue) }
            : [ParquetFormat.Encoding.plain, .runLength, .dictionary].map { Int($0.rawValue) }
        let compressed = compression == .lz4 ? Self.compress(pages.map(\.body)) : nil
        chunk.codec = (compressed == nil ? ParquetFormat.Codec.none : .lz4).rawValue
        var writer = ByteWriter(
            capacity: 64 * pages.count
                + (compressed ?? pages.map(\.body)).reduce(0) { $0 + $1.count })
        for index in pages.indices {
            var header = pages[index].header
            let body = compressed?[index] ?? pages[index].body
            header.expandedSize = Int64(pages[index].body.count)
            header.compressedSize = Int64(body.count)
            let head = header.encoded()
            // No page begins a file: an offset of zero means none, until the chunk is moved.
            if index == 0, dictionary != nil { chunk.dictionaryOffset = Int64(writer.count) }
            if index == (dictionary == nil ? 0 : 1) { chunk.dataOffset = Int64(writer.count) }
            writer.raw(head)
            writer.raw(body)
            chunk.expandedSize += Int64(head.count) + header.expandedSize
        }
        chunk.compressedSize = Int64(writer.count)
        return ParquetFile.Chunk(chunk: chunk, pages: writer.bytes)
    }

    private func header(
        _ kind: ParquetFormat.Page, _ encoding: ParquetFormat.Encoding, values: Int
    ) -> ParquetPageHeader {
        var header = ParquetPageHeader()
        header.kind = kind.rawValue
        header.encoding = encoding.rawValue
        header.valueCount = Int64(values)
        return header
    }

    /// All pages compressed; nil when that saves less than a twentieth.
    private static func compress(_ bodies: [[UInt8]]) -> [[UInt8]]? {
        var compressed: [[UInt8]] = []
        for body in bodies {
            guard let block = try? LZ4Block.compress(body.raw) else { return nil }
            compressed.append(block)
        }
        let (before, after) = (bodies.joined().count, compressed.joined().count)
        return after < before - before / 20 ? compressed : nil
    }

    private func pageRows() -> [Range<Int>] {
        var pages: [Range<Int>] = []
        var start = rows.lowerBound
        while start < rows.upperBound {
            var end = min(start + Self.rowsPerPage, rows.upperBound)
            if column.type == .string {
                while end - start > 8,
                    column.offsets[end] - column.offsets[start] > Self.textPerPage
                {
                    end = start + max(8, (end - start) / 2 / 8 * 8)
                }
            }
            pages.append(start..<end)
            start = end
        }
        return pages
    }

    /// The elements whose bit is set.
    private static func present<Element: BitwiseCopyable>(
        _ elements: borrowing Span<Element>, _ valid: Bitmap, count: Int
    ) -> [Element] {
        [Element](capacity: count) { (present: inout OutputSpan<Element>) in
            for index in elements.indices where valid[index] { present.append(elements[index]) }
        }
    }

    private func body(_ page: Range<Int>, _ dictionary: ParquetDictionaryBuilder?) -> [UInt8] {
        let column = column
        var writer = ByteWriter(capacity: page.count * 9 + 64)
        let valid = column.validity.extracting(page)
        let nulls = column.nullCount == 0 ? 0 : page.count - valid.ones
        if isOptional {
            var levels = ByteWriter()
            if nulls == 0 {
                RunLengthWriter.run(page.count, 1, 1, &levels)
            } else {
                RunLengthWriter.packed(valid, &levels)
            }
            writer.integer(UInt32(levels.count))
            writer.raw(levels.bytes)
        }
        if let dictionary {
            writer.integer(UInt8(dictionary.width))
            let first = page.lowerBound - rows.lowerBound
            let indices = dictionary.indices.span.extracting(first..<(first + page.count))
            if nulls == 0 {
                RunLengthWriter.write(indices, width: dictionary.width, to: &writer)
            } else {
                let present = Self.present(indices, valid, count: page.count - nulls)
                RunLengthWriter.write(present.span, width: dictionary.width, to: &writer)
            }
            return writer.bytes
        }
        switch column.type {
        case .bool:
            var bits = Bitmap(capacity: page.count)
            for row in page where nulls == 0 || column.validity[row] {
                bits.append(column.bits[row])
            }
            writer.raw(bits.bytes)
        case .int64, .float64, .timestamp:
            if nulls == 0 {
                writer.words(column.words.span.extracting(page))
            } else {
                let present = Self.present(
                    column.words.span.extracting(page), valid, count: page.count - nulls)
                writer.words(present.span)
            }
        case .string:
            for row in page where nulls == 0 || column.validity[row] {
                let text = column.utf8(row)
                writer.integer(UInt32(text.byteCount))
                writer.raw(text)
            }
        }
        return writer.bytes
    }
}
