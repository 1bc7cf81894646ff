import VarveBytes

// A message is a run of fields, in any order, each of them
//
//     tag varint = field number << 3 | wire type,   then the value:
//       wire type 0   varint            int32 int64 uint64 bool enum
//       wire type 1   8 bytes           double, little-endian
//       wire type 2   length varint, that many bytes    text, bytes, message, packed array
//       wire type 5   4 bytes           float, little-endian
//
// Source: https://protobuf.dev/programming-guides/encoding/

/// One field of a protobuf message: its number and its value as it lies on the wire.
public struct ProtobufField: Sendable, Equatable {
    /// How a value lies on the wire.
    public enum Wire: UInt8, Sendable, Equatable {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
        case fixed32 = 5
    }

    /// The field's number in its message.
    public let number: Int
    /// How the value lies on the wire.
    public let wire: Wire
    /// The varint or the little-endian integer; 0 for bytes.
    public let bits: UInt64
    /// Where the bytes lie in the message; empty for the other wire types.
    public let range: Range<Int>

    /// The value of an int64, int32, bool or enum field.
    /// - Throws: `ProtobufError.mismatch`.
    public func integer() throws(ProtobufError) -> Int64 {
        try require(.varint)
        return Int64(bitPattern: bits)
    }

    /// The value of a float field.
    /// - Throws: `ProtobufError.mismatch`.
    public func float() throws(ProtobufError) -> Float {
        try require(.fixed32)
        return Float(bitPattern: UInt32(truncatingIfNeeded: bits))
    }

    /// The value of a double field.
    /// - Throws: `ProtobufError.mismatch`.
    public func double() throws(ProtobufError) -> Double {
        try require(.fixed64)
        return Double(bitPattern: bits)
    }

    /// Checks how the value lies on the wire.
    /// - Throws: `ProtobufError.mismatch`.
    public func require(_ expected: Wire) throws(ProtobufError) {
        guard wire == expected else {
            throw .mismatch(field: number, expected: expected, found: wire)
        }
    }
}

/// A pull reader over one protobuf message: `next` returns field after field and has then already
/// moved past the value, so a field nobody asks for is skipped by asking for the next one.
///
/// It copies nothing, allocates nothing and never recurses: a nested message is a byte range, read
/// by another reader over `message(_:)`. Every length is checked against the bytes that are there.
public struct ProtobufReader: ~Escapable {
    /// The largest field number the encoding allows.
    public static let fieldMax = 536_870_911

    private let bytes: RawSpan
    private var reader: ByteReader

    /// Starts at the first field of a message.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
        reader = ByteReader(bytes)
    }

    /// The next field, or nil at the end of the message.
    /// - Throws: `ProtobufError.bytes`, `.fieldNumber` or `.wireType`.
    public mutating func next() throws(ProtobufError) -> ProtobufField? {
        guard reader.remaining > 0 else { return nil }
        let start = reader.offset
        let number: UInt64
        let wireBits: UInt8
        do {
            let tag = try reader.unsignedVarint()
            number = tag >> 3
            wireBits = UInt8(truncatingIfNeeded: tag & 7)
        } catch {
            throw .bytes(error)
        }
        guard number > 0, number <= UInt64(Self.fieldMax) else {
            throw .fieldNumber(number, at: start)
        }
        guard let wire = ProtobufField.Wire(rawValue: wireBits) else {
            throw .wireType(wireBits, field: Int(number), at: start)
        }
        do {
            return try value(of: Int(number), wire: wire)
        } catch {
            throw .bytes(error)
        }
    }

    private mutating func value(
        of number: Int, wire: ProtobufField.Wire
    ) throws(ByteError) -> ProtobufField {
        var bits: UInt64 = 0
        var range = 0..<0
        switch wire {
        case .varint: bits = try reader.unsignedVarint()
        case .fixed64: bits = try reader.integer(UInt64.self)
        case .fixed32: bits = UInt64(try reader.integer(UInt32.self))
        case .bytes:
            let length = Int64(clamping: try reader.unsignedVarint())
            range = try reader.takeRange(try reader.checked(length, atMost: reader.remaining))
        }
        return ProtobufField(number: number, wire: wire, bits: bits, range: range)
    }

    /// The bytes of a nested message or of a bytes field, borrowed.
    /// - Throws: `ProtobufError.mismatch`.
    @_lifetime(copy self)
    public func message(_ field: ProtobufField) throws(ProtobufError) -> RawSpan {
        try field.require(.bytes)
        return bytes.extracting(field.range)
    }

    /// A copy of a text field.
    /// - Throws: `ProtobufError.mismatch` or `.invalidUTF8`.
    public func text(_ field: ProtobufField) throws(ProtobufError) -> String {
        guard let text = try message(field).text() else {
            throw .invalidUTF8(field: field.number)
        }
        return text
    }

    /// Appends the values of a repeated int64, int32 or enum field, packed or one by one.
    /// - Throws: `ProtobufError.mismatch` or `.bytes`.
    public func append(_ field: ProtobufField, to values: inout [Int64]) throws(ProtobufError) {
        guard field.wire == .bytes else { return values.append(try field.integer()) }
        var packed = ByteReader(bytes.extracting(field.range))
        do {
            while packed.remaining > 0 {
                values.append(Int64(bitPattern: try packed.unsignedVarint()))
            }
        } catch {
            throw .bytes(error)
        }
    }

    /// Appends the values of a repeated float field, packed or one by one.
    /// - Throws: `ProtobufError.mismatch` or `.packedLength`.
    public func append(_ field: ProtobufField, to values: inout [Float]) throws(ProtobufError) {
        guard field.wire == .bytes else { return values.append(try field.float()) }
        let packed = bytes.extracting(field.range)
        try Self.require(packed.byteCount, of: field.number, width: 4)
        // Only once: reserving for every one of many small runs would copy each time.
        if values.isEmpty { values.reserveCapacity(packed.byteCount / 4) }
        for offset in stride(from: 0, to: packed.byteCount, by: 4) {
            values.append(Float(bitPattern: packed.littleEndian(at: offset)))
        }
    }

    /// Appends the values of a repeated double field, packed or one by one.
    /// - Throws: `ProtobufError.mismatch` or `.packedLength`.
    public func append(_ field: ProtobufField, to values: inout [Double]) throws(ProtobufError) {
        guard field.wire == .bytes else { return values.append(try field.double()) }
        let packed = bytes.extracting(field.range)
        try Self.require(packed.byteCount, of: field.number, width: 8)
        // Only once: reserving for every one of many small runs would copy each time.
        if values.isEmpty { values.reserveCapacity(packed.byteCount / 8) }
        for offset in stride(from: 0, to: packed.byteCount, by: 8) {
            values.append(Double(bitPattern: packed.littleEndian(at: offset)))
        }
    }

    private static func require(
        _ length: Int, of field: Int, width: Int
    ) throws(ProtobufError) {
        guard length % width == 0 else {
            throw .packedLength(length, field: field, width: width)
        }
    }
}
