/// Appends encoded values to a growing array of bytes.
///
/// `integer` writes little-endian (Varve's own formats), `bigEndian` network order (Kafka).
public struct ByteWriter: Sendable {
    /// What has been written.
    public var bytes: [UInt8]

    /// An empty writer with room for `capacity` bytes.
    public init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Bytes written so far.
    public var count: Int { bytes.count }

    /// Writes one little-endian integer.
    public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        // Safe: the buffer covers exactly the bytes of the local value.
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Writes one big-endian integer.
    public mutating func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        integer(value.byteSwapped)
    }

    /// Writes an unsigned base-128 varint.
    public mutating func unsignedVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Writes a zig-zag varint.
    public mutating func varint(_ value: Int64) {
        unsignedVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Writes a copy of borrowed bytes.
    public mutating func raw(_ span: RawSpan) { bytes.append(copying: span) }

    /// Writes a copy of an array of bytes.
    public mutating func raw(_ array: [UInt8]) { bytes.append(contentsOf: array) }

    /// Writes the UTF-8 bytes of a text, without a length.
    public mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Writes `count` zero bytes.
    public mutating func zeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Writes zeros until `count` is a multiple of `alignment`.
    public mutating func pad(to alignment: Int) {
        let excess = bytes.count % alignment
        if excess > 0 { zeros(alignment - excess) }
    }

    /// Overwrites the integer at `offset`, which must have been written before, little-endian.
    public mutating func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        bytes.patch(value, at: offset)
    }
}

extension Array where Element == UInt8 {
    /// Overwrites the bytes at `offset` with a little-endian integer; stops the program when they
    /// are not all there.
    public mutating func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && count - offset >= MemoryLayout<T>.size)
        // Safe: the precondition proves that all bytes of T lie within the array.
        unsafe withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
        }
    }

    /// Overwrites the bytes at `offset` with a big-endian integer; stops the program when they are
    /// not all there.
    public mutating func patchBigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        patch(value.byteSwapped, at: offset)
    }
}
