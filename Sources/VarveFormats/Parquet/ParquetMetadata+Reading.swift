import VarveBytes

extension ThriftReader {
    /// Reads a list of structs, one call of `read` for each.
    mutating func structures<Element>(
        _ read: (inout ThriftReader) throws(ByteError) -> Element
    ) throws(ByteError) -> [Element] {
        let (count, type) = try list()
        guard count == 0 || type == .structure else {
            throw .lengthOutOfRange(at: offset, value: Int64(type.rawValue), limit: 12)
        }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }
}

extension ParquetMetadata {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (2, .list):
                schema = try reader.structures { reader throws(ByteError) in
                    try ParquetSchemaElement(reading: &reader)
                }
            case (3, .int64): rowCount = try reader.integer()
            case (4, .list):
                rowGroups = try reader.structures { reader throws(ByteError) in
                    try ParquetRowGroup(reading: &reader)
                }
            case (5, .list):
                pairs = try reader.structures { reader throws(ByteError) in
                    try Self.pair(&reader)
                }
            case (6, .binary): createdBy = try reader.text()
            case (8, _):
                isEncrypted = true
                try reader.skip(field.type)
            default: try reader.skip(field.type)
            }
        }
    }

    private static func pair(
        _ reader: inout ThriftReader
    ) throws(ByteError) -> (key: String, value: String) {
        var (key, value) = ("", "")
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .binary): key = try reader.text()
            case (2, .binary): value = try reader.text()
            default: try reader.skip(field.type)
            }
        }
        return (key, value)
    }
}

extension ParquetSchemaElement {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int32):
                let type = try reader.integer()
                guard let known = ParquetFormat.Physical(rawValue: type) else {
                    throw .lengthOutOfRange(at: reader.offset, value: type, limit: 7)
                }
                physical = known
            case (3, .int32): repetition = try reader.integer()
            case (4, .binary): name = try reader.text()
            case (5, .int32):
                let count = try reader.integer()
                childCount = Int64(try reader.checked(count, atMost: Int(Int32.max)))
            case (6, .int32): converted = try reader.integer()
            case (10, .structure): logical = try ParquetLogical.read(&reader)
            default: try reader.skip(field.type)
            }
        }
    }
}

extension ParquetLogical {
    /// Reads the union; nil when it is empty.
    static func read(_ reader: inout ThriftReader) throws(ByteError) -> ParquetLogical? {
        var found: ParquetLogical?
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (8, .structure): found = try timestamp(&reader)
            case (10, .structure): found = try integer(&reader)
            default:
                try reader.skip(field.type)
                switch field.id {
                case 1: found = .string
                case 4: found = .enumeration
                case 6: found = .date
                case 12: found = .json
                default: found = .other(field.id)
                }
            }
        }
        return found
    }

    private static func timestamp(
        _ reader: inout ThriftReader
    ) throws(ByteError) -> ParquetLogical {
        var isUTC = false
        var unitsPerSecond: Int64 = 0
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .yes): isUTC = true
            case (2, .structure):
                var lastUnit: Int64 = 0
                while let unit = try reader.field(after: &lastUnit) {
                    try reader.skip(unit.type)
                    switch unit.id {
                    case 1: unitsPerSecond = 1000
                    case 2: unitsPerSecond = 1_000_000
                    case 3: unitsPerSecond = 1_000_000_000
                    default: break
                    }
                }
            default: try reader.skip(field.type)
            }
        }
        return unitsPerSecond == 0
            ? .other(8) : .timestamp(isUTC: isUTC, unitsPerSecond: unitsPerSecond)
    }

    private static func integer(_ reader: inout ThriftReader) throws(ByteError) -> ParquetLogical {
        var (bits, isSigned): (Int64, Bool) = (64, false)
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int8): bits = Int64(try reader.byte())
            case (2, .yes): isSigned = true
            default: try reader.skip(field.type)
            }
        }
        return .integer(bits: bits, isSigned: isSigned)
    }
}

extension ParquetRowGroup {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .list):
                columns = try reader.structures { reader throws(ByteError) in
                    try ParquetChunk(reading: &reader)
                }
            case (2, .int64): totalSize = try reader.integer()
            case (3, .int64): rowCount = try reader.integer()
            default: try reader.skip(field.type)
            }
        }
    }
}

extension ParquetChunk {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .binary):
                isElsewhere = true
                try reader.skip(field.type)
            case (3, .structure): try readMetadata(&reader)
            default: try reader.skip(field.type)
            }
        }
    }

    private mutating func readMetadata(_ reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int32): physical = ParquetFormat.Physical(rawValue: try reader.integer())
            case (3, .list):
                let (count, type) = try reader.list()
                for _ in 0..<count {
                    if type == .binary { path.append(try reader.text()) } else {
                        try reader.skip(type)
                    }
                }
            case (4, .int32): codec = try reader.integer()
            case (5, .int64): valueCount = try reader.integer()
            case (6, .int64): expandedSize = try reader.integer()
            case (7, .int64): compressedSize = try reader.integer()
            case (9, .int64): dataOffset = try reader.integer()
            case (11, .int64): dictionaryOffset = try reader.integer()
            case (12, .structure): statistics = try ParquetStatistics(reading: &reader)
            default: try reader.skip(field.type)
            }
        }
    }
}

extension ParquetStatistics {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (3, .int64): nullCount = try reader.integer()
            case (5, .binary): maximum = try reader.binary().copied()
            case (6, .binary): minimum = try reader.binary().copied()
            default: try reader.skip(field.type)
            }
        }
    }
}

extension ParquetPageHeader {
    init(reading reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int32): kind = try reader.integer()
            case (2, .int32): expandedSize = try reader.integer()
            case (3, .int32): compressedSize = try reader.integer()
            case (5, .structure), (7, .structure): try readHeader(&reader)
            case (8, .structure): try readHeaderV2(&reader)
            default: try reader.skip(field.type)
            }
        }
    }

    /// Of a data page, or of a dictionary page, which has the first two fields of it.
    private mutating func readHeader(_ reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int32): valueCount = try reader.integer()
            case (2, .int32): encoding = try reader.integer()
            case (3, .int32): definitionEncoding = try reader.integer()
            default: try reader.skip(field.type)
            }
        }
    }

    private mutating func readHeaderV2(_ reader: inout ThriftReader) throws(ByteError) {
        var last: Int64 = 0
        while let field = try reader.field(after: &last) {
            switch (field.id, field.type) {
            case (1, .int32): valueCount = try reader.integer()
            case (4, .int32): encoding = try reader.integer()
            case (5, .int32): definitionSize = try reader.integer()
            case (6, .int32): repetitionSize = try reader.integer()
            case (7, .no): isCompressed = false
            default: try reader.skip(field.type)
            }
        }
    }
}
