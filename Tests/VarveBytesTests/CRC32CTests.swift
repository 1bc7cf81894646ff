import Testing
import VarveBytes

@Suite struct CRC32CTests {
    @Test func `the check value of RFC 3720 comes out`() {
        #expect(CRC32C.checksum(Array("123456789".utf8).raw) == 0xe306_9283)
        #expect(CRC32C.portable(Array("123456789".utf8).raw) == 0xe306_9283)
    }
    @Test(arguments: [0, 1, 7, 8, 63, 503, 504, 505, 4031, 4032, 4033, 10_000])
    func `hardware equals tables`(length: Int) {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 5) }
        #expect(
            CRC32C.checksum(bytes.raw, continuing: 7) == CRC32C.portable(bytes.raw, continuing: 7))
    }
}
