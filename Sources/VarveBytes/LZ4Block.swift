internal import CLZ4

/// The LZ4 block format, bare: no header, no size, no checksum. Parquet calls it LZ4_RAW. liblz4
/// does the work; the size of what comes out is known from elsewhere.
public enum LZ4Block {
    /// Compresses bytes, at most 2 GB of them; liblz4's default effort.
    public static func compress(_ bytes: RawSpan) throws(ByteError) -> [UInt8] {
        guard bytes.byteCount <= Int(LZ4_MAX_INPUT_SIZE) else {
            throw .lengthOutOfRange(
                at: 0, value: Int64(bytes.byteCount), limit: Int(LZ4_MAX_INPUT_SIZE))
        }
        let bound = LZ4_compressBound(Int32(bytes.byteCount))
        // Safe: liblz4 writes at most `bound` bytes, reports how many, and reads exactly the span.
        let output = unsafe [UInt8](unsafeUninitializedCapacity: Int(bound)) { target, count in
            let written = unsafe bytes.withUnsafeBytes { source in
                unsafe LZ4_compress_default(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UnsafeMutableRawPointer(target.baseAddress)?
                        .assumingMemoryBound(to: CChar.self),
                    Int32(source.count), bound)
            }
            count = Int(max(0, written))
        }
        guard !output.isEmpty || bytes.byteCount == 0 else {
            throw .decompression(reason: "LZ4 does not compress")
        }
        return output
    }

    /// Decompresses one block of exactly `size` bytes into `output`, whose bytes and capacity are
    /// reused.
    /// - Throws: `ByteError.decompression` when the bytes are not an LZ4 block of that size.
    public static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], size: Int
    ) throws(ByteError) {
        guard size >= 0, size <= Int(Int32.max), bytes.byteCount <= Int(Int32.max) else {
            output.removeAll(keepingCapacity: true)
            throw .lengthOutOfRange(at: 0, value: Int64(size), limit: Int(Int32.max))
        }
        // Blocks of one size follow each other: what is there is written over.
        output.removeLast(max(0, output.count - size))
        output.append(contentsOf: repeatElement(0, count: size - output.count))
        // Safe: liblz4 is told the bounds of both buffers and stays within them.
        let written = unsafe bytes.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { target in
                unsafe LZ4_decompress_safe(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    target.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(source.count), Int32(target.count))
            }
        }
        // An empty array has no address for liblz4 to write nothing to.
        guard Int(written) == size || (size == 0 && bytes.byteCount <= 1) else {
            output.removeAll(keepingCapacity: true)
            throw .decompression(reason: "the bytes are no LZ4 block of \(size) bytes")
        }
    }
}
