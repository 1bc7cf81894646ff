import Testing
import VarveBytes

/// Vectors: NIST FIPS 180-4 examples and SHAVS.
@Suite struct SHA256Tests {
    private static let vectors: [(String, String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
                + "klmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test(arguments: [false, true])
    func `the published digests come out`(portable: Bool) {
        for (text, digest) in Self.vectors {
            var hash = SHA256(portable: portable)
            hash.update(Array(text.utf8).raw)
            #expect(hash.finalized().description == digest)
        }
    }

    @Test func `bytes that NIST gives in hexadecimal give its digests`() throws {
        // SHA256ShortMsg.rsp, lengths 8 and 512 bits.
        let short = try #require([UInt8](hex: "d3"))
        #expect(
            SHA256.digest(short.raw).description
                == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1")
        let block = try #require(
            [UInt8](
                hex: "5a86b737eaea8ee976a0a24da63e7ed7eefad18a101c1211e2b3650c5187c2a8"
                    + "a650547208251f6d4237e661c7bf4c77f335390394c37fa1a9f9be836ac28509"))
        #expect(
            SHA256.digest(block.raw).description
                == "42e61e174fbb3897d6dd6cef3dd2802fe67b331953b06114a65c772859dfc1aa")
    }

    @Test func `pieces of any size, both paths and the prefixed form agree`() {
        let bytes = (0..<400).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 3) }
        for length in 0...300 {
            let part = Array(bytes.prefix(length))
            let whole = SHA256.digest(part.raw)
            for portable in [false, true] {
                var hash = SHA256(portable: portable)
                var at = 0
                var step = 1
                while at < length {
                    let end = min(length, at + step)
                    hash.update(part.raw.extracting(at..<end))
                    at = end
                    step = step * 2 + 1
                }
                #expect(hash.finalized() == whole, "length \(length), portable \(portable)")
            }
            var prefixed: [UInt8] = [9]
            SHA256.appendDigest(prefix: 7, part.raw, to: &prefixed)
            #expect(prefixed == [9] + SHA256.digest(([7] + part).raw).bytes, "length \(length)")
        }
    }

    @Test func `two hashes fed at once are those of each alone`() {
        let words = (0..<70).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        for (count, otherCount) in [(0, 0), (0, 70), (5, 64), (70, 70), (8, 9), (64, 7)] {
            for (head, otherHead) in [(0, 0), (1, 0), (63, 5), (13, 64), (200, 77)] {
                var (one, other) = (SHA256(), SHA256())
                one.update(bytes.raw.extracting(0..<head))
                other.update(bytes.raw.extracting(0..<otherHead))
                SHA256.update(
                    &one, words: words.span.extracting(0..<count), &other,
                    words: words.span.extracting(0..<otherCount))
                let whole = Array(bytes[..<head] + bytes[..<(8 * count)])
                let otherWhole = Array(bytes[..<otherHead] + bytes[..<(8 * otherCount)])
                #expect(one.finalized() == SHA256.digest(whole.raw), "\(count) after \(head)")
                #expect(other.finalized() == SHA256.digest(otherWhole.raw), "\(otherCount)")
            }
        }
    }
}
