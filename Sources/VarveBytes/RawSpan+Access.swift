/// Checked access to borrowed bytes. The standard library's `RawSpan` has unchecked loads only;
/// every floor above reads through these, or through `ByteReader`.
extension RawSpan {
    /// The byte at `offset`; stops the program when out of bounds.
    @inlinable @inline(__always)
    public func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "byte \(offset) of \(byteCount)")
        // Safe: the precondition proves offset < byteCount.
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// The little-endian integer at `offset`; stops the program when out of bounds.
    public func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as _: T.Type = T.self
    ) -> T {
        precondition(
            offset >= 0 && byteCount - offset >= MemoryLayout<T>.size,
            "\(MemoryLayout<T>.size) bytes at \(offset) of \(byteCount)")
        // Safe: the precondition proves that all bytes of T lie within the span.
        return T(
            littleEndian: unsafe unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: T.self))
    }

    /// The big-endian integer at `offset`; stops the program when out of bounds.
    public func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: T.Type = T.self
    ) -> T {
        littleEndian(at: offset, as: type).byteSwapped
    }

    /// A copy of the bytes.
    public func copied() -> [UInt8] {
        // Safe: the buffer is only read, and does not leave the closure.
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// The bytes as text, or nil when they are not UTF-8.
    public func text() -> String? {
        // Safe: the buffer is only read, and does not leave the closure.
        unsafe withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    }

    /// Whether both spans hold the same bytes.
    public func equals(_ other: RawSpan) -> Bool {
        let count = byteCount
        guard count == other.byteCount else { return false }
        var offset = 0
        // Most are short: a call and its loop would cost more than the comparison.
        while count - offset >= 8 {
            guard
                littleEndian(at: offset, as: UInt64.self)
                    == other.littleEndian(at: offset, as: UInt64.self)
            else { return false }
            offset += 8
        }
        if count - offset >= 4 {
            guard
                littleEndian(at: offset, as: UInt32.self)
                    == other.littleEndian(at: offset, as: UInt32.self)
            else { return false }
            offset += 4
        }
        while offset < count {
            guard byte(at: offset) == other.byte(at: offset) else { return false }
            offset += 1
        }
        return true
    }

    /// Where a byte is next, from an offset on; nil when it does not come.
    public func firstOffset(of byte: UInt8, from start: Int) -> Int? {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let pattern = ones &* UInt64(byte)
        var offset = start
        // Eight at a time: where the byte is, the difference is zero, and borrows from its top bit.
        while byteCount - offset >= 8 {
            let difference = littleEndian(at: offset, as: UInt64.self) ^ pattern
            let found = (difference &- ones) & ~difference & tops
            if found != 0 { return offset + found.trailingZeroBitCount >> 3 }
            offset += 8
        }
        while offset < byteCount {
            if self.byte(at: offset) == byte { return offset }
            offset += 1
        }
        return nil
    }

    /// Whether all bytes are zero.
    public var isAllZero: Bool {
        var offset = 0
        while byteCount - offset >= 8 {
            if littleEndian(at: offset, as: UInt64.self) != 0 { return false }
            offset += 8
        }
        while offset < byteCount {
            if byte(at: offset) != 0 { return false }
            offset += 1
        }
        return true
    }
}

extension Array where Element == UInt8 {
    /// The array's bytes, borrowed.
    public var raw: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: UInt8 is trivial, and the span's lifetime is bound to the array's.
            unsafe span.bytes
        }
    }

    /// Appends a copy of borrowed bytes.
    public mutating func append(copying bytes: RawSpan) {
        // Safe: the buffer is only read, and does not leave the closure.
        unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }

    /// Overwrites the bytes from `offset` on with a copy of borrowed ones; stops the program when
    /// they do not fit.
    public mutating func overwrite(at offset: Int, with bytes: RawSpan) {
        precondition(
            offset >= 0 && count - offset >= bytes.byteCount,
            "\(bytes.byteCount) bytes at \(offset) of \(count)")
        // Safe: the precondition proves that the bytes fit; two arrays never overlap.
        unsafe withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...])
                    .copyMemory(from: source)
            }
        }
    }
}
