import Testing
import VarveBytes
import VarveFormats

struct RecordBatchTests {
    private let records = [
        Record(key: Array("k".utf8), value: Array(#"{"a":1}"#.utf8), timestamp: 1000),
        Record(
            key: nil, value: nil, headers: [.init(name: "h", value: [1, 2]), .init(name: "n", value: nil)],
            timestamp: 990),
        Record(key: [], value: [], timestamp: 1005),
    ]

    private func decoded(_ bytes: [UInt8]) throws -> [Record] {
        var scratch: [UInt8] = []
        var found: [Record] = []
        try RecordBatch.forEachRecord(bytes.raw, scratch: &scratch) { found.append(try $0.copied()) }
        return found
    }

    @Test("records come back from a batch as they went in", arguments: [Compression.none, .lz4])
    func roundTrip(_ compression: Compression) throws {
        let bytes = try RecordBatch.encode(records, compression: compression)
        let header = try RecordBatch.verify(bytes.raw)
        #expect(header.recordCount == 3)
        #expect(header.totalSize == bytes.count)
        #expect(header.maxTimestamp == 1005)
        #expect(try decoded(bytes) == records)
    }

    @Test("values alone are encoded as records without keys are", arguments: [1, 2, 65, 5000])
    func values(_ count: Int) throws {
        var generator = SplitMix64(seed: UInt64(count))
        var bytes: [UInt8] = [1, 2, 3]
        let ranges = (0..<count).map { _ in
            let start = bytes.count
            // Around the sizes at which a length takes one byte more.
            let size = generator.below(3) == 0 ? 8190 + generator.below(6) : generator.below(70)
            for _ in 0..<size { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
            bytes.append(0)
            return start..<bytes.count - 1
        }
        let records = ranges.map { Record(key: nil, value: Array(bytes[$0]), timestamp: -7) }
        let found = try RecordBatch.encode(ranges[...], of: bytes.raw, timestamp: -7)
        #expect(found == (try RecordBatch.encode(records)))
    }

    @Test("placing a batch leaves its checksum valid")
    func placement() throws {
        var bytes = try RecordBatch.encode(records)
        RecordBatch.setPlacement(&bytes, baseOffset: 77, leaderEpoch: 3)
        let header = try RecordBatch.verify(bytes.raw)
        #expect(header.baseOffset == 77)
        #expect(header.leaderEpoch == 3)
    }

    @Test("a batch cut at any byte is refused, never read past its end")
    func cuts() throws {
        let bytes = try RecordBatch.encode(records)
        for end in 0..<bytes.count {
            let cut = Array(bytes[..<end])
            #expect(throws: RecordBatchError.self) { try RecordBatch.verify(cut.raw) }
        }
    }

    @Test("any flipped bit after the placement is noticed")
    func flips() throws {
        let bytes = try RecordBatch.encode(records)
        for bit in (16 * 8)..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: RecordBatchError.self) { try RecordBatch.verify(damaged.raw) }
            // Without the checksum it may decode to something else, but must not crash.
            _ = try? decoded(damaged)
        }
    }
}
