import Testing
import VarveBytes

@testable import VarveFormats

@Suite struct DeltaEncodingTests {
    /// Integers as differences by the format's words, bit by bit, in blocks of any shape.
    /// - Parameter unneeded: the widths of miniblocks that have no values.
    private static func written(
        _ values: [UInt64], blockSize: Int = 128, miniblocks: Int = 4, unneeded: UInt8 = 0
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.unsignedVarint(UInt64(blockSize))
        writer.unsignedVarint(UInt64(miniblocks))
        writer.unsignedVarint(UInt64(values.count))
        writer.varint(Int64(bitPattern: values.first ?? 0))
        let differences = zip(values, values.dropFirst()).map { $1 &- $0 }
        let perMiniblock = blockSize / miniblocks
        for start in stride(from: 0, to: differences.count, by: blockSize) {
            let block = differences[start...].prefix(blockSize)
            let least = block.map { Int64(bitPattern: $0) }.min() ?? 0
            writer.varint(least)
            let parts = (0..<miniblocks).map { number in
                block.dropFirst(number * perMiniblock).prefix(perMiniblock).map {
                    $0 &- UInt64(bitPattern: least)
                }
            }
            let widths = parts.map { part in
                part.map { 64 - $0.leadingZeroBitCount }.max()
            }
            for width in widths { writer.integer(width.map { UInt8($0) } ?? unneeded) }
            for (part, width) in zip(parts, widths) {
                guard let width else { continue }
                var bytes = [UInt8](repeating: 0, count: perMiniblock * width / 8)
                for (place, value) in part.enumerated() {
                    for bit in 0..<width where value >> UInt64(bit) & 1 == 1 {
                        bytes[(place * width + bit) / 8] |= 1 << UInt8((place * width + bit) % 8)
                    }
                }
                writer.raw(bytes)
            }
        }
        return writer.bytes
    }

    /// Integers that walk by steps of some size, now and then of another.
    private static func walk(_ random: inout SplitMix64, count: Int) -> [UInt64] {
        var (value, shift) = (random.next(), UInt64(random.below(64)))
        return (0..<count).map { _ in
            if random.below(50) == 0 { shift = UInt64(random.below(65)) }
            value = value &+ random.next() >> shift
            return random.below(500) == 0 ? [0, .max, 1 << 63, .max >> 1][random.below(4)] : value
        }
    }

    private static let counts = [0, 1, 2, 3, 31, 32, 33, 34, 96, 97, 128, 129, 130, 161, 257, 1000]

    private static func read(_ bytes: [UInt8], atMost limit: Int) throws -> (
        values: [UInt64], end: Int
    ) {
        var values: [UInt64] = []
        var reader = ByteReader(bytes.raw)
        try DeltaEncoding.integers(&reader, atMost: limit, into: &values)
        return (values, reader.offset)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `integers are written as the format says, and come back`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for count in Self.counts {
            let values = Self.walk(&random, count: count)
            var writer = ByteWriter()
            DeltaEncoding.write(values.span, to: &writer)
            #expect(writer.bytes == Self.written(values), "seed \(seed), \(count) values")
            #expect(DeltaEncoding.size(of: values.span) == writer.count)
            let (found, end) = try Self.read(writer.bytes, atMost: count)
            #expect(found == values, "seed \(seed), \(count) values")
            #expect(end == writer.count)
        }
    }

    @Test(arguments: 0...64)
    func `differences of any width come back, whatever follows them`(width: Int) throws {
        var random = SplitMix64(seed: UInt64(width))
        for trailing in [0, 1, 7, 8, 9, 40] {
            var value = random.next()
            let values = (0..<70).map { place in
                // The least difference is zero, the largest has all bits.
                let all = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
                value = value &+ (place % 9 == 4 ? 0 : place % 9 == 5 ? all : random.next() & all)
                return value
            }
            let bytes = Self.written(values)
            let more = bytes + (0..<trailing).map { _ in UInt8.max }
            let (found, end) = try Self.read(more, atMost: values.count)
            #expect(found == values && end == bytes.count, "\(trailing) bytes follow")
        }
    }

    @Test(arguments: [(8, 1), (128, 1), (128, 16), (64, 2), (256, 8), (1024, 4), (4096, 512)])
    func `blocks of other writers are read`(blockSize: Int, miniblocks: Int) throws {
        var random = SplitMix64(seed: UInt64(blockSize))
        for count in Self.counts {
            let values = Self.walk(&random, count: count)
            let bytes = Self.written(
                values, blockSize: blockSize, miniblocks: miniblocks, unneeded: 0xFF)
            let (found, end) = try Self.read(bytes + [1, 2, 3], atMost: count)
            #expect(found == values && end == bytes.count, "\(count) values")
        }
    }

    @Test func `differences cut at any byte are refused, and more than expected`() {
        var random = SplitMix64(seed: 1)
        for count in [0, 1, 2, 40, 300] {
            let bytes = Self.written(Self.walk(&random, count: count))
            for end in bytes.indices {
                #expect(throws: ByteError.self, "\(count) values, cut at \(end)") {
                    try Self.read(Array(bytes[..<end]), atMost: count)
                }
            }
            if count > 0 {
                #expect(throws: ByteError.self) { try Self.read(bytes, atMost: count - 1) }
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `damaged differences are read as something or refused, but never crash`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<300 {
            let values = Self.walk(&random, count: Self.counts[random.below(Self.counts.count)])
            let damaged = random.mutated(Self.written(values))
            if let (found, end) = try? Self.read(damaged, atMost: 2000) {
                #expect(found.count <= 2000 && end <= damaged.count, "seed \(seed)")
            }
        }
    }

    @Test(arguments: [
        [0x80, 1, 0, 1, 0], [0, 4, 1, 0], [0x80, 1, 3, 1, 0], [0x20, 8, 1, 0],
        // 2^25 values in a block; 65 bits in a miniblock.
        [0x80, 0x80, 0x80, 0x10, 1, 1, 0], [8, 1, 2, 0, 0, 65] + [UInt8](repeating: 0, count: 99),
    ] as [[UInt8]])
    func `blocks of impossible shapes are refused`(bytes: [UInt8]) {
        #expect(throws: ByteError.self) { try Self.read(bytes, atMost: 100) }
    }
}
