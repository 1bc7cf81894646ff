import VarveBytes

/// Writes one column of one row group.
struct ParquetChunkWriter {
    let column: Column
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
        chunk.statistics = ParquetBounds.statistics(of: column, rows)
        let dictionary = ParquetDictionaryBuilder(column, rows)
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
