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
        if length == 0 { return }
        append(addingCapacity: length) { words in
            // Safe: the free part of the buffer has room for `length` words at least, and so many
            // are set.
            unsafe words.withUnsafeMutableBufferPointer { target, initialized in
                unsafe bytes.withUnsafeBytes { source in
                    unsafe UnsafeMutableRawBufferPointer(
                        UnsafeMutableBufferPointer(rebasing: target[initialized...])
                    ).copyMemory(from: source)
                }
                initialized += length
            }
        }
        if UInt64(1).littleEndian != 1 {
            for index in start..<count { self[index] = self[index].byteSwapped }
        }
    }
}

/// A type of which every pattern of bits is a value: an integer, or a struct of nothing but integers
/// without gaps between them. Nothing checks that: a `Bool` in it would be undefined behaviour.
public protocol AnyBits: BitwiseCopyable {}

extension Int32: AnyBits {}
extension Int64: AnyBits {}
extension Int: AnyBits {}
extension UInt8: AnyBits {}
extension UInt32: AnyBits {}
extension UInt64: AnyBits {}

extension Array where Element: AnyBits {
    /// An array whose elements are given in any order: the caller sets every one. One that is not
    /// set has any value.
    @inlinable @inline(__always)
    public init(count: Int, set: (inout MutableSpan<Element>) -> Void) {
        // Safe: the span covers exactly the memory that is counted as initialised, and every
        // pattern of bits is a value.
        unsafe self.init(unsafeUninitializedCapacity: count) { buffer, initialized in
            var elements = unsafe MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(
                rebasing: buffer[..<count]))
            set(&elements)
            initialized = count
        }
    }
}
