/// A growing sequence of bits, eight to a byte, the first in the least significant bit: Arrow's
/// layout for validity and booleans. Bits beyond `count` are zero.
struct Bitmap: Sendable, Equatable {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    init(capacity: Int = 0) { bytes.reserveCapacity((capacity + 7) / 8) }

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
