import Testing
import VarveBytes

@Suite struct ByteSearchTests {
    @Test func `a byte is found where it is next, from any offset, among bytes like it`() {
        var state: UInt64 = 5
        for _ in 0..<400 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Zeros, ones and bytes with the top bit, next to which a borrow could be mistaken.
            let bytes: [UInt8] = (0..<Int(state >> 59)).map { index in
                [0, 1, 9, 10, 11, 0x80, 0x8A, 0xFF][Int(truncatingIfNeeded: state >> UInt64(index)) & 7]
            }
            for byte: UInt8 in [0, 1, 10, 0x80, 0xFF] {
                for start in 0...bytes.count {
                    let expected = (start..<bytes.count).first { bytes[$0] == byte }
                    #expect(bytes.raw.firstOffset(of: byte, from: start) == expected)
                }
            }
        }
    }
}
