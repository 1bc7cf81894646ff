import VarveBytes

/// Writes integers as differences: blocks of 128 values in four miniblocks, as parquet-mr and
/// pyarrow do. The last miniblock is filled with zeros, those that are not needed have a width only.
extension DeltaEncoding {
    private static let blockSize = 128
    private static let miniblocks = 4
    private static let miniblockSize = blockSize / miniblocks

    /// Bytes that `write` adds for the same values.
    static func size(of values: borrowing Span<UInt64>) -> Int {
        var head = ByteWriter(capacity: 32)
        writeHead(values, to: &head)
        var size = head.count
        for start in stride(from: 1, to: values.count, by: blockSize) {
            let block = Block(values, from: start)
            size += block.byteCount
        }
        return size
    }

    /// Writes any number of integers.
    static func write(_ values: borrowing Span<UInt64>, to writer: inout ByteWriter) {
        writeHead(values, to: &writer)
        for start in stride(from: 1, to: values.count, by: blockSize) {
            let block = Block(values, from: start)
            writer.varint(Int64(bitPattern: block.least))
            writer.integer(block.widths)
            for index in 0..<miniblocks where block.width(index) > 0 {
                let first = start + index * miniblockSize
                pack(
                    values, first..<min(first + miniblockSize, values.count),
                    least: block.least, width: block.width(index), to: &writer)
            }
        }
    }

    private static func writeHead(_ values: borrowing Span<UInt64>, to writer: inout ByteWriter) {
        writer.unsignedVarint(UInt64(blockSize))
        writer.unsignedVarint(UInt64(miniblocks))
        writer.unsignedVarint(UInt64(values.count))
        writer.varint(values.isEmpty ? 0 : Int64(bitPattern: values[0]))
    }

    /// How the differences of a block are stored.
    private struct Block {
        /// The least difference to the value before, as a signed integer; differences wrap.
        let least: UInt64
        /// Bits that each miniblock's differences need beyond it, a byte for each, the first lowest.
        let widths: UInt32

        init(_ values: borrowing Span<UInt64>, from start: Int) {
            let end = min(start + blockSize, values.count)
            var least = Int64.max
            for index in start..<end {
                least = min(least, Int64(bitPattern: values[index] &- values[index - 1]))
            }
            self.least = UInt64(bitPattern: least)
            var widths: UInt32 = 0
            for index in 0..<miniblocks {
                let first = start + index * miniblockSize
                var bits: UInt64 = 0
                for place in min(first, end)..<min(first + miniblockSize, end) {
                    bits |= values[place] &- values[place - 1] &- self.least
                }
                widths |= UInt32(64 - bits.leadingZeroBitCount) << UInt32(8 * index)
            }
            self.widths = widths
        }

        func width(_ index: Int) -> Int { Int(widths >> UInt32(8 * index) & 0xFF) }

        var byteCount: Int {
            let difference = UInt64(bitPattern: Int64(bitPattern: least) << 1)
                ^ UInt64(bitPattern: Int64(bitPattern: least) >> 63)
            // Seven bits of the zig-zag difference in a byte.
            var size = max(1, (64 - difference.leadingZeroBitCount + 6) / 7) + miniblocks
            for index in 0..<miniblocks { size += miniblockSize / 8 * width(index) }
            return size
        }
    }

    /// Writes what differences have beyond the least one, the least significant bit first.
    private static func pack(
        _ values: borrowing Span<UInt64>, _ range: Range<Int>, least: UInt64, width: Int,
        to writer: inout ByteWriter
    ) {
        let bits = UInt64(width)
        let size = miniblockSize / 8 * width
        let end = writer.count + size
        var word: UInt64 = 0
        var filled: UInt64 = 0
        for index in range {
            let value = values[index] &- values[index - 1] &- least
            word |= value &<< filled
            filled += bits
            if filled >= 64 {
                writer.integer(word)
                filled -= 64
                // What found no room; nothing where the shift is 64.
                word = value >> (bits - filled)
            }
        }
        // The rest, and the zeros that fill the miniblock; a word of zeros may be half too long.
        while writer.count < end {
            if end - writer.count >= 8 { writer.integer(word) } else {
                writer.integer(UInt32(truncatingIfNeeded: word))
            }
            word = 0
        }
    }
}
