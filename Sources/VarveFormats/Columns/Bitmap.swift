import VarveBytes

/// A growing sequence of bits, eight to a byte, the first in the least significant bit: Arrow's
/// layout for validity and booleans. Bits beyond `count` are zero.
struct Bitmap: Sendable, Equatable {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    init(capacity: Int = 0) { bytes.reserveCapacity((capacity + 7) / 8) }

    /// Which of some bytes, all less than 128, are one byte: eight at a time.
    init(of byte: UInt8, in marks: [UInt8]) {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let marked = marks.raw
        let whole = marks.count / 8
        bytes = [UInt8](capacity: whole + 1) { (bytes: inout OutputSpan<UInt8>) in
            for index in 0..<whole {
                let differences: UInt64 =
                    marked.littleEndian(at: 8 * index) ^ (ones &* UInt64(byte))
                // The top bit stays where the difference is zero; the product moves that of byte i
                // to bit i of the highest byte.
                let equal = (tops &- differences) & tops
                let gathered = (equal &>> 7) &* 0x0102_0408_1020_4080
                bytes.append(UInt8(truncatingIfNeeded: gathered &>> 56))
            }
        }
        count = 8 * whole
        for index in (8 * whole)..<marks.count { append(marks[index] == byte) }
    }

    /// The bit at `index`; stops the program when out of bounds.
    subscript(index: Int) -> Bool {
        precondition(index >= 0 && index < count, "bit \(index) of \(count)")
        return bytes[index >> 3] & (1 << UInt8(index & 7)) != 0
    }

    mutating func append(_ bit: Bool) {
        if count & 7 == 0 { bytes.append(0) }
        if bit { bytes[count >> 3] |= 1 << UInt8(count & 7) }
        count += 1
    }

    /// The bits of `range`, moved to start at bit 0.
    func extracting(_ range: Range<Int>) -> Bitmap {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count)")
        var slice = Bitmap(capacity: range.count)
        guard range.lowerBound & 7 == 0 else {
            for index in range { slice.append(self[index]) }
            return slice
        }
        slice.bytes = Array(bytes[(range.lowerBound >> 3)..<((range.upperBound + 7) >> 3)])
        slice.count = range.count
        if range.count & 7 != 0 {
            slice.bytes[slice.bytes.count - 1] &= (1 << UInt8(range.count & 7)) - 1
        }
        return slice
    }

    /// How many bits of `range` are not set.
    func zeros(in range: Range<Int>) -> Int {
        extracting(range).bytes.reduce(range.count) { $0 - $1.nonzeroBitCount }
    }
}

extension Bitmap {
    /// Appends the same bit `length` times.
    mutating func append(repeating bit: Bool, count length: Int) {
        var left = length
        while left > 0, count & 7 != 0 {
            append(bit)
            left -= 1
        }
        bytes.append(contentsOf: repeatElement(bit ? 0xFF : 0, count: (left + 7) / 8))
        count += left
        clearUnused()
    }

    /// Appends the first `length` bits of bytes laid out like this bitmap's; stops the program
    /// when there are fewer.
    mutating func append(packed source: RawSpan, count length: Int) {
        precondition(source.byteCount * 8 >= length, "\(length) bits in \(source.byteCount) bytes")
        guard count & 7 == 0 else {
            for index in 0..<length {
                append(source.byte(at: index >> 3) & (1 << UInt8(index & 7)) != 0)
            }
            return
        }
        bytes.append(copying: source.extracting(0..<((length + 7) / 8)))
        count += length
        clearUnused()
    }

    /// How many bits are set.
    var ones: Int { bytes.reduce(0) { $0 + $1.nonzeroBitCount } }

    private mutating func clearUnused() {
        if count & 7 != 0 { bytes[bytes.count - 1] &= (1 << UInt8(count & 7)) - 1 }
    }
}
