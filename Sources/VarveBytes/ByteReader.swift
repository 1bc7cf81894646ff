/// A bounds-checked cursor over borrowed bytes. It copies nothing and outlives nothing:
/// the compiler keeps it inside the lifetime of the bytes it reads.
///
/// `integer` reads little-endian (Varve's own formats), `bigEndian` network order (Kafka).
///
/// Inlinable: a call for each field of each record would cost more than reading it.
public struct ByteReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline var position = 0

    /// Bytes read so far.
    @inlinable public var offset: Int { position }

    /// Starts at the first of `bytes`.
    @_lifetime(copy bytes)
    @inlinable public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes not read yet.
    @inlinable public var remaining: Int { bytes.byteCount - position }

    /// Reads one little-endian integer and moves past it.
    /// - Throws: `ByteError.truncated` when fewer than its width in bytes remain.
    @inlinable
    public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _: T.Type = T.self
    ) throws(ByteError) -> T {
        let size = MemoryLayout<T>.size
        try require(size)
        // Safe: require proves offset + size <= byteCount.
        let raw = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self)
        position += size
        return T(littleEndian: raw)
    }

    /// Reads one big-endian integer and moves past it.
    /// - Throws: `ByteError.truncated` when fewer than its width in bytes remain.
    @inlinable
    public mutating func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type = T.self
    ) throws(ByteError) -> T {
        try integer(type).byteSwapped
    }

    /// Reads an unsigned base-128 varint of at most 64 bits (protobuf, Kafka's compact lengths).
    @inlinable @inline(__always)
    public mutating func unsignedVarint() throws(ByteError) -> UInt64 {
        // Most are one byte or two: lengths, deltas and counts of small records.
        if remaining > 1 {
            let first = bytes.byte(at: offset)
            if first < 0x80 {
                position += 1
                return UInt64(first)
            }
            let second = bytes.byte(at: offset + 1)
            if second < 0x80 {
                position += 2
                return UInt64(first & 0x7f) | UInt64(second) << 7
            }
        }
        return try longVarint()
    }

    @usableFromInline @inline(never)
    mutating func longVarint() throws(ByteError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try integer(UInt8.self)
            // The tenth byte may carry one bit only.
            guard shift < 63 || byte <= 1 else { throw .varintTooLong(at: start) }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { throw .varintTooLong(at: start) }
        }
    }

    /// Reads a zig-zag varint (Kafka records).
    @inlinable @inline(__always)
    public mutating func varint() throws(ByteError) -> Int64 {
        let raw = try unsignedVarint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// Borrows the next `count` bytes and moves past them.
    @inlinable
    @_lifetime(copy self)
    public mutating func take(_ count: Int) throws(ByteError) -> RawSpan {
        try require(count)
        let start = position
        position += count
        return bytes.extracting(start..<position)
    }

    /// Moves past the next `count` bytes and returns where they lie.
    @inlinable @inline(__always)
    public mutating func takeRange(_ count: Int) throws(ByteError) -> Range<Int> {
        try require(count)
        let start = position
        position += count
        return start..<position
    }

    /// Copies the next `count` bytes as text.
    /// - Throws: `ByteError.invalidUTF8` when they are not UTF-8.
    public mutating func text(_ count: Int) throws(ByteError) -> String {
        let start = offset
        guard let text = try take(count).text() else { throw .invalidUTF8(at: start) }
        return text
    }

    /// Checks a length that was just read against what it may be.
    /// - Throws: `ByteError.lengthOutOfRange`.
    @inlinable @inline(__always)
    public func checked(_ length: Int64, atMost limit: Int) throws(ByteError) -> Int {
        guard length >= 0, length <= Int64(limit) else {
            throw .lengthOutOfRange(at: offset, value: length, limit: limit)
        }
        return Int(length)
    }

    @inlinable @inline(__always)
    func require(_ count: Int) throws(ByteError) {
        guard count >= 0, remaining >= count else {
            throw .truncated(at: position, needed: count, available: remaining)
        }
    }
}
