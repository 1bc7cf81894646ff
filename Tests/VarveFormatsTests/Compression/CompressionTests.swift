import Testing
import VarveBytes
import VarveFormats

/// Texts compressed by zlib and snappy: see tools/fixtures/compression.py, which makes the same
/// texts.
@Suite struct CompressionTests {
    private static let texts: [String: [UInt8]] = {
        var skewed: [UInt8] = []
        var (a, b) = (1, 1)
        for symbol in UInt8(0)..<20 {
            skewed += [UInt8](repeating: symbol, count: a)
            (a, b) = (b, a + b)
        }
        var state: UInt64 = 1
        let noise = (0..<3000).map { _ in
            state = (state * 1_103_515_245 + 12345) % (1 << 31)
            return UInt8(state >> 16 & 255)
        }
        return [
            "empty": [], "lines": (0..<500).flatMap { Array("line \($0) of text\n".utf8) },
            "zeros": [UInt8](repeating: 0, count: 20_000),
            "skewed": skewed.indices.map { skewed[$0 * 7919 % skewed.count] }, "noise": noise,
        ]
    }()

    private static let names = [
        "empty", "lines", "zeros", "skewed", "noise",
    ].flatMap { text in
        (["best.gz", "fixed.gz", "huffman.gz", "raw.snappy", "xerial.snappy"]
            + (text == "lines" ? ["stored.gz"] : [])).map { "\(text)-\($0)" }
    }

    private static func packed(_ name: String) throws -> [UInt8] {
        let text = String(
            decoding: try Fixture.bytes("compression/\(name).hex"), as: UTF8.self)
        return try #require([UInt8](hex: String(text.dropLast())))
    }

    private static func decompress(
        _ name: String, _ bytes: [UInt8], limit: Int
    ) throws -> [UInt8] {
        var output: [UInt8] = [1, 2, 3]
        if name.hasSuffix(".gz") {
            try Gzip.decompress(bytes.raw, into: &output, limit: limit)
        } else {
            try Snappy.decompress(bytes.raw, into: &output, limit: limit)
        }
        return output
    }

    @Test(arguments: names)
    func `what others compressed comes back`(_ name: String) throws {
        let text = try #require(Self.texts[String(name.prefix { $0 != "-" })])
        let bytes = try Self.packed(name)
        #expect(try Self.decompress(name, bytes, limit: text.count) == text)
        if !text.isEmpty {
            #expect(throws: ByteError.self, "one byte more than may be") {
                try Self.decompress(name, bytes, limit: text.count - 1)
            }
        }
    }

    @Test(arguments: names)
    func `bytes cut anywhere are refused`(_ name: String) throws {
        let bytes = try Self.packed(name)
        // Blocks of xerial may end the bytes wherever one ends.
        if name.hasSuffix("xerial.snappy") { return }
        for end in 0..<min(bytes.count, 300) {
            let cut = Array(bytes[..<end])
            #expect(throws: ByteError.self) {
                try Self.decompress(name, cut, limit: 1 << 20)
            }
        }
    }

    @Test(arguments: names)
    func `damaged bytes are refused or give bounded output, never trap`(_ name: String) throws {
        let bytes = try Self.packed(name)
        var random = SplitMix64(seed: 31)
        for _ in 0..<100 {
            let damaged = random.mutated(bytes)
            if let output = try? Self.decompress(name, damaged, limit: 1 << 15) {
                #expect(output.count <= 1 << 15)
                // A gzip member has a checksum: only what it does not cover may differ.
                if name.hasSuffix(".gz"), damaged.count == bytes.count, output.count > 0 {
                    #expect(output == Self.texts[String(name.prefix { $0 != "-" })])
                }
            }
        }
    }

    @Test func `members follow one another, and their optional fields are skipped`() throws {
        let member = try Self.packed("lines-best.gz")
        let text = try #require(Self.texts["lines"])
        var named = member
        named[3] = 4 + 8 + 16 + 2
        named.insert(contentsOf: [2, 0, 9, 9] + Array("name\0words\0".utf8) + [1, 2], at: 10)
        let found = try Self.decompress("two.gz", member + named, limit: 1 << 20)
        #expect(found == text + text)
    }

    @Test func `a batch of either codec gives its records`() throws {
        let plain = try RecordBatch.encode([
            Record(key: [1], value: Array("one".utf8), timestamp: 5),
            Record(key: nil, value: Array("two".utf8), timestamp: 6),
        ])
        let payload = Array(plain[RecordBatchHeader.size...])
        // A snappy block of one literal; a gzip member of one stored block.
        let snappy = [UInt8(payload.count), UInt8(payload.count - 1) << 2] + payload
        var gzip: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1]
        gzip += [UInt8(payload.count), 0, ~UInt8(payload.count), 0xff] + payload
        var crc = ~UInt32(0)
        for byte in payload {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0xedb8_8320 : 0) }
        }
        var writer = ByteWriter()
        writer.integer(~crc)
        writer.integer(UInt32(payload.count))
        gzip += writer.bytes
        for (codec, packed) in [(Compression.snappy, snappy), (.gzip, gzip)] {
            var bytes = Array(plain[..<RecordBatchHeader.size]) + packed
            bytes[22] = codec.rawValue
            bytes.patchBigEndian(
                Int32(bytes.count - RecordBatchHeader.lengthEnd), at: 8)
            var scratch: [UInt8] = []
            var found: [String] = []
            try RecordBatch.forEachRecord(bytes.raw, scratch: &scratch) { record in
                found.append(record.value?.text() ?? "")
            }
            #expect(found == ["one", "two"])
        }
    }
}
