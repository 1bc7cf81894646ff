public import VarveBytes

/// The gzip format, decompression only (RFC 1952), which Kafka uses for its gzip codec:
///
///     member = 1f 8b, method 8, flags, time u32, 2 bytes, optional fields, deflate stream,
///              CRC-32 u32, size modulo 2^32 u32
public enum Gzip {
    private enum Flag {
        static let headerChecksum: UInt8 = 2
        static let extra: UInt8 = 4
        static let name: UInt8 = 8
        static let comment: UInt8 = 16
        static let reserved: UInt8 = 0xe0
    }

    /// Decompresses whole members into `output`, which is emptied first; its capacity is reused.
    /// - Throws: `ByteError.decompression` when the bytes are not gzip, are damaged, or hold more
    ///   than `limit` bytes.
    public static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], limit: Int
    ) throws(ByteError) {
        output.removeAll(keepingCapacity: true)
        var offset = 0
        repeat {
            offset += try member(
                bytes.extracting(offset..<bytes.byteCount), &output, limit)
        } while offset < bytes.byteCount
    }

    private static func member(
        _ bytes: RawSpan, _ output: inout [UInt8], _ limit: Int
    ) throws(ByteError) -> Int {
        var reader = ByteReader(bytes)
        guard try reader.integer(UInt16.self) == 0x8b1f, try reader.integer(UInt8.self) == 8 else {
            throw .decompression(reason: "no gzip header")
        }
        let flags = try reader.integer(UInt8.self)
        guard flags & Flag.reserved == 0 else {
            throw .decompression(reason: "gzip flags \(flags)")
        }
        _ = try reader.take(6)
        if flags & Flag.extra > 0 { _ = try reader.take(Int(try reader.integer(UInt16.self))) }
        for flag in [Flag.name, Flag.comment] where flags & flag > 0 {
            while try reader.integer(UInt8.self) != 0 {}
        }
        if flags & Flag.headerChecksum > 0 { _ = try reader.take(2) }
        let start = output.count
        let body = bytes.extracting(reader.offset..<bytes.byteCount)
        _ = try reader.take(try Inflate.decompress(body, into: &output, limit: limit))
        let checksum = try reader.integer(UInt32.self)
        let size = try reader.integer(UInt32.self)
        guard size == UInt32(truncatingIfNeeded: output.count - start) else {
            throw .decompression(reason: "the size at the end of a gzip member does not match")
        }
        guard checksum == crc32(output.raw.extracting(start..<output.count)) else {
            throw .decompression(reason: "the checksum of a gzip member does not match")
        }
        return reader.offset
    }

    /// CRC-32 with the polynomial of Ethernet, bits reflected (RFC 1952, section 8).
    static func crc32(_ bytes: RawSpan) -> UInt32 {
        var crc = ~UInt32(0)
        for offset in 0..<bytes.byteCount {
            crc = table[Int((crc ^ UInt32(bytes.byte(at: offset))) & 0xff)] ^ (crc >> 8)
        }
        return ~crc
    }

    private static let table: [UInt32] = (0..<256).map { index in
        var remainder = UInt32(index)
        for _ in 0..<8 {
            remainder = (remainder >> 1) ^ (remainder & 1 == 1 ? 0xedb8_8320 : 0)
        }
        return remainder
    }
}
