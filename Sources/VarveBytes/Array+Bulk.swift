/// Whole runs at once, where element by element would cost more than the work itself.
extension Array where Element == UInt8 {
    /// Appends `count` bytes copied from `distance` bytes before the end; those appended are copied
    /// again where the two overlap. Stops the program when the distance leaves the array.
    public mutating func appendCopy(distance: Int, count length: Int) {
        precondition(
            distance > 0 && distance <= count && length >= 0,
            "a copy of \(length) bytes from \(distance) back of \(count)")
        let start = count - distance
        let end = count
        append(contentsOf: repeatElement(0, count: length))
        // Safe: source and target lie within the array: start + length <= count after the append.
        unsafe withUnsafeMutableBytes { bytes in
            if distance >= length {
                unsafe bytes.baseAddress.map { base in
                    unsafe (base + end).copyMemory(from: base + start, byteCount: length)
                }
            } else {
                for index in 0..<length { unsafe bytes[end + index] = bytes[start + index] }
            }
        }
    }
}

extension Array where Element == UInt8 {
    /// Appends the lowest bytes of a word, lowest first.
    @inline(__always)
    public mutating func append(littleEndian word: UInt64, bytes count: Int) {
        append(addingCapacity: count) { bytes in
            for index in 0..<count {
                bytes.append(UInt8(truncatingIfNeeded: word &>> UInt64(8 * index)))
            }
        }
    }
}

extension Array where Element == UInt64 {
    /// Appends a copy of borrowed words.
    public mutating func append(copying words: borrowing Span<UInt64>) {
        // Safe: the buffer is only read, and does not leave the closure.
        unsafe words.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Puts a copy of borrowed words before an index.
    public mutating func insert(copying words: borrowing Span<UInt64>, at index: Int) {
        // Safe: as above.
        unsafe words.withUnsafeBufferPointer { unsafe insert(contentsOf: $0, at: index) }
    }

    /// Appends little-endian 64-bit words; stops the program when the bytes are not whole words.
    public mutating func append(littleEndianWords bytes: RawSpan) {
        precondition(bytes.byteCount & 7 == 0, "\(bytes.byteCount) bytes, expected whole words")
        let (start, length) = (count, bytes.byteCount >> 3)
        append(contentsOf: repeatElement(0, count: length))
        if length == 0 { return }
        // Safe: the target has exactly as many bytes as the source from `start` on.
        unsafe withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[(8 * start)...])
                    .copyMemory(from: source)
            }
        }
        if UInt64(1).littleEndian != 1 {
            for index in start..<count { self[index] = self[index].byteSwapped }
        }
    }
}
