public import VarveBytes

extension ValueType {
    /// What stands before a value of the type; 0 is null.
    var tag: UInt8 {
        switch self {
        case .bool: 1
        case .int64: 2
        case .float64: 3
        case .string: 4
        case .timestamp: 5
        }
    }
}

/// Values in snapshots and keys (little-endian):
///
///     u8 tag   0 null, 1 bool, 2 int64, 3 float64, 4 string, 5 timestamp
///     bool u8 | int64, timestamp i64 | float64 its bits u64 | string u32 length, UTF-8
extension ByteWriter {
    /// Writes a value with its tag.
    public mutating func value(_ value: Value) {
        switch value {
        case .null: integer(UInt8(0))
        case .bool(let value):
            integer(UInt8(1))
            integer(UInt8(value ? 1 : 0))
        case .int64(let value):
            integer(UInt8(2))
            integer(value)
        case .float64(let value):
            integer(UInt8(3))
            integer(value.bitPattern)
        case .string(let value):
            integer(UInt8(4))
            integer(UInt32(value.utf8.count))
            text(value)
        case .timestamp(let value):
            integer(UInt8(5))
            integer(value.microseconds)
        }
    }
}

extension ByteWriter {
    /// Writes a text, given as UTF-8, as `value` does.
    public mutating func textValue(utf8 text: RawSpan) {
        integer(UInt8(4))
        integer(UInt32(text.byteCount))
        raw(text)
    }
}

extension ByteReader {
    /// Reads a value with its tag.
    public mutating func value() throws(ByteError) -> Value {
        let start = offset
        let tag = try integer(UInt8.self)
        switch tag {
        case 0: return .null
        case 1: return .bool(try integer(UInt8.self) != 0)
        case 2: return .int64(try integer())
        case 3: return .float64(Double(bitPattern: try integer()))
        case 4:
            let length = try checked(Int64(try integer(UInt32.self)), atMost: remaining)
            return .string(try text(length))
        case 5: return .timestamp(Timestamp(microseconds: try integer()))
        default: throw .lengthOutOfRange(at: start, value: Int64(tag), limit: 5)
        }
    }
}
