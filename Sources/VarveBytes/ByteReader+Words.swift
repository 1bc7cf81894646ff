extension ByteReader {
    /// Copies the next `count` little-endian 64-bit words, as one copy where the machine stores
    /// them that way.
    /// - Throws: `ByteError.truncated` when fewer remain.
    public mutating func words(_ count: Int) throws(ByteError) -> [UInt64] {
        guard count >= 0, count <= remaining / 8 else {
            throw .truncated(at: offset, needed: count, available: remaining)
        }
        let bytes = try take(8 * count)
        var words = [UInt64](repeating: 0, count: count)
        // Safe: both buffers have 8 * count bytes, and neither leaves the closure.
        unsafe words.withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
        if UInt64(1).littleEndian != 1 {
            for index in words.indices { words[index] = words[index].littleEndian }
        }
        return words
    }
}
