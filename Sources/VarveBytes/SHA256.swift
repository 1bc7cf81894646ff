internal import CHardware

/// The SHA-256 hash function, fed in pieces. Source: FIPS 180-4.
/// - Complexity: about 2 GB/s with the CPU's instructions, 0.35 GB/s without.
public struct SHA256: Sendable {
    private var state = initialState
    /// Bytes that do not fill a block yet; always fewer than 64.
    private var pending: [UInt8] = []
    private var byteCount: UInt64 = 0
    private let isInHardware: Bool

    /// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
    static let initialState: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
        0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    static let hasInstructions = chw_has_sha256() == 1

    /// Starts a hash. `portable` forces the path of CPUs without the instructions.
    public init(portable: Bool = false) {
        isInHardware = Self.hasInstructions && !portable
        pending.reserveCapacity(64)
    }

    /// The digest of one span of bytes.
    public static func digest(_ bytes: RawSpan) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalized()
    }

    /// The digest of a text's UTF-8 bytes.
    public static func digest(_ text: String) -> Digest {
        digest(Array(text.utf8).raw)
    }

    /// Feeds more bytes.
    public mutating func update(_ bytes: RawSpan) {
        byteCount += UInt64(bytes.byteCount)
        var offset = 0
        if !pending.isEmpty {
            offset = min(64 - pending.count, bytes.byteCount)
            pending.append(copying: bytes.extracting(0..<offset))
            guard pending.count == 64 else { return }
            let block = pending
            pending.removeAll(keepingCapacity: true)
            Self.compress(block.raw, into: &state, isInHardware: isInHardware)
        }
        let whole = (bytes.byteCount - offset) / 64 * 64
        if whole > 0 {
            Self.compress(
                bytes.extracting(offset..<(offset + whole)), into: &state,
                isInHardware: isInHardware)
        }
        pending.append(copying: bytes.extracting((offset + whole)..<bytes.byteCount))
    }

    /// Feeds words, lowest byte first.
    public mutating func update(words: borrowing Span<UInt64>) {
        if Self.isLittleEndian {
            // Safe: words are initialised memory, read as the bytes they are.
            return update(unsafe words.bytes)
        }
        var bytes = ByteWriter(capacity: 8 * words.count)
        for index in words.indices { bytes.integer(words[index]) }
        update(bytes.bytes.raw)
    }

    /// Feeds words to two hashes, which takes not much more time than one of them takes.
    public static func update(
        _ one: inout SHA256, words: borrowing Span<UInt64>, _ other: inout SHA256,
        words otherWords: borrowing Span<UInt64>
    ) {
        guard isLittleEndian else {
            one.update(words: words)
            other.update(words: otherWords)
            return
        }
        // Safe: as above.
        let (bytes, otherBytes) = unsafe (words.bytes, otherWords.bytes)
        let start = one.fill(bytes)
        let otherStart = other.fill(otherBytes)
        let blocks = min(bytes.byteCount - start, otherBytes.byteCount - otherStart) / 64
        guard one.isInHardware, other.isInHardware, blocks > 0 else {
            one.update(bytes.extracting(start..<bytes.byteCount))
            other.update(otherBytes.extracting(otherStart..<otherBytes.byteCount))
            return
        }
        one.byteCount += UInt64(64 * blocks)
        other.byteCount += UInt64(64 * blocks)
        // Safe: both spans hold so many blocks of 64 bytes from their starts on, and each state
        // eight words.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe otherBytes.withUnsafeBytes { otherBuffer in
                guard let first = buffer.baseAddress, let otherFirst = otherBuffer.baseAddress
                else { return }
                unsafe one.state.withUnsafeMutableBufferPointer { words in
                    unsafe other.state.withUnsafeMutableBufferPointer { otherWords in
                        unsafe chw_sha256_blocks_of_two(
                            words.baseAddress, first + start, otherWords.baseAddress,
                            otherFirst + otherStart, blocks)
                    }
                }
            }
        }
        one.update(bytes.extracting((start + 64 * blocks)..<bytes.byteCount))
        other.update(otherBytes.extracting((otherStart + 64 * blocks)..<otherBytes.byteCount))
    }

    private static let isLittleEndian = UInt64(1).littleEndian == 1

    /// Fills the block that was begun.
    /// - Returns: how many bytes that took.
    private mutating func fill(_ bytes: RawSpan) -> Int {
        if pending.isEmpty { return 0 }
        let count = min(64 - pending.count, bytes.byteCount)
        update(bytes.extracting(0..<count))
        return count
    }

    /// The digest of everything fed so far. The hash can be fed further afterwards.
    public func finalized() -> Digest {
        var last = self
        var tail = ByteWriter(capacity: 72)
        tail.integer(UInt8(0x80))
        let length = pending.count + 1
        tail.zeros((length <= 56 ? 56 : 120) - length)
        tail.bigEndian(byteCount &* 8)
        last.update(tail.bytes.raw)
        var digest = ByteWriter(capacity: 32)
        for word in last.state { digest.bigEndian(word) }
        return Digest(digest.bytes)
    }

    private static func compress(
        _ blocks: RawSpan, into state: inout [UInt32], isInHardware: Bool
    ) {
        guard isInHardware else { return compressPortably(blocks, into: &state) }
        // Safe: the span holds whole blocks of 64 bytes, and the state eight words.
        unsafe blocks.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe state.withUnsafeMutableBufferPointer { words in
                unsafe chw_sha256_blocks(words.baseAddress, start, buffer.count / 64)
            }
        }
    }

    private static func compressPortably(_ blocks: RawSpan, into state: inout [UInt32]) {
        var schedule = [UInt32](repeating: 0, count: 64)
        for block in stride(from: 0, to: blocks.byteCount, by: 64) {
            for index in 0..<16 {
                schedule[index] = blocks.bigEndian(at: block + 4 * index)
            }
            for index in 16..<64 {
                let early = schedule[index - 15]
                let late = schedule[index - 2]
                let small = early.rotated(7) ^ early.rotated(18) ^ (early >> 3)
                let large = late.rotated(17) ^ late.rotated(19) ^ (late >> 10)
                schedule[index] = schedule[index - 16] &+ small &+ schedule[index - 7] &+ large
            }
            mix(schedule, into: &state)
        }
    }

    private static func mix(_ schedule: [UInt32], into state: inout [UInt32]) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let sumE = e.rotated(6) ^ e.rotated(11) ^ e.rotated(25)
            let choice = (e & f) ^ (~e & g)
            let first = h &+ sumE &+ choice &+ constants[index] &+ schedule[index]
            let sumA = a.rotated(2) ^ a.rotated(13) ^ a.rotated(22)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ sumA &+ majority)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] = state[index] &+ word
        }
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}

extension UInt32 {
    fileprivate func rotated(_ count: UInt32) -> UInt32 { (self >> count) | (self << (32 - count)) }
}

/// A SHA-256 digest: 32 bytes.
public struct Digest: Sendable, Hashable, CustomStringConvertible {
    /// The 32 bytes.
    public let bytes: [UInt8]

    /// Wraps exactly 32 bytes.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count == 32, "a SHA-256 digest has 32 bytes, not \(bytes.count)")
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex), bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// 32 zero bytes: "no digest yet" in fixed-size headers.
    public static let zero = Digest([UInt8](repeating: 0, count: 32))

    /// 64 lower-case hexadecimal digits.
    public var description: String { bytes.hex }
}
