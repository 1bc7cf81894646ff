import VarveBytes

extension ArrowStream {
    /// Whether the bytes begin like an Arrow stream.
    public static func isArrow(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 8
            && bytes.littleEndian(at: 0, as: UInt32.self) == ArrowFormat.continuation
    }

    /// Reads a whole stream into a table. Integers of all widths become int64, float32 becomes
    /// float64, large strings become strings, timestamps of all units become microseconds; nothing
    /// is rounded or wrapped. Bodies compressed with LZ4 are read.
    ///
    /// - Throws: `ArrowError` when the stream is malformed, ends without its end marker, or holds
    ///   columns that Varve has no type for; it names the column and the type.
    public static func decode(_ bytes: RawSpan) throws(ArrowError) -> Table {
        var messages = ArrowMessages(bytes)
        guard let first = try messages.next() else {
            throw .malformed(at: 0, reason: "an empty stream, expected a schema")
        }
        var builder = ArrowTableBuilder(try first.schema())
        while let message = try messages.next() { try builder.append(message) }
        guard messages.isAtEnd else {
            throw .malformed(at: messages.offset, reason: "bytes after the end of the stream")
        }
        return builder.table()
    }
}

extension ArrowFile {
    /// Whether the bytes begin like an Arrow file.
    public static func isArrow(_ bytes: RawSpan) -> Bool {
        let magic = ArrowFormat.magic
        return bytes.byteCount >= magic.count
            && bytes.extracting(0..<magic.count).equals(magic.raw)
    }

    /// Reads a whole file into a table; values as in `ArrowStream.decode`.
    ///
    /// - Throws: `ArrowError` when the file is malformed, or holds columns that Varve has no type
    ///   for; it names the column and the type.
    public static func decode(_ bytes: RawSpan) throws(ArrowError) -> Table {
        let magic = ArrowFormat.magic
        let footerEnd = bytes.byteCount - magic.count - 4
        guard footerEnd >= 8, bytes.extracting(0..<magic.count).equals(magic.raw),
            bytes.extracting((footerEnd + 4)..<bytes.byteCount).equals(magic.raw)
        else {
            throw .malformed(at: 0, reason: "no ARROW1 at both ends, expected a whole Arrow file")
        }
        let size = Int(bytes.littleEndian(at: footerEnd, as: Int32.self))
        guard size >= 0, size <= footerEnd - 8 else {
            throw .malformed(at: footerEnd, reason: "a footer of \(size) bytes, which do not fit")
        }
        let footerStart = footerEnd - size
        let footer = try FlatTableView(
            root: bytes.extracting(footerStart..<footerEnd), base: footerStart)
        if try footer.tableCount(2) > 0 {
            throw .unsupported("dictionary encoded columns, expected plain ones: cast to string")
        }
        var builder = ArrowTableBuilder(
            try ArrowSchema(reading: try footer.table(1, "schema")))
        let blocks = try footer.structs(3, width: 3)
        // Batches in file order that do not overlap: a small file cannot name one batch many times.
        var end = 8
        for index in stride(from: 0, to: blocks.count, by: 3) {
            guard blocks[index] >= end, blocks[index] < footerStart else {
                throw .malformed(
                    at: footerStart, reason: "a batch at byte \(blocks[index]), expected order")
            }
            var messages = ArrowMessages(bytes.extracting(0..<footerStart))
            messages.offset = Int(blocks[index])
            guard let message = try messages.next() else {
                throw .malformed(at: messages.offset, reason: "no record batch here")
            }
            try builder.append(message)
            end = messages.offset
        }
        return builder.table()
    }
}

/// Takes messages off a stream.
private struct ArrowMessages: ~Escapable {
    private let bytes: RawSpan
    /// Where the next message begins.
    var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.byteCount }

    /// The next message; nil at the end marker.
    @_lifetime(copy self)
    mutating func next() throws(ArrowError) -> ArrowMessage? {
        let start = offset
        guard bytes.byteCount - start >= 8 else {
            throw .malformed(at: start, reason: "the stream ends without its end marker")
        }
        guard bytes.littleEndian(at: start, as: UInt32.self) == ArrowFormat.continuation else {
            throw .malformed(at: start, reason: "no message here, expected 0xFFFFFFFF")
        }
        let size = Int(bytes.littleEndian(at: start + 4, as: Int32.self))
        offset = start + 8
        if size == 0 { return nil }
        guard size > 0, size <= bytes.byteCount - offset else {
            throw .malformed(at: start, reason: "metadata of \(size) bytes, which do not fit")
        }
        let metadata = try FlatTableView(
            root: bytes.extracting(offset..<(offset + size)), base: offset)
        offset += size
        let bodySize = try metadata.integer(3, default: Int64(0))
        guard bodySize >= 0, bodySize <= bytes.byteCount - offset else {
            throw .malformed(at: start, reason: "a body of \(bodySize) bytes, which do not fit")
        }
        let bodyStart = offset
        offset += Int(bodySize)
        return ArrowMessage(
            metadata: metadata, body: bytes.extracting(bodyStart..<offset), start: start,
            bodyStart: bodyStart)
    }
}

/// One message of a stream.
struct ArrowMessage: ~Escapable {
    let metadata: FlatTableView
    let body: RawSpan
    /// Where the message and its body begin in the stream.
    let start: Int
    let bodyStart: Int

    @_lifetime(copy metadata, copy body)
    init(metadata: FlatTableView, body: RawSpan, start: Int, bodyStart: Int) {
        self.metadata = metadata
        self.body = body
        self.start = start
        self.bodyStart = bodyStart
    }

    func schema() throws(ArrowError) -> ArrowSchema {
        guard try metadata.integer(1, default: UInt8(0)) == ArrowFormat.schemaHeader else {
            throw .malformed(at: start, reason: "the first message is no schema")
        }
        return try ArrowSchema(reading: try metadata.table(2, "schema"))
    }

    /// The header of a record batch.
    @_lifetime(copy self)
    func batch() throws(ArrowError) -> FlatTableView {
        switch try metadata.integer(1, default: UInt8(0)) {
        case ArrowFormat.batchHeader: return try metadata.table(2, "record batch")
        case ArrowFormat.dictionaryHeader:
            throw .unsupported("dictionary encoded columns, expected plain ones: cast to string")
        case let kind:
            throw .malformed(
                at: start, reason: "a message of kind \(kind), expected a record batch")
        }
    }
}
