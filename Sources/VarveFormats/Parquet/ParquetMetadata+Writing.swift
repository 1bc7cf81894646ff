import VarveBytes

extension ParquetMetadata {
    /// The footer's bytes.
    func encoded() -> [UInt8] {
        var writer = ThriftWriter()
        writer.element { writer in
            writer.int32(1, 2)
            writer.structures(2, schema) { $1.write(to: &$0) }
            writer.int64(3, rowCount)
            writer.structures(4, rowGroups) { $1.write(to: &$0) }
            if !pairs.isEmpty {
                writer.structures(5, pairs) { writer, pair in
                    writer.text(1, pair.key)
                    writer.text(2, pair.value)
                }
            }
            writer.text(6, createdBy)
            // Bounds in statistics follow the order of each column's type.
            writer.structures(7, Array(schema.dropFirst())) { writer, _ in
                writer.structure(1) { _ in }
            }
        }
        return writer.bytes
    }
}

extension ParquetSchemaElement {
    func write(to writer: inout ThriftWriter) {
        if let physical {
            writer.int32(1, physical.rawValue)
            writer.int32(3, repetition)
        }
        writer.text(4, name)
        if physical == nil { writer.int32(5, childCount) }
        if let converted { writer.int32(6, converted) }
        if let logical { writer.structure(10) { logical.write(to: &$0) } }
    }
}

extension ParquetLogical {
    func write(to writer: inout ThriftWriter) {
        switch self {
        case .string: writer.structure(1) { _ in }
        case .enumeration: writer.structure(4) { _ in }
        case .date: writer.structure(6) { _ in }
        case .timestamp(let isUTC, let unitsPerSecond):
            writer.structure(8) { writer in
                writer.bool(1, isUTC)
                let unit: Int64 =
                    switch unitsPerSecond {
                    case 1000: 1
                    case 1_000_000: 2
                    default: 3
                    }
                writer.structure(2) { $0.structure(unit) { _ in } }
            }
        case .integer(let bits, let isSigned):
            writer.structure(10) { writer in
                writer.int8(1, Int8(bits))
                writer.bool(2, isSigned)
            }
        case .json: writer.structure(12) { _ in }
        case .other(let id): writer.structure(id) { _ in }
        }
    }
}

extension ParquetRowGroup {
    func write(to writer: inout ThriftWriter) {
        writer.structures(1, columns) { writer, chunk in
            writer.int64(2, chunk.dictionaryOffset ?? chunk.dataOffset)
            writer.structure(3) { chunk.write(to: &$0) }
        }
        writer.int64(2, totalSize)
        writer.int64(3, rowCount)
    }
}

extension ParquetChunk {
    func write(to writer: inout ThriftWriter) {
        writer.int32(1, physical?.rawValue ?? 0)
        writer.int32s(2, encodings)
        writer.texts(3, path)
        writer.int32(4, codec)
        writer.int64(5, valueCount)
        writer.int64(6, expandedSize)
        writer.int64(7, compressedSize)
        writer.int64(9, dataOffset)
        if let dictionaryOffset { writer.int64(11, dictionaryOffset) }
        writer.structure(12) { writer in
            if let count = statistics.nullCount { writer.int64(3, count) }
            if let maximum = statistics.maximum { writer.binary(5, maximum) }
            if let minimum = statistics.minimum { writer.binary(6, minimum) }
        }
    }
}

extension ParquetPageHeader {
    func encoded() -> [UInt8] {
        var writer = ThriftWriter()
        writer.element { writer in
            writer.int32(1, kind)
            writer.int32(2, expandedSize)
            writer.int32(3, compressedSize)
            writer.structure(kind == ParquetFormat.Page.dictionary.rawValue ? 7 : 5) { writer in
                writer.int32(1, valueCount)
                writer.int32(2, encoding)
                if kind == ParquetFormat.Page.data.rawValue {
                    writer.int32(3, ParquetFormat.Encoding.runLength.rawValue)
                    writer.int32(4, ParquetFormat.Encoding.runLength.rawValue)
                }
            }
        }
        return writer.bytes
    }
}
