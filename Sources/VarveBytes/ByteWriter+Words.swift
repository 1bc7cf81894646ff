extension ByteWriter {
    /// Writes 64-bit words little-endian, as one copy where the machine stores them that way.
    public mutating func words(_ words: Span<UInt64>) {
        guard UInt64(1).littleEndian == 1 else {
            for index in words.indices { integer(words[index]) }
            return
        }
        // Safe: the buffer is only read, and does not leave the closure.
        unsafe words.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}
