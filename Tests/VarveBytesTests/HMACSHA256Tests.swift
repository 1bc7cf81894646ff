import Testing
import VarveBytes

@Suite struct HMACSHA256Tests {
    /// Source: RFC 4231, test cases 1, 2 and 6.
    @Test func `the vectors of RFC 4231 come out`() {
        let cases: [([UInt8], [UInt8], String)] = [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ]
        for (key, message, expected) in cases {
            #expect(HMACSHA256(key: key).code(of: message).hex == expected)
        }
    }

    /// Source: RFC 7914, section 11 (the first 32 bytes).
    @Test func `the vectors of PBKDF2 come out`() {
        let derived = HMACSHA256.derive(
            password: Array("passwd".utf8), salt: Array("salt".utf8), iterations: 1)
        #expect(
            derived.hex == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
        let slow = HMACSHA256.derive(
            password: Array("Password".utf8), salt: Array("NaCl".utf8), iterations: 80_000)
        #expect(slow.hex == "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56")
    }

    @Test func `bytes are equal in every place or not at all`() {
        #expect([1, 2, 3].equalsInConstantTime([1, 2, 3]))
        #expect(![1, 2, 3].equalsInConstantTime([1, 2, 4]))
        #expect(![1, 2, 3].equalsInConstantTime([1, 2]))
    }
}
