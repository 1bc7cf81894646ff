import VarveBytes

/// Writes one column of one row group.
struct ParquetChunkWriter {
    let column: Column
    let numbering: ColumnNumbering?
    let rows: Range<Int>
    let isOptional: Bool
    /// Rows in a page; a multiple of 8, so that pages begin whole bytes of validity.
    private static let rowsPerPage = 20_480
    /// Bytes of text in a page, about; a single longer text has a page of its own.
    private static let textPerPage = 1 << 20

    /// The pages, compressed if that makes them smaller, as if the file began with them.
    func encoded(_ options: ParquetFile.Options) -> ParquetFile.Chunk {
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
        let rowsOfPages = pageRows()
        let encoding: ParquetFormat.Encoding =
            dictionary != nil
            ? .dictionary
            : options.usesDifferences && areClose(rowsOfPages) ? .deltaBinaryPacked : .plain
        for page in rowsOfPages {
            pages.append(
                (header(.data, encoding, values: page.count), body(page, encoding, dictionary)))
        }
        let encodings: [ParquetFormat.Encoding] =
            switch encoding {
            case .dictionary: [.plain, .runLength, .dictionary]
            default: [encoding, .runLength]
            }
        chunk.encodings = encodings.map { Int($0.rawValue) }
        // Bits of differences lie across bytes: what repeats in them is not found.
        let compressed =
            encoding == .deltaBinaryPacked
            ? nil : Self.compress(pages.map(\.body), options.compression)
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

    /// All pages compressed; nil when that saves too little.
    private static func compress(
        _ bodies: [[UInt8]], _ compression: ParquetFile.Options.Compression
    ) -> [[UInt8]]? {
        if compression == .none { return nil }
        let before = bodies.joined().count
        let limit = before - before / compression.leastSaving
        var (compressed, after): ([[UInt8]], Int) = ([], 0)
        for body in bodies {
            guard after < limit, let block = try? LZ4Block.compress(body.raw) else { return nil }
            after += block.count
            compressed.append(block)
        }
        return after < limit ? compressed : nil
    }

    /// Whether integers take a fourth less as differences.
    private func areClose(_ pages: [Range<Int>]) -> Bool {
        guard column.physical == .int64 else { return false }
        var (plain, packed) = (0, 0)
        for page in pages {
            withPresent(column.words.span.extracting(page), of: page) { words in
                plain += 8 * words.count
                packed += DeltaEncoding.size(of: words)
            }
        }
        return packed <= plain / 4 * 3
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

    /// Hands over a page's elements but those of nulls.
    private func withPresent<Element: BitwiseCopyable>(
        _ elements: borrowing Span<Element>, of page: Range<Int>,
        _ body: (borrowing Span<Element>) -> Void
    ) {
        let valid = column.nullCount == 0 ? nil : column.validity.extracting(page)
        guard let valid, valid.ones < page.count else { return body(elements) }
        let present = [Element](capacity: valid.ones) { (present: inout OutputSpan<Element>) in
            for index in elements.indices where valid[index] { present.append(elements[index]) }
        }
        body(present.span)
    }

    private func body(
        _ page: Range<Int>, _ encoding: ParquetFormat.Encoding,
        _ dictionary: ParquetDictionaryBuilder?
    ) -> [UInt8] {
        let column = column
        var writer = ByteWriter(capacity: page.count * 9 + 64)
        let hasNulls = column.nullCount > 0 && column.validity.zeros(in: page) > 0
        if isOptional { writeLevels(of: page, hasNulls: hasNulls, to: &writer) }
        if let dictionary {
            writer.integer(UInt8(dictionary.width))
            let first = page.lowerBound - rows.lowerBound
            let indices = dictionary.indices.span.extracting(first..<(first + page.count))
            withPresent(indices, of: page) {
                RunLengthWriter.write($0, width: dictionary.width, to: &writer)
            }
            return writer.bytes
        }
        switch column.type {
        case .bool:
            var bits = Bitmap(capacity: page.count)
            for row in page where !hasNulls || column.validity[row] {
                bits.append(column.bits[row])
            }
            writer.raw(bits.bytes)
        case .int64, .float64, .timestamp:
            withPresent(column.words.span.extracting(page), of: page) {
                if encoding == .deltaBinaryPacked {
                    DeltaEncoding.write($0, to: &writer)
                } else {
                    writer.words($0)
                }
            }
        case .string:
            for row in page where !hasNulls || column.validity[row] {
                let text = column.utf8(row)
                writer.integer(UInt32(text.byteCount))
                writer.raw(text)
            }
        }
        return writer.bytes
    }

    /// Which rows are no nulls, after how many bytes that takes.
    private func writeLevels(of page: Range<Int>, hasNulls: Bool, to writer: inout ByteWriter) {
        var levels = ByteWriter()
        if hasNulls {
            RunLengthWriter.packed(column.validity.extracting(page), &levels)
        } else {
            RunLengthWriter.run(page.count, 1, 1, &levels)
        }
        writer.integer(UInt32(levels.count))
        writer.raw(levels.bytes)
    }
}
