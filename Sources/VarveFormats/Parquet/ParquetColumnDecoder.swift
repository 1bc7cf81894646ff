import VarveBytes

/// Collects the pages of one column, row group by row group.
struct ParquetColumnDecoder {
    let leaf: ParquetLeaf
    private(set) var column: Column
    /// Bytes of text that may still come.
    private let limit: Int
    private static let reservedRowsMax = 1 << 21
    private var dictionary: ParquetDictionary?
    // Reused from page to page.
    private var expanded: [UInt8] = []
    var words: [UInt64] = []
    private var indices: [UInt32] = []
    private var texts = ParquetTexts()

    init(_ leaf: ParquetLeaf, rows: Int, limit: Int) {
        self.leaf = leaf
        self.limit = limit
        // A file may claim more rows than it has: that much is reserved at most.
        column = Column(
            name: leaf.name, type: leaf.columnType, capacity: min(rows, Self.reservedRowsMax))
    }

    /// Reads the pages of one row group.
    mutating func append(
        _ chunk: ParquetChunk, _ file: RawSpan, rows: Int
    ) throws(ParquetError) {
        var start = chunk.dataOffset
        if let offset = chunk.dictionaryOffset, offset > 0 { start = min(start, offset) }
        guard !chunk.isElsewhere else {
            throw .unsupported("column \(leaf.name) lies in another file, expected one file")
        }
        guard start >= 4, chunk.compressedSize >= 0, chunk.compressedSize <= file.byteCount,
            start <= Int64(file.byteCount) - chunk.compressedSize
        else {
            throw .malformed(
                at: Int(clamping: start), reason: "column \(leaf.name): pages outside the file")
        }
        guard chunk.valueCount == rows else {
            throw .malformed(
                at: Int(start),
                reason: "column \(leaf.name): \(chunk.valueCount) values for \(rows) rows")
        }
        dictionary = nil
        let base = Int(start)
        let pages = file.extracting(base..<(base + Int(chunk.compressedSize)))
        let end = column.count + rows
        var offset = 0
        while column.count < end {
            let page = pages.extracting(offset..<pages.byteCount)
            do {
                offset += try read(page, chunk, rows: end - column.count)
            } catch let error as ByteError {
                throw .malformed(at: base + offset, reason: "column \(leaf.name): \(error)")
            } catch let error as ParquetError {
                throw error
            } catch {
                throw .malformed(at: base + offset, reason: "column \(leaf.name): \(error)")
            }
        }
    }

    /// Reads one page; returns its bytes.
    private mutating func read(
        _ bytes: RawSpan, _ chunk: ParquetChunk, rows: Int
    ) throws -> Int {
        var reader = ThriftReader(bytes)
        let header = try ParquetPageHeader(reading: &reader)
        let start = reader.offset
        guard header.compressedSize >= 0, header.compressedSize <= bytes.byteCount - start,
            header.expandedSize >= 0, header.valueCount >= 0
        else {
            throw ByteError.lengthOutOfRange(
                at: start, value: header.compressedSize, limit: bytes.byteCount - start)
        }
        let end = start + Int(header.compressedSize)
        let body = bytes.extracting(start..<end)
        switch ParquetFormat.Page(rawValue: header.kind) {
        case .dictionary:
            guard dictionary == nil else { throw refused("a second dictionary") }
            try with(body, header, chunk) { try $0.readDictionary(header, expanded: $1) }
        case .data, .dataV2:
            guard header.valueCount <= rows else {
                throw ByteError.lengthOutOfRange(at: start, value: header.valueCount, limit: rows)
            }
            if header.kind == ParquetFormat.Page.data.rawValue {
                try with(body, header, chunk) { try $0.readData(header, expanded: $1) }
            } else {
                try readDataV2(header, body, chunk)
            }
        case .index: break
        case nil: throw refused("a page of kind \(header.kind)")
        }
        return end
    }

    private func refused(_ what: String) -> ParquetError {
        .unsupported("column \(leaf.name) has \(what), which Varve does not read")
    }

    /// Decompresses into `expanded`.
    private mutating func expand(
        _ body: RawSpan, size: Int64, _ chunk: ParquetChunk, isCompressed: Bool = true
    ) throws {
        let most = isCompressed ? Int64(body.byteCount) * 256 + 64 : Int64(body.byteCount)
        guard size >= 0, size <= min(most, Int64(Int32.max)) else {
            throw ByteError.lengthOutOfRange(at: 0, value: size, limit: Int(most))
        }
        let number = isCompressed ? chunk.codec : ParquetFormat.Codec.none.rawValue
        let codec = ParquetFormat.Codec(rawValue: number)
        switch codec {
        case .some(.none):
            guard size == body.byteCount else {
                throw ByteError.lengthOutOfRange(at: 0, value: size, limit: body.byteCount)
            }
            expanded.removeAll(keepingCapacity: true)
            expanded.append(copying: body)
        case .lz4: try LZ4Block.decompress(body, into: &expanded, size: Int(size))
        case .snappy:
            try SnappyBlock.decompress(body, into: &expanded, limit: Int(size))
            guard expanded.count == size else {
                throw ByteError.lengthOutOfRange(
                    at: 0, value: size, limit: expanded.count)
            }
        case .zstd: throw codecRefused("zstd")
        case .gzip: throw codecRefused("gzip")
        case .brotli: throw codecRefused("brotli")
        case .lz4Hadoop: throw codecRefused("Hadoop's old LZ4 framing")
        default: throw codecRefused("codec \(chunk.codec)")
        }
    }

    private func codecRefused(_ name: String) -> ParquetError {
        .unsupported(
            "column \(leaf.name) is compressed with \(name), expected snappy, LZ4_RAW or none: "
                + "write it with compression=\"lz4\" (pandas, pyarrow, Polars) or "
                + "COMPRESSION lz4_raw (DuckDB)")
    }
}

extension ParquetColumnDecoder {
    private mutating func readDictionary(
        _ header: ParquetPageHeader, expanded page: RawSpan
    ) throws {
        // Every entry but a boolean has at least four bytes.
        let count = Int(header.valueCount)
        guard count <= page.byteCount else {
            throw ByteError.lengthOutOfRange(
                at: 0, value: Int64(count), limit: page.byteCount)
        }
        var found = ParquetDictionary()
        var reader = ByteReader(page)
        if leaf.kind == .text {
            for _ in 0..<count { found.texts.append(try reader.lengthPrefixed()) }
            guard found.texts.areUTF8 else { throw refused("texts that are not UTF-8") }
        } else {
            try readPlain(&reader, count, into: &found.words)
        }
        found.count = count
        dictionary = found
    }

    /// Reads a page's content, which lies in the file as it is or is decompressed first.
    private mutating func with(
        _ body: RawSpan, _ header: ParquetPageHeader, _ chunk: ParquetChunk,
        _ read: (inout ParquetColumnDecoder, RawSpan) throws -> Void
    ) throws {
        if chunk.codec == ParquetFormat.Codec.none.rawValue {
            guard header.expandedSize == body.byteCount else {
                throw ByteError.lengthOutOfRange(
                    at: 0, value: header.expandedSize, limit: body.byteCount)
            }
            return try read(&self, body)
        }
        try expand(body, size: header.expandedSize, chunk)
        let page = expanded
        expanded = []
        defer { expanded = page }
        try read(&self, page.raw)
    }

    private mutating func readData(_ header: ParquetPageHeader, expanded page: RawSpan) throws {
        var reader = ByteReader(page)
        var valid = Bitmap()
        let rows = Int(header.valueCount)
        if leaf.isOptional {
            guard header.definitionEncoding == ParquetFormat.Encoding.runLength.rawValue else {
                throw refused("levels in encoding \(header.definitionEncoding)")
            }
            let size = try reader.checked(
                Int64(try reader.integer(UInt32.self)), atMost: reader.remaining)
            var levels = RunLengthReader(try reader.take(size), width: 1)
            try levels.bits(rows, into: &valid)
        } else {
            valid.append(repeating: true, count: rows)
        }
        try append(header, &reader, valid)
    }

    private mutating func readDataV2(
        _ header: ParquetPageHeader, _ body: RawSpan, _ chunk: ParquetChunk
    ) throws {
        var reader = ByteReader(body)
        guard header.repetitionSize == 0 else { throw refused("repetition levels") }
        let levelSize = try reader.checked(header.definitionSize, atMost: reader.remaining)
        var valid = Bitmap()
        let rows = Int(header.valueCount)
        let levelBytes = try reader.take(levelSize)
        if leaf.isOptional {
            var levels = RunLengthReader(levelBytes, width: 1)
            try levels.bits(rows, into: &valid)
        } else {
            valid.append(repeating: true, count: rows)
        }
        let rest = body.extracting(levelSize..<body.byteCount)
        if rest.byteCount == 0, header.expandedSize == header.definitionSize {
            expanded.removeAll(keepingCapacity: true)
        } else {
            try expand(
                rest, size: header.expandedSize - Int64(levelSize), chunk,
                isCompressed: header.isCompressed)
        }
        let page = expanded
        expanded = []
        defer { expanded = page }
        var values = ByteReader(page.raw)
        try append(header, &values, valid)
    }

    /// Reads as many values as `valid` has bits set, and adds the rows.
    private mutating func append(
        _ header: ParquetPageHeader, _ reader: inout ByteReader, _ valid: Bitmap
    ) throws {
        let count = valid.ones
        words.removeAll(keepingCapacity: true)
        texts.removeAll()
        switch (ParquetFormat.Encoding(rawValue: header.encoding), leaf.kind) {
        case (.dictionary, _), (.plainDictionary, _):
            return try appendDictionary(&reader, valid, count)
        case (.plain, .bool):
            var bits = Bitmap()
            bits.append(packed: try reader.take((count + 7) / 8), count: count)
            return column.append(bits: bits, valid: valid)
        case (.runLength, .bool):
            let size = try reader.checked(
                Int64(try reader.integer(UInt32.self)), atMost: reader.remaining)
            var runs = RunLengthReader(try reader.take(size), width: 1)
            var bits = Bitmap()
            try runs.bits(count, into: &bits)
            return column.append(bits: bits, valid: valid)
        case (.plain, .text):
            for _ in 0..<count { texts.append(try reader.lengthPrefixed()) }
        case (.plain, _) where count == valid.count:
            // Straight to where they stay.
            var words = column.takeWords()
            try readPlain(&reader, count, into: &words)
            return column.put(words: words, valid)
        case (.plain, _): try readPlain(&reader, count, into: &words)
        case (.deltaBinaryPacked, .integer32), (.deltaBinaryPacked, .integer64),
            (.deltaBinaryPacked, .time), (.deltaBinaryPacked, .date):
            guard count == valid.count else {
                try DeltaEncoding.integers(&reader, atMost: count, into: &words)
                try convert(&words, from: 0)
                break
            }
            // As above.
            var words = column.takeWords()
            let start = words.count
            try DeltaEncoding.integers(&reader, atMost: count, into: &words)
            try convert(&words, from: start)
            try checkCount(words.count - start, count)
            return column.put(words: words, valid)
        case (.deltaLengthBytes, .text):
            try DeltaEncoding.lengthTexts(&reader, atMost: count, into: &texts)
        case (.deltaBytes, .text):
            try DeltaEncoding.texts(
                &reader, atMost: count, byteLimit: limit - column.bytes.count, into: &texts)
        case (.byteStreamSplit, .float32), (.byteStreamSplit, .float64),
            (.byteStreamSplit, .integer32), (.byteStreamSplit, .integer64),
            (.byteStreamSplit, .time), (.byteStreamSplit, .date):
            try readSplit(&reader, count)
        default: throw refused("values in encoding \(header.encoding)")
        }
        if leaf.kind == .text {
            try checkCount(texts.count, count)
            guard texts.areUTF8 else { throw refused("texts that are not UTF-8") }
            try checkText(texts.bytes.count)
            column.append(texts: texts, valid: valid)
        } else {
            try checkCount(words.count, count)
            column.append(words: words, valid: valid)
        }
    }

    private func checkCount(_ found: Int, _ expected: Int) throws {
        guard found == expected else {
            throw ByteError.lengthOutOfRange(at: 0, value: Int64(found), limit: expected)
        }
    }

    private func checkText(_ more: Int) throws {
        guard more <= limit - column.bytes.count else {
            throw refused("more than \(limit) bytes of text")
        }
    }

    private mutating func appendDictionary(
        _ reader: inout ByteReader, _ valid: Bitmap, _ count: Int
    ) throws {
        guard let dictionary else { throw refused("indices without a dictionary") }
        indices.removeAll(keepingCapacity: true)
        if count > 0 {
            let width = try reader.checked(Int64(try reader.integer(UInt8.self)), atMost: 32)
            var runs = RunLengthReader(try reader.take(reader.remaining), width: width)
            if count == valid.count, leaf.kind != .text, leaf.kind != .bool {
                // Straight to where they stay.
                var words = column.takeWords()
                try runs.words(count, of: dictionary.words, into: &words)
                return column.put(words: words, valid)
            }
            try runs.values(count, below: dictionary.count, into: &indices)
        }
        if leaf.kind == .text {
            var size = 0
            for index in indices { size += dictionary.texts.size(of: Int(index)) }
            try checkText(size)
            return column.append(texts: indices, of: dictionary.texts, valid: valid)
        }
        if leaf.kind == .bool {
            var bits = Bitmap()
            for index in indices { bits.append(dictionary.words[Int(index)] != 0) }
            return column.append(bits: bits, valid: valid)
        }
        words.reserveCapacity(indices.count)
        for index in indices { words.append(dictionary.words[Int(index)]) }
        column.append(words: words, valid: valid)
    }
}

/// The distinct values of a column in a row group.
private struct ParquetDictionary {
    var words: [UInt64] = []
    var texts = ParquetTexts()
    var count = 0
}

extension ParquetTexts {
    fileprivate func size(of index: Int) -> Int { ends[index + 1] - ends[index] }
}

extension ByteReader {
    /// The next bytes after their length in 32 bits.
    @_lifetime(copy self)
    fileprivate mutating func lengthPrefixed() throws(ByteError) -> RawSpan {
        let length = try integer(UInt32.self)
        return try take(try checked(Int64(length), atMost: remaining))
    }
}
