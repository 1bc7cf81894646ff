import VarveBytes

/// The deflate format, decompression only (RFC 1951). Blocks of three kinds, bits from the least
/// significant on:
///
///     block   = last bit, kind 2 bits, content
///     kind 0  = to the next byte, length u16, its complement u16, bytes
///     kind 1  = codes by the fixed Huffman code, end of block
///     kind 2  = three Huffman codes by their lengths, then codes, end of block
///     code    = literal 0-255 | end 256 | length 257-285, extra bits, distance, extra bits
enum Inflate {
    /// Decompresses one stream and appends it.
    /// - Parameter limit: bytes that `output` may come to hold.
    /// - Returns: the bytes of the stream.
    /// - Throws: `ByteError.decompression`.
    static func decompress(
        _ bytes: RawSpan, into output: inout [UInt8], limit: Int
    ) throws(ByteError) -> Int {
        let start = output.count
        var bits = BitReader(bytes)
        var isLast = false
        while !isLast {
            isLast = try bits.take(1) == 1
            switch try bits.take(2) {
            case 0: try stored(&bits, &output, limit)
            case 1: try block(&bits, &output, start, limit, fixedLiterals, fixedDistances)
            case 2:
                let (literals, distances) = try codes(&bits)
                try block(&bits, &output, start, limit, literals, distances)
            default: throw .decompression(reason: "a deflate block of kind 3")
            }
        }
        return bits.consumed
    }

    private static func stored(
        _ bits: inout BitReader, _ output: inout [UInt8], _ limit: Int
    ) throws(ByteError) {
        bits.alignToByte()
        let length = try bits.take(16)
        guard try bits.take(16) == ~length & 0xffff else {
            throw .decompression(reason: "the length of a stored block is damaged")
        }
        guard output.count + length <= limit else { throw tooLong(limit) }
        try bits.copy(length, to: &output)
    }

    private static func block(
        _ bits: inout BitReader, _ output: inout [UInt8], _ start: Int, _ limit: Int,
        _ literals: HuffmanCode, _ distances: HuffmanCode
    ) throws(ByteError) {
        while true {
            let symbol = try literals.decode(&bits)
            if symbol < 256 {
                guard output.count < limit else { throw tooLong(limit) }
                output.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol < 286 else { throw .decompression(reason: "length code \(symbol)") }
            let length = lengthBases[symbol - 257] + (try bits.take(lengthBits[symbol - 257]))
            let code = try distances.decode(&bits)
            guard code < 30 else { throw .decompression(reason: "distance code \(code)") }
            let distance = distanceBases[code] + (try bits.take(distanceBits[code]))
            guard distance <= output.count - start else {
                throw .decompression(reason: "a distance beyond the beginning")
            }
            guard output.count + length <= limit else { throw tooLong(limit) }
            output.repeatTail(length, distance: distance)
        }
    }

    static func tooLong(_ limit: Int) -> ByteError {
        .decompression(reason: "more than \(limit) bytes")
    }

    /// Reads the codes of a block of kind 2: their lengths are Huffman coded themselves.
    private static func codes(
        _ bits: inout BitReader
    ) throws(ByteError) -> (literals: HuffmanCode, distances: HuffmanCode) {
        let literalCount = try bits.take(5) + 257
        let distanceCount = try bits.take(5) + 1
        let lengthCount = try bits.take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else {
            throw .decompression(reason: "too many length or distance codes")
        }
        var lengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengths[lengthOrder[index]] = UInt8(try bits.take(3)) }
        let code = try HuffmanCode(lengths, mayBeSingle: false)
        lengths = []
        let count = literalCount + distanceCount
        while lengths.count < count {
            let symbol = try code.decode(&bits)
            let (value, times): (UInt8, Int)
            switch symbol {
            case 0..<16: (value, times) = (UInt8(symbol), 1)
            case 16:
                guard let last = lengths.last else {
                    throw .decompression(reason: "nothing to repeat")
                }
                (value, times) = (last, 3 + (try bits.take(2)))
            case 17: (value, times) = (0, 3 + (try bits.take(3)))
            default: (value, times) = (0, 11 + (try bits.take(7)))
            }
            guard lengths.count + times <= count else {
                throw .decompression(reason: "more code lengths than codes")
            }
            lengths.append(contentsOf: repeatElement(value, count: times))
        }
        guard lengths[256] > 0 else { throw .decompression(reason: "no code ends the block") }
        return (
            try HuffmanCode(Array(lengths[..<literalCount]), mayBeSingle: true),
            try HuffmanCode(Array(lengths[literalCount...]), mayBeSingle: true)
        )
    }

    // MARK: Tables of RFC 1951, 3.2.5 to 3.2.7

    private static let lengthOrder = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]
    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ]
    private static let lengthBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ]
    private static let distanceBits = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12,
        13, 13,
    ]
    private static let fixedLiterals = HuffmanCode(
        complete: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = HuffmanCode(
        complete: [UInt8](repeating: 5, count: 32))
}

extension Array where Element == UInt8 {
    /// Appends bytes that stand `distance` before the end; they may overlap what is appended.
    mutating func repeatTail(_ length: Int, distance: Int) {
        for _ in 0..<length { append(self[count - distance]) }
    }
}
