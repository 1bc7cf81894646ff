internal import CLZ4

/// The LZ4 frame format, which Kafka uses for its lz4 codec (KIP-57). liblz4 does the work.
public enum LZ4Frame {
    /// Compresses into one frame: independent 64 KiB blocks, no content checksum, since the batch's
    /// CRC-32C covers the bytes already.
    public static func compress(_ bytes: RawSpan) throws(ByteError) -> [UInt8] {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        let bound = unsafe LZ4F_compressFrameBound(bytes.byteCount, &preferences)
        var output = [UInt8](repeating: 0, count: bound)
        // Safe: liblz4 writes at most `bound` bytes and reads exactly the span.
        let written = unsafe bytes.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { target in
                unsafe LZ4F_compressFrame(
                    target.baseAddress, bound, source.baseAddress, source.count, &preferences)
            }
        }
        guard LZ4F_isError(written) == 0 else { throw failure(written) }
        output.removeLast(bound - written)
        return output
    }

    /// Decompresses whole frames into `output`, which is emptied first; its capacity is reused.
    /// - Throws: `ByteError.decompression` when the bytes are not LZ4 frames, end early, or hold
    ///   more than `limit` bytes.
    public static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], limit: Int
    ) throws(ByteError) {
        var context: OpaquePointer?
        let created = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(created) == 0 else { throw failure(created) }
        defer { unsafe LZ4F_freeDecompressionContext(context) }

        output.removeAll(keepingCapacity: true)
        var consumed = 0
        var hint = 1
        // One byte beyond the limit is asked for, to notice when there are more.
        let room = [UInt8](repeating: 0, count: max(0, min(64 << 10, limit)) + 1)
        let step = room.count
        while consumed < bytes.byteCount {
            let produced = output.count
            output.append(contentsOf: room)
            var sourceSize = bytes.byteCount - consumed
            var targetSize = step
            // Safe: liblz4 is told the bounds of both buffers and reports what it used of them.
            hint = unsafe bytes.withUnsafeBytes { source in
                unsafe output.withUnsafeMutableBytes { target in
                    unsafe LZ4F_decompress(
                        context, target.baseAddress.map { unsafe $0 + produced }, &targetSize,
                        source.baseAddress.map { unsafe $0 + consumed }, &sourceSize, nil)
                }
            }
            output.removeLast(step - targetSize)
            guard LZ4F_isError(hint) == 0 else { throw failure(hint) }
            consumed += sourceSize
            guard output.count <= limit else {
                throw .decompression(reason: "more than \(limit) bytes")
            }
            guard sourceSize > 0 || targetSize > 0 else {
                throw .decompression(reason: "the LZ4 frame does not advance")
            }
        }
        guard hint == 0 else { throw .decompression(reason: "the LZ4 frame ends early") }
    }

    private static func failure(_ code: Int) -> ByteError {
        guard let name = unsafe LZ4F_getErrorName(code) else {
            return .decompression(reason: "LZ4 error")
        }
        // Safe: liblz4 returns a pointer to a constant, zero-terminated string.
        return .decompression(reason: unsafe String(cString: name))
    }
}
