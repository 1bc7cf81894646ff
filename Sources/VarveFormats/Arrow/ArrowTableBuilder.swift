import VarveBytes

/// Collects record batches into the columns of one table.
struct ArrowTableBuilder {
    private let schema: ArrowSchema
    private var columns: [Column]

    init(_ schema: ArrowSchema) {
        self.schema = schema
        columns = schema.fields.map { Column(name: $0.name, type: $0.layout.columnType) }
    }

    consuming func table() -> Table { Table(columns: columns, metadata: schema.metadata) }

    /// Adds the rows of a record batch.
    mutating func append(_ message: borrowing ArrowMessage) throws(ArrowError) {
        let header = try message.batch()
        let rows = try header.integer(0, default: Int64(0))
        let nodes = try header.structs(1, width: 2)
        var buffers = try ArrowBuffers(
            header.structs(2, width: 2), body: message.body, base: message.bodyStart)
        let bufferCount = schema.fields.reduce(0) { $0 + $1.layout.bufferCount }
        guard rows >= 0, rows <= Int.max / 64, nodes.count == 2 * columns.count,
            buffers.ranges.count == bufferCount
        else {
            throw .malformed(
                at: message.start, reason: "a record batch that does not match the schema")
        }
        guard try header.has(3) else {
            return try append(rows: Int(rows), nodes, buffers, message.body)
        }
        let codec = try header.table(3, "compression").integer(0, default: Int8(0))
        guard codec == 0 else {
            throw .unsupported(
                "a body compressed with zstd, expected LZ4 or none: write it with "
                    + "compression=\"lz4\" or \"uncompressed\"")
        }
        let expanded = try buffers.expand(message.body)
        try append(rows: Int(rows), nodes, buffers, expanded.raw)
    }

    private mutating func append(
        rows: Int, _ nodes: [Int64], _ buffers: ArrowBuffers, _ body: RawSpan
    ) throws(ArrowError) {
        var next = 0
        for (index, field) in schema.fields.enumerated() {
            let parts = buffers.ranges[next..<(next + field.layout.bufferCount)]
            next += field.layout.bufferCount
            let cells = ArrowCells(
                name: field.name, rows: rows, base: buffers.base,
                validity: body.extracting(parts[parts.startIndex]),
                values: body.extracting(parts[parts.startIndex + 1]),
                text: body.extracting(parts[parts.endIndex - 1]))
            guard nodes[2 * index] == rows else {
                throw cells.malformed("\(nodes[2 * index]) rows, expected \(rows)")
            }
            guard nodes[2 * index + 1] == 0 || parts[parts.startIndex].count > 0 else {
                throw cells.malformed("nulls without a validity bitmap")
            }
            try cells.check(field.layout)
            try cells.append(to: &columns[index], field.layout)
        }
    }
}

/// Where the buffers of a record batch lie in its body.
struct ArrowBuffers {
    private(set) var ranges: [Range<Int>] = []
    /// Where the body begins in the stream, for messages.
    let base: Int

    /// Checks offsets and lengths. Buffers that share bytes are refused by their total, so that a
    /// small body cannot stand for many columns.
    init(_ words: [Int64], body: RawSpan, base: Int) throws(ArrowError) {
        self.base = base
        var total = 0
        for index in stride(from: 0, to: words.count, by: 2) {
            let (offset, size) = (words[index], words[index + 1])
            guard offset >= 0, size >= 0, size <= body.byteCount - total,
                offset <= Int64(body.byteCount) - size
            else {
                throw .malformed(
                    at: base, reason: "a buffer of \(size) bytes at \(offset), which does not fit")
            }
            total += Int(size)
            ranges.append(Int(offset)..<Int(offset + size))
        }
    }

    /// Decompresses every buffer, and returns the body that `ranges` then point into.
    ///
    ///     compressed buffer   Int64 bytes when expanded, -1 = not compressed | LZ4 frame
    mutating func expand(_ body: RawSpan) throws(ArrowError) -> [UInt8] {
        var expanded: [UInt8] = []
        var scratch: [UInt8] = []
        for (index, range) in ranges.enumerated() {
            let start = expanded.count
            if range.count > 0 {
                guard range.count >= 8 else {
                    throw .malformed(at: base, reason: "a compressed buffer without its size")
                }
                let size = body.littleEndian(at: range.lowerBound, as: Int64.self)
                let rest = body.extracting((range.lowerBound + 8)..<range.upperBound)
                let limit = ArrowFormat.expandedBodyLimit - start
                guard size <= Int64(limit), rest.byteCount <= limit else {
                    throw .unsupported(
                        "a record batch over \(ArrowFormat.expandedBodyLimit) bytes, "
                            + "expected smaller batches")
                }
                if size == -1 {
                    expanded.append(copying: rest)
                } else {
                    do {
                        try LZ4Frame.decompress(rest, into: &scratch, limit: max(0, Int(size)))
                    } catch {
                        throw .malformed(at: base + range.lowerBound, reason: "\(error)")
                    }
                    guard scratch.count == size else {
                        throw .malformed(
                            at: base + range.lowerBound,
                            reason: "\(scratch.count) bytes in a buffer, expected \(size)")
                    }
                    expanded += scratch
                }
            }
            ranges[index] = start..<expanded.count
        }
        return expanded
    }
}

/// The cells of one column in one record batch.
private struct ArrowCells: ~Escapable {
    let name: String
    let rows: Int
    /// Where the body begins in the stream, for messages.
    let base: Int
    let validity: RawSpan
    /// The values, or the offsets of texts.
    let values: RawSpan
    let text: RawSpan

    @_lifetime(copy validity, copy values, copy text)
    init(
        name: String, rows: Int, base: Int, validity: RawSpan, values: RawSpan, text: RawSpan
    ) {
        self.name = name
        self.rows = rows
        self.base = base
        self.validity = validity
        self.values = values
        self.text = text
    }

    func malformed(_ reason: String) -> ArrowError {
        .malformed(at: base, reason: "column \(name): \(reason)")
    }

    /// Whether the buffers are large enough for the rows.
    func check(_ layout: ArrowLayout) throws(ArrowError) {
        if rows == 0 { return }
        let needed =
            switch layout {
            case .bool: (rows + 7) / 8
            case .integer(let bits, _), .float(let bits): rows * (bits / 8)
            case .timestamp: rows * 8
            case .utf8(let isLarge): (rows + 1) * (isLarge ? 8 : 4)
            }
        guard values.byteCount >= needed else {
            throw malformed("\(values.byteCount) bytes for \(rows) rows, expected \(needed)")
        }
        guard validity.byteCount == 0 || validity.byteCount >= (rows + 7) / 8 else {
            throw malformed("a validity bitmap of \(validity.byteCount) bytes for \(rows) rows")
        }
    }

    private func isValid(_ row: Int) -> Bool {
        validity.byteCount == 0 || validity.byte(at: row >> 3) & (1 << UInt8(row & 7)) != 0
    }

    func append(to column: inout Column, _ layout: ArrowLayout) throws(ArrowError) {
        if case .utf8(let isLarge) = layout { return try appendTexts(to: &column, isLarge) }
        for row in 0..<rows {
            guard isValid(row) else {
                column.appendNull()
                continue
            }
            switch layout {
            case .bool:
                column.append(values.byte(at: row >> 3) & (1 << UInt8(row & 7)) != 0)
            case .integer(let bits, let isSigned):
                column.append(try integer(row, bits, isSigned))
            case .float(let bits):
                column.append(
                    bits == 64
                        ? Double(bitPattern: values.littleEndian(at: 8 * row))
                        : Double(Float(bitPattern: values.littleEndian(at: 4 * row))))
            case .timestamp(let unit):
                column.append(try timestamp(row, unit))
            case .utf8: preconditionFailure("texts are appended together")
            }
        }
    }

    private func integer(_ row: Int, _ bits: Int, _ isSigned: Bool) throws(ArrowError) -> Int64 {
        switch (bits, isSigned) {
        case (8, true): return Int64(values.littleEndian(at: row, as: Int8.self))
        case (8, false): return Int64(values.littleEndian(at: row, as: UInt8.self))
        case (16, true): return Int64(values.littleEndian(at: 2 * row, as: Int16.self))
        case (16, false): return Int64(values.littleEndian(at: 2 * row, as: UInt16.self))
        case (32, true): return Int64(values.littleEndian(at: 4 * row, as: Int32.self))
        case (32, false): return Int64(values.littleEndian(at: 4 * row, as: UInt32.self))
        case (_, true): return values.littleEndian(at: 8 * row, as: Int64.self)
        case (_, false):
            let value = values.littleEndian(at: 8 * row, as: UInt64.self)
            guard let exact = Int64(exactly: value) else {
                throw .unsupported("column \(name) holds \(value), expected at most \(Int64.max)")
            }
            return exact
        }
    }

    private func timestamp(_ row: Int, _ unit: ArrowTimeUnit) throws(ArrowError) -> Timestamp {
        let value = values.littleEndian(at: 8 * row, as: Int64.self)
        let (product, overflow) =
            switch unit {
            case .second: value.multipliedReportingOverflow(by: 1_000_000)
            case .millisecond: value.multipliedReportingOverflow(by: 1000)
            case .microsecond: (value, false)
            case .nanosecond: (value / 1000, value % 1000 != 0)
            }
        guard !overflow else {
            throw .unsupported(
                "column \(name) holds a time of \(value) \(unit)s, "
                    + "expected whole microseconds within 64 bits")
        }
        return Timestamp(microseconds: product)
    }

    /// Checks the text once as a whole; then each cut that does not fall inside a character gives
    /// valid text.
    private func appendTexts(to column: inout Column, _ isLarge: Bool) throws(ArrowError) {
        if rows == 0 { return }
        var start = try offset(0, isLarge)
        let end = try offset(rows, isLarge)
        guard start <= end, text.extracting(start..<end).text() != nil else {
            throw malformed("texts that are not UTF-8")
        }
        for row in 0..<rows {
            let next = try offset(row + 1, isLarge)
            guard start <= next, next <= end, next == end || text.byte(at: next) & 0xC0 != 0x80
            else { throw malformed("the text of row \(row) is cut inside a character") }
            if isValid(row) {
                column.append(utf8: text.extracting(start..<next))
            } else {
                column.appendNull()
            }
            start = next
        }
    }

    private func offset(_ index: Int, _ isLarge: Bool) throws(ArrowError) -> Int {
        let value =
            isLarge
            ? values.littleEndian(at: 8 * index, as: Int64.self)
            : Int64(values.littleEndian(at: 4 * index, as: Int32.self))
        guard value >= 0, value <= Int64(text.byteCount) else {
            throw malformed("a text ends at byte \(value) of \(text.byteCount)")
        }
        return Int(value)
    }
}
