import VarveBytes

/// The Snappy block format, for reading: a length, then literals and copies from what came before.
///
///     block    varint: bytes when expanded | element ...
///     literal  tag 00: length - 1 in 6 bits, or in the 1 to 4 bytes that follow | the bytes
///     copy     tag 01: 3 bits length - 4, 11 bits distance
///              tag 10: 6 bits length - 1, 16 bits distance
///              tag 11: 6 bits length - 1, 32 bits distance
///
/// Source: github.com/google/snappy, `format_description.txt`.
enum SnappyBlock {
    /// Decompresses one block into `output`, which is emptied first; its capacity is reused.
    /// - Throws: `ByteError.decompression` when the bytes are no Snappy block, or hold more than
    ///   `limit` bytes.
    static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], limit: Int
    ) throws(ByteError) {
        output.removeAll(keepingCapacity: true)
        var reader = ByteReader(bytes)
        let size = try reader.unsignedVarint()
        guard size <= UInt64(max(0, limit)) else {
            throw .decompression(reason: "\(size) bytes of Snappy, expected at most \(limit)")
        }
        let total = Int(size)
        // A copy of 64 bytes takes three: what a block claims beyond that is not reserved.
        output.reserveCapacity(min(total, bytes.byteCount * 22))
        while reader.remaining > 0 {
            let tag = try reader.integer(UInt8.self)
            if tag & 3 == 0 {
                let length = try literalLength(tag, &reader)
                guard length <= total - output.count else { throw overflow(total) }
                output.append(copying: try reader.take(length))
                continue
            }
            let (length, distance) = try copy(tag, &reader)
            guard length <= total - output.count else { throw overflow(total) }
            guard distance > 0, distance <= output.count else {
                throw .decompression(
                    reason: "a Snappy copy from \(distance) bytes back, \(output.count) are there")
            }
            output.appendCopy(distance: distance, count: length)
        }
        guard output.count == total else {
            throw .decompression(reason: "\(output.count) bytes of Snappy, expected \(total)")
        }
    }

    private static func literalLength(
        _ tag: UInt8, _ reader: inout ByteReader
    ) throws(ByteError) -> Int {
        let short = Int(tag >> 2)
        if short < 60 { return short + 1 }
        var length = 0
        for index in 0..<(short - 59) {
            length |= Int(try reader.integer(UInt8.self)) << (8 * index)
        }
        return length + 1
    }

    private static func copy(
        _ tag: UInt8, _ reader: inout ByteReader
    ) throws(ByteError) -> (length: Int, distance: Int) {
        switch tag & 3 {
        case 1:
            let low = Int(try reader.integer(UInt8.self))
            return (Int(tag >> 2 & 7) + 4, Int(tag >> 5) << 8 | low)
        case 2: return (Int(tag >> 2) + 1, Int(try reader.integer(UInt16.self)))
        default: return (Int(tag >> 2) + 1, Int(try reader.integer(UInt32.self)))
        }
    }

    private static func overflow(_ total: Int) -> ByteError {
        .decompression(reason: "more than the \(total) bytes of Snappy that were announced")
    }
}
