public import VarveBytes

/// The snappy format, decompression only, raw or in the blocks that Java clients write (xerial):
///
///     raw     = size as unsigned varint, element*
///     element = tag with 2 bits of kind, ...
///       kind 0: literal; length - 1 in the tag's upper bits, or in 1-4 bytes after it (60-63)
///       kind 1: copy; length 4-11 in 3 bits, distance in 3 bits and a byte
///       kind 2, 3: copy; length 1-64 in 6 bits, distance in 2 or 4 bytes
///     xerial  = 82 "SNAPPY" 00, version i32, compatible version i32, (size i32, raw)*
///
/// Source: google/snappy, format_description.txt; xerial/snappy-java, SnappyCodec.
public enum Snappy {
    private static let magic: [UInt8] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]
    private static let xerialHeader = 16

    /// Decompresses into `output`, which is emptied first; its capacity is reused.
    /// - Throws: `ByteError.decompression` when the bytes are not snappy, are damaged, or hold more
    ///   than `limit` bytes.
    public static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], limit: Int
    ) throws(ByteError) {
        output.removeAll(keepingCapacity: true)
        guard bytes.byteCount >= xerialHeader,
            bytes.extracting(0..<magic.count).equals(magic.raw)
        else { return try raw(bytes, &output, limit) }
        var reader = ByteReader(bytes)
        _ = try reader.take(xerialHeader)
        while reader.remaining > 0 {
            let size = try reader.bigEndian(Int32.self)
            let block = try reader.takeRange(
                try reader.checked(Int64(size), atMost: reader.remaining))
            try raw(bytes.extracting(block), &output, limit)
        }
    }

    private static func raw(
        _ bytes: RawSpan, _ output: inout [UInt8], _ limit: Int
    ) throws(ByteError) {
        var reader = ByteReader(bytes)
        let size = try reader.unsignedVarint()
        guard size <= UInt64(max(0, limit - output.count)) else { throw Inflate.tooLong(limit) }
        let start = output.count
        let end = start + Int(size)
        // A byte stands for at most 64: what is reserved is bounded by what came.
        output.reserveCapacity(start + min(Int(size), bytes.byteCount * 64))
        while reader.remaining > 0 {
            let tag = Int(try reader.integer(UInt8.self))
            let (length, distance): (Int, Int)
            switch tag & 3 {
            case 0:
                let length = try literalLength(tag >> 2, &reader)
                guard length <= end - output.count else { throw overflow }
                output.append(copying: try reader.take(length))
                continue
            case 1:
                length = 4 + (tag >> 2 & 7)
                distance = (tag >> 5) << 8 | Int(try reader.integer(UInt8.self))
            case 2: (length, distance) = (1 + (tag >> 2), Int(try reader.integer(UInt16.self)))
            default: (length, distance) = (1 + (tag >> 2), Int(try reader.integer(UInt32.self)))
            }
            guard distance > 0, distance <= output.count - start else {
                throw .decompression(reason: "a snappy copy from beyond the beginning")
            }
            guard length <= end - output.count else { throw overflow }
            output.repeatTail(length, distance: distance)
        }
        guard output.count == end else {
            throw .decompression(reason: "the snappy block ends early")
        }
    }

    private static let overflow = ByteError.decompression(
        reason: "the snappy block holds more than it says")

    private static func literalLength(
        _ field: Int, _ reader: inout ByteReader
    ) throws(ByteError) -> Int {
        if field < 60 { return field + 1 }
        var length = 0
        for index in 0..<(field - 59) {
            length |= Int(try reader.integer(UInt8.self)) << (8 * index)
        }
        return length + 1
    }
}
