public import VarveBytes

/// The Arrow IPC stream format: a schema, record batches, an end marker.
///
///     message   0xFFFFFFFF | Int32 metadata bytes | metadata, FlatBuffers, padded to 8 | body
///     stream    schema message | record batch message ... | 0xFFFFFFFF 0x00000000
///     body      for each column: validity (absent without nulls), [offsets,] values; each padded
///               to 8 bytes
///
/// The same table gives the same bytes on every machine. Source: arrow.apache.org, "Arrow Columnar
/// Format", section "Serialization and Interprocess Communication", metadata version V5.
public enum ArrowStream {
    /// Rows in a record batch unless said otherwise.
    public static let rowsPerBatch = 65_536

    /// A table as a whole stream.
    public static func encode(
        _ table: Table, rowsPerBatch: Int = ArrowStream.rowsPerBatch
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: table.estimatedSize)
        encode(table, rowsPerBatch: rowsPerBatch) { writer.raw($0) }
        return writer.bytes
    }

    /// A table as a whole stream, handed over in pieces: the schema, each batch, the end.
    public static func encode(
        _ table: Table, rowsPerBatch: Int = ArrowStream.rowsPerBatch,
        _ take: ([UInt8]) throws -> Void
    ) rethrows {
        try take(ByteWriter.written { writeSchema(of: table, to: &$0) })
        try table.batches(of: rowsPerBatch) { rows in
            try take(ByteWriter.written { _ = $0.batch(table, rows) })
        }
        try take(ByteWriter.written { writeEnd(to: &$0) })
    }

    /// Begins a stream with the names, types and metadata of a table; its rows do not matter.
    public static func writeSchema(of table: Table, to writer: inout ByteWriter) {
        table.checkInvariants()
        writer.message(ArrowFormat.schemaHeader, .schema(table), body: [])
    }

    /// Writes all rows of a table that has the columns of the schema.
    public static func writeBatches(
        of table: Table, rowsPerBatch: Int = ArrowStream.rowsPerBatch, to writer: inout ByteWriter
    ) {
        table.batches(of: rowsPerBatch) { _ = writer.batch(table, $0) }
    }

    /// Ends a stream.
    public static func writeEnd(to writer: inout ByteWriter) {
        writer.integer(ArrowFormat.continuation)
        writer.integer(UInt32(0))
    }
}

/// The Arrow IPC file format ("Feather V2"): a stream between magic bytes, with a footer that lists
/// its record batches.
///
///     "ARROW1" 0 0 | stream | footer, FlatBuffers | Int32 footer bytes | "ARROW1"
public enum ArrowFile {
    /// A table as a whole file.
    public static func encode(
        _ table: Table, rowsPerBatch: Int = ArrowStream.rowsPerBatch
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: table.estimatedSize)
        encode(table, rowsPerBatch: rowsPerBatch) { writer.raw($0) }
        return writer.bytes
    }

    /// The same, handed over in pieces.
    public static func encode(
        _ table: Table, rowsPerBatch: Int = ArrowStream.rowsPerBatch,
        _ take: ([UInt8]) throws -> Void
    ) rethrows {
        let start = ByteWriter.written { writer in
            writer.raw(ArrowFormat.magic)
            writer.zeros(2)
            ArrowStream.writeSchema(of: table, to: &writer)
        }
        try take(start)
        var offset = Int64(start.count)
        var blocks: [Int64] = []
        try table.batches(of: rowsPerBatch) { rows in
            var writer = ByteWriter()
            let (metadataSize, bodySize) = writer.batch(table, rows)
            blocks += [offset, Int64(metadataSize), Int64(bodySize)]
            offset += Int64(writer.count)
            try take(writer.bytes)
        }
        try take(
            ByteWriter.written { writer in
                ArrowStream.writeEnd(to: &writer)
                writer.footer(of: table, blocks: blocks)
            })
    }
}

extension Table {
    /// Roughly the bytes of its encoding.
    fileprivate var estimatedSize: Int {
        columns.reduce(4096) { $0 + $1.words.count * 9 + $1.offsets.count * 5 + $1.bytes.count }
    }
}

extension ByteWriter {
    /// Writes one message: its metadata and body.
    /// - Returns: bytes of the message before its body.
    @discardableResult
    fileprivate mutating func message(
        _ kind: UInt8, _ header: FlatTable, body: [UInt8]
    ) -> Int {
        let metadata = FlatTable([
            (3, .int64(Int64(body.count))), (2, .table(header)),
            (0, .int16(ArrowFormat.version)), (1, .uint8(kind)),
        ]).encoded()
        integer(ArrowFormat.continuation)
        integer(Int32(metadata.count))
        raw(metadata)
        raw(body)
        return 8 + metadata.count
    }

    /// Writes some rows as one batch.
    /// - Returns: bytes before its body, and of its body.
    fileprivate mutating func batch(_ table: Table, _ rows: Range<Int>) -> (Int, Int) {
        let (header, body) = table.batch(rows)
        return (message(ArrowFormat.batchHeader, header, body: body), body.count)
    }

    /// Writes a file's footer, and what follows it.
    fileprivate mutating func footer(of table: Table, blocks: [Int64]) {
        let footer = FlatTable([
            (0, .int16(ArrowFormat.version)), (1, .table(.schema(table))),
            (2, .structs([], width: 3)), (3, .structs(blocks, width: 3)),
        ]).encoded()
        raw(footer)
        integer(Int32(footer.count))
        raw(ArrowFormat.magic)
    }

    fileprivate static func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        body(&writer)
        return writer.bytes
    }
}

extension Table {
    /// The rows of each batch, in order.
    fileprivate func batches(
        of rowsPerBatch: Int, _ body: (Range<Int>) throws -> Void
    ) rethrows {
        precondition(rowsPerBatch > 0, "\(rowsPerBatch) rows in a batch, expected at least 1")
        checkInvariants()
        var start = 0
        while start < rowCount {
            var end = min(start + rowsPerBatch, rowCount)
            // Offsets into text have 31 bits.
            while end - start > 1, textSize(start..<end) > ArrowFormat.batchTextLimit {
                end = start + (end - start) / 2
            }
            try body(start..<end)
            start = end
        }
    }

    /// The most bytes of text that a column has in the rows.
    fileprivate func textSize(_ rows: Range<Int>) -> Int {
        columns.reduce(0) { size, column in
            column.type == .string
                ? max(size, column.offsets[rows.upperBound] - column.offsets[rows.lowerBound])
                : size
        }
    }

    /// The rows as a record batch.
    fileprivate func batch(_ rows: Range<Int>) -> (header: FlatTable, body: [UInt8]) {
        var body = ArrowBody()
        for column in columns { body.append(column, rows) }
        let header = FlatTable([
            (0, .int64(Int64(rows.count))), (1, .structs(body.nodes, width: 2)),
            (2, .structs(body.buffers, width: 2)),
        ])
        return (header, body.writer.bytes)
    }
}

/// The body of a record batch while it is written.
private struct ArrowBody {
    var writer = ByteWriter()
    /// Rows and nulls of each column.
    var nodes: [Int64] = []
    /// Offset and bytes of each buffer.
    var buffers: [Int64] = []

    mutating func append(_ column: Column, _ rows: Range<Int>) {
        let validity = column.validity.extracting(rows)
        let nulls = column.nullCount == 0 ? 0 : column.validity.zeros(in: rows)
        nodes += [Int64(rows.count), Int64(nulls)]
        buffer { if nulls > 0 { $0.raw(validity.bytes) } }
        switch column.type {
        case .bool: buffer { $0.raw(column.bits.extracting(rows).bytes) }
        case .int64, .float64, .timestamp:
            buffer { $0.words(column.words.span.extracting(rows)) }
        case .string:
            let first = column.offsets[rows.lowerBound]
            let last = column.offsets[rows.upperBound]
            precondition(last - first <= Int32.max, "column \(column.name): a text over 2 GiB")
            buffer {
                for row in rows.lowerBound...rows.upperBound {
                    $0.integer(Int32(column.offsets[row] - first))
                }
            }
            buffer { $0.raw(column.bytes.raw.extracting(first..<last)) }
        }
    }

    private mutating func buffer(_ write: (inout ByteWriter) -> Void) {
        let offset = writer.count
        write(&writer)
        buffers += [Int64(offset), Int64(writer.count - offset)]
        writer.pad(to: 8)
    }
}
