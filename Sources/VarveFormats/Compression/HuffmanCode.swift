import VarveBytes

/// Bits of a deflate stream, from the least significant bit of each byte on.
struct BitReader: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0
    private var bits: UInt64 = 0
    private var count = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes of which at least a bit was taken.
    var consumed: Int { offset - count / 8 }

    /// Sees to it that 32 bits are there, if the stream has them.
    private mutating func refill() {
        while count <= 56, offset < bytes.byteCount {
            bits |= UInt64(bytes.byte(at: offset)) << UInt64(count)
            offset += 1
            count += 8
        }
    }

    /// The next bits without taking them; zeros beyond the end.
    mutating func peek() -> Int {
        if count < 32 { refill() }
        return Int(truncatingIfNeeded: bits & 0xffff_ffff)
    }

    /// Takes bits that were peeked at.
    mutating func drop(_ number: Int) throws(ByteError) {
        guard number <= count else {
            throw .decompression(reason: "the deflate stream ends early")
        }
        bits >>= UInt64(number)
        count -= number
    }

    /// Takes up to 16 bits as a number.
    mutating func take(_ number: Int) throws(ByteError) -> Int {
        let value = peek() & ((1 << number) - 1)
        try drop(number)
        return value
    }

    /// Goes on at the next whole byte.
    mutating func alignToByte() {
        bits >>= UInt64(count % 8)
        count -= count % 8
    }

    /// Copies whole bytes; the reader must stand at one.
    mutating func copy(_ length: Int, to output: inout [UInt8]) throws(ByteError) {
        let start = consumed
        guard bytes.byteCount - start >= length else {
            throw .decompression(reason: "the deflate stream ends early")
        }
        output.append(copying: bytes.extracting(start..<start + length))
        (offset, bits, count) = (start + length, 0, 0)
    }
}

/// A Huffman code given by the lengths of its codes (RFC 1951, 3.2.2): short ones are looked up at
/// once, long ones bit by bit.
struct HuffmanCode {
    /// By the next bits: symbol * 16 + length; 0 where the code is longer, or there is none.
    private var table = [UInt16](repeating: 0, count: 1 << tableBits)
    /// How many codes have each length.
    private var counts = [Int](repeating: 0, count: longest + 1)
    /// Symbols in the order of their codes.
    private var symbols: [UInt16] = []

    private static let tableBits = 10
    private static let longest = 15

    /// - Parameter mayBeSingle: whether a code of one symbol with one bit, or of no symbol, is
    ///   taken, although it is not complete.
    init(_ lengths: [UInt8], mayBeSingle: Bool) throws(ByteError) {
        self.init(lengths)
        var left = 1
        for length in 1...Self.longest {
            left = 2 * left - counts[length]
            guard left >= 0 else {
                throw .decompression(reason: "a Huffman code with too many symbols")
            }
        }
        let isSingle = symbols.count <= 1 && symbols.count == counts[1]
        guard left == 0 || mayBeSingle && isSingle else {
            throw .decompression(reason: "an incomplete Huffman code")
        }
    }

    /// A code that is known to be complete.
    init(complete lengths: [UInt8]) { self.init(lengths) }

    private init(_ lengths: [UInt8]) {
        for length in lengths where length > 0 { counts[Int(length)] += 1 }
        var starts = [Int](repeating: 0, count: Self.longest + 2)
        var codes = [Int](repeating: 0, count: Self.longest + 2)
        for length in 1...Self.longest {
            starts[length + 1] = starts[length] + counts[length]
            codes[length + 1] = (codes[length] + counts[length]) << 1
        }
        symbols = [UInt16](repeating: 0, count: starts[Self.longest + 1])
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let length = Int(length)
            symbols[starts[length]] = UInt16(symbol)
            starts[length] += 1
            fill(symbol, code: codes[length], length)
            codes[length] += 1
        }
    }

    /// Enters a code wherever the next bits begin with it.
    private mutating func fill(_ symbol: Int, code: Int, _ length: Int) {
        guard length <= Self.tableBits, code < 1 << length else { return }
        // Codes come with their most significant bit first.
        var reversed = 0
        for bit in 0..<length where code >> bit & 1 == 1 { reversed |= 1 << (length - 1 - bit) }
        for index in stride(from: reversed, to: table.count, by: 1 << length) {
            table[index] = UInt16(symbol << 4 | length)
        }
    }

    /// Takes the next symbol.
    func decode(_ bits: inout BitReader) throws(ByteError) -> Int {
        let next = bits.peek()
        let entry = Int(table[next & (1 << Self.tableBits - 1)])
        if entry > 0 {
            try bits.drop(entry & 15)
            return entry >> 4
        }
        var (code, first, index) = (0, 0, 0)
        for length in 1...Self.longest {
            code |= next >> (length - 1) & 1
            if code - first < counts[length] {
                try bits.drop(length)
                return Int(symbols[index + code - first])
            }
            index += counts[length]
            first = (first + counts[length]) << 1
            code <<= 1
        }
        throw .decompression(reason: "bits that are no Huffman code")
    }
}
