/// Message authentication with SHA-256. Source: RFC 2104; test vectors in RFC 4231.
public struct HMACSHA256: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    /// Codes under one key, of any length.
    public init(key: [UInt8]) {
        var block = key
        if key.count > 64 { block = SHA256.digest(key.raw).bytes }
        block.append(contentsOf: repeatElement(0, count: 64 - block.count))
        var (inner, outer) = (SHA256(), SHA256())
        let (innerPad, outerPad) = (block.map { $0 ^ 0x36 }, block.map { $0 ^ 0x5c })
        inner.update(innerPad.raw)
        outer.update(outerPad.raw)
        self.inner = inner
        self.outer = outer
    }

    /// The 32 bytes that authenticate a message.
    public func code(of message: [UInt8]) -> [UInt8] {
        var (inner, outer) = (inner, outer)
        inner.update(message.raw)
        let digest = inner.finalized().bytes
        outer.update(digest.raw)
        return outer.finalized().bytes
    }

    /// Makes 32 bytes of a password that are dear to guess: PBKDF2 with one block.
    /// Source: RFC 8018, section 5.2.
    /// - Complexity: two hashes per iteration.
    public static func derive(
        password: [UInt8], salt: [UInt8], iterations: Int
    ) -> [UInt8] {
        let code = HMACSHA256(key: password)
        var last = code.code(of: salt + [0, 0, 0, 1])
        var derived = last
        for _ in 1..<max(1, iterations) {
            last = code.code(of: last)
            for index in derived.indices { derived[index] ^= last[index] }
        }
        return derived
    }
}

extension Array where Element == UInt8 {
    /// Whether both hold the same bytes, in a time that does not tell where they differ.
    public func equalsInConstantTime(_ other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        var difference: UInt8 = 0
        for index in indices { difference |= self[index] ^ other[index] }
        return difference == 0
    }
}
