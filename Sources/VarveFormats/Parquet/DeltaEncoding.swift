import VarveBytes

/// Parquet's encodings by differences: the offline store's integers, and what other writers choose for
/// their second page version.
///
///     packed   varint block size | varint miniblocks in a block | varint count | zig-zag first |
///              block: zig-zag least difference | u8 width for each miniblock | miniblock ...
///     lengths  packed lengths | all bytes
///     texts    packed lengths shared with the text before | lengths of the rest, all bytes
///
/// Source: github.com/apache/parquet-format, `Encodings.md`.
enum DeltaEncoding {
    /// Reads `count` integers at most; files say again how many there are.
    static func integers(
        _ bytes: inout ByteReader, atMost limit: Int, into values: inout [UInt64]
    ) throws(ByteError) {
        let blockSize = try bytes.checked(
            Int64(clamping: try bytes.unsignedVarint()), atMost: 1 << 24)
        let miniblocks = try bytes.checked(
            Int64(clamping: try bytes.unsignedVarint()), atMost: 1 << 16)
        let count = try bytes.checked(
            Int64(clamping: try bytes.unsignedVarint()), atMost: limit)
        var value = UInt64(bitPattern: try bytes.varint())
        guard miniblocks > 0, blockSize % miniblocks == 0, blockSize / miniblocks % 8 == 0,
            blockSize > 0
        else { throw .lengthOutOfRange(at: bytes.offset, value: Int64(blockSize), limit: 0) }
        let perMiniblock = blockSize / miniblocks
        var left = count
        if left > 0 {
            values.append(value)
            left -= 1
        }
        while left > 0 {
            let least = UInt64(bitPattern: try bytes.varint())
            let widths = try bytes.take(miniblocks)
            for index in 0..<miniblocks where left > 0 {
                let width = try bytes.checked(Int64(widths.byte(at: index)), atMost: 64)
                // What follows is loaded with the last values, not used.
                var ahead = bytes
                let packed = try ahead.take(ahead.remaining)
                _ = try bytes.takeRange(perMiniblock * width / 8)
                let count = min(left, perMiniblock)
                value = values.append(
                    differences: packed, width: width, count: count, least: least, after: value)
                left -= count
            }
        }
    }

    /// Reads texts by their lengths.
    static func lengthTexts(
        _ bytes: inout ByteReader, atMost limit: Int, into texts: inout ParquetTexts
    ) throws(ByteError) {
        var lengths: [UInt64] = []
        try integers(&bytes, atMost: limit, into: &lengths)
        for length in lengths {
            let length = try bytes.checked(Int64(truncatingIfNeeded: length), atMost: bytes.remaining)
            texts.append(try bytes.take(length))
        }
    }

    /// Reads texts by what they share with the one before.
    /// - Parameter byteLimit: bytes of all texts, which may be far more than those read.
    static func texts(
        _ bytes: inout ByteReader, atMost limit: Int, byteLimit: Int,
        into texts: inout ParquetTexts
    ) throws(ByteError) {
        var shared: [UInt64] = []
        try integers(&bytes, atMost: limit, into: &shared)
        var rest = ParquetTexts()
        try lengthTexts(&bytes, atMost: shared.count, into: &rest)
        guard rest.count == shared.count else {
            throw .lengthOutOfRange(at: bytes.offset, value: Int64(rest.count), limit: shared.count)
        }
        var last: [UInt8] = []
        for index in 0..<rest.count {
            let kept = try bytes.checked(
                Int64(truncatingIfNeeded: shared[index]), atMost: last.count)
            last.removeLast(last.count - kept)
            last += rest.bytes[rest.ends[index]..<rest.ends[index + 1]]
            guard last.count <= byteLimit - texts.bytes.count else {
                throw .lengthOutOfRange(
                    at: bytes.offset, value: Int64(last.count), limit: byteLimit)
            }
            texts.append(last.raw)
        }
    }
}
