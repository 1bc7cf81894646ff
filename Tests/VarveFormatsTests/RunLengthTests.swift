import Testing
import VarveBytes

@testable import VarveFormats

@Suite struct RunLengthTests {
    @Test(arguments: 0...32)
    func `values of any width come back, in runs and packed`(width: Int) throws {
        var random = SplitMix64(seed: UInt64(width))
        let mask = width == 0 ? 0 : UInt32.max >> UInt32(32 - width)
        for _ in 0..<60 {
            var values: [UInt32] = []
            for _ in 0..<random.below(12) {
                let value = UInt32(truncatingIfNeeded: random.next()) & mask
                let length = random.below(3) == 0 ? random.below(40) : 1 + random.below(9)
                values += (0..<length).map {
                    length < 10 ? (value &+ UInt32($0)) & mask : value
                }
            }
            var writer = ByteWriter()
            RunLengthWriter.write(values.span, width: width, to: &writer)
            var read: [UInt32] = []
            var reader = RunLengthReader(writer.bytes.raw, width: width)
            if !values.isEmpty {
                try reader.values(values.count, below: .max, into: &read)
            }
            #expect(read == values)
            #expect(writer.bytes == Self.written(values, width: width), "\(values)")
        }
    }

    @Test(arguments: 0...32)
    func `words are those that values stand for, and none for what stands for no word`(
        width: Int
    ) throws {
        var random = SplitMix64(seed: UInt64(width) + 100)
        let most = width < 10 ? 1 << width : 1000
        for _ in 0..<60 {
            // Sometimes the last values are one too large.
            let entries = (0..<(1 + random.below(most))).map { UInt64($0) << 33 | 5 }
            let limit = entries.count + (entries.count < most ? random.below(2) : 0)
            var values: [UInt32] = []
            for _ in 0..<(1 + random.below(12)) {
                let value = limit - 1 - random.below(min(limit, 3))
                values += repeatElement(UInt32(value), count: 1 + random.below(30))
            }
            var writer = ByteWriter()
            RunLengthWriter.write(values.span, width: width, to: &writer)
            for bytes in [writer.bytes, random.mutated(writer.bytes)] {
                var expected: [UInt32]? = []
                do {
                    var reader = RunLengthReader(bytes.raw, width: width)
                    var read: [UInt32] = []
                    try reader.values(values.count, below: entries.count, into: &read)
                    expected = read
                } catch { expected = nil }
                var words: [UInt64]? = [7]
                do {
                    var reader = RunLengthReader(bytes.raw, width: width)
                    var read: [UInt64] = [7]
                    try reader.words(values.count, of: entries, into: &read)
                    words = read
                } catch { words = nil }
                #expect(words == expected.map { [7] + $0.map { entries[Int($0)] } })
            }
        }
    }

    /// The same by the format's words: runs of eight or more that begin where whole groups end, the
    /// values between them in groups of eight, bit by bit.
    private static func written(_ values: [UInt32], width: Int) -> [UInt8] {
        var writer = ByteWriter()
        var pending: [UInt32] = []
        func pack() {
            if pending.isEmpty { return }
            let groups = (pending.count + 7) / 8
            writer.unsignedVarint(UInt64(groups) << 1 | 1)
            var bytes = [UInt8](repeating: 0, count: groups * width)
            for (index, value) in pending.enumerated() {
                for bit in 0..<width where value >> UInt32(bit) & 1 == 1 {
                    let place = index * width + bit
                    bytes[place / 8] |= 1 << UInt8(place % 8)
                }
            }
            writer.raw(bytes)
            pending = []
        }
        var index = 0
        while index < values.count {
            let run = values[index...].prefix { $0 == values[index] }.count
            let fill = (8 - pending.count % 8) % 8
            if run - fill >= 8 {
                pending += values[index..<(index + fill)]
                pack()
                writer.unsignedVarint(UInt64(run - fill) << 1)
                for byte in 0..<((width + 7) / 8) {
                    writer.integer(UInt8(truncatingIfNeeded: values[index] >> UInt32(8 * byte)))
                }
            } else {
                pending += values[index..<(index + run)]
            }
            index += run
        }
        pack()
        return writer.bytes
    }
}
