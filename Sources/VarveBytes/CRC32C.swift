internal import CHardware

/// The CRC-32C checksum (Castagnoli polynomial 0x1EDC6F41, bits reflected) that guards frames and
/// Kafka batches. Source: RFC 3720 appendix B.4; check value of "123456789" is 0xE3069283.
public enum CRC32C {
    private static let isInHardware = chw_has_crc32c() == 1

    /// The checksum of `bytes`, continuing from `crc`, the checksum of what came before them.
    /// - Complexity: about 30 GB/s with the CPU's instructions, 2 GB/s without.
    public static func checksum(_ bytes: RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
        guard isInHardware else { return portable(bytes, continuing: crc) }
        // Safe: the C function reads exactly the bytes of the span.
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return crc }
            return unsafe chw_crc32c(crc, start, buffer.count)
        }
    }

    /// The checksum of an integer's bytes, little-endian.
    public static func checksum(_ value: Int64, continuing crc: UInt32) -> UInt32 {
        guard isInHardware else {
            var writer = ByteWriter(capacity: 8)
            writer.integer(value)
            return portable(writer.bytes.raw, continuing: crc)
        }
        // Safe: the C function reads exactly the bytes of the local value.
        return unsafe withUnsafeBytes(of: value.littleEndian) { buffer in
            guard let start = buffer.baseAddress else { return crc }
            return unsafe chw_crc32c(crc, start, buffer.count)
        }
    }

    /// The same checksum by table (slice-by-8): the path of CPUs without the instruction, and the
    /// slow twin that tests compare with.
    public static func portable(_ bytes: RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
        let tables = Self.tables
        var state = ~crc
        var offset = 0
        while bytes.byteCount - offset >= 8 {
            let low = bytes.littleEndian(at: offset, as: UInt32.self) ^ state
            let high = bytes.littleEndian(at: offset + 4, as: UInt32.self)
            state = 0
            for lane in 0..<4 {
                let shift = UInt32(8 * lane)
                state ^= tables[(7 - lane) * 256 + Int((low >> shift) & 0xff)]
                state ^= tables[(3 - lane) * 256 + Int((high >> shift) & 0xff)]
            }
            offset += 8
        }
        while offset < bytes.byteCount {
            let index = Int((state ^ UInt32(bytes.byte(at: offset))) & 0xff)
            state = tables[index] ^ (state >> 8)
            offset += 1
        }
        return ~state
    }

    /// Eight tables of 256 entries: entry i of table t is the remainder of byte i followed by t
    /// zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var remainder = UInt32(index)
            for _ in 0..<8 {
                remainder = (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82f6_3b78 : 0)
            }
            tables[index] = remainder
        }
        for entry in 256..<tables.count {
            let before = tables[entry - 256]
            tables[entry] = tables[Int(before & 0xff)] ^ (before >> 8)
        }
        return tables
    }()
}
