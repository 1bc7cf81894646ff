extension Array where Element == UInt64 {
    /// Appends integers, each by its difference to the one before: `least`, and `width` bits more,
    /// which lie end to end, the least significant first. Sums wrap.
    ///
    ///     packed   width bits | width bits ... | what is loaded with the last ones and not used
    ///
    /// Stops the program when there are fewer bits.
    /// - Parameters:
    ///   - packed: best with eight bytes more than needed, for then one load has all bits of a value.
    ///   - last: the integer before the first.
    /// - Returns: the last integer.
    public mutating func append(
        differences packed: RawSpan, width: Int, count: Int, least: UInt64, after last: UInt64
    ) -> UInt64 {
        precondition(
            (0...64).contains(width) && count >= 0 && count <= Int.max / 64
                && (count * width + 7) / 8 <= packed.byteCount,
            "\(count) values of \(width) bits in \(packed.byteCount) bytes")
        let mask = width == 0 ? 0 : UInt64.max &>> UInt64(64 - width)
        let hasRoom = packed.byteCount - (count * width + 7) / 8 >= 8
        var end = last
        append(addingCapacity: count) { words in
            // Safe: the free part of the buffer has room for `count` words at least, and so many are
            // set. Loads begin within the bytes of the values, which eight more follow: `hasRoom`.
            unsafe words.withUnsafeMutableBufferPointer { target, initialized in
                unsafe packed.withUnsafeBytes { source in
                    guard let start = target.baseAddress, let bytes = source.baseAddress else {
                        return
                    }
                    let words = unsafe start + initialized
                    var value = last
                    var bit = 0
                    if width == 0 {
                        for index in 0..<count {
                            value &+= least
                            unsafe words[index] = value
                        }
                    } else if hasRoom, width <= 57 {
                        // Eight bytes hold all bits, in whichever of the first they begin.
                        for index in 0..<count {
                            let word = unsafe bytes.loadUnaligned(
                                fromByteOffset: bit &>> 3, as: UInt64.self)
                            let bits = UInt64(littleEndian: word) &>> UInt64(bit & 7) & mask
                            value = value &+ (least &+ bits)
                            unsafe words[index] = value
                            bit &+= width
                        }
                    } else {
                        for index in 0..<count {
                            value = value &+ least &+ packed.bits(at: bit, count: width)
                            unsafe words[index] = value
                            bit &+= width
                        }
                    }
                    initialized += count
                    end = value
                }
            }
        }
        return end
    }
}

extension RawSpan {
    /// `count` bits, at most 64, from a bit on, the least significant first.
    public func bits(at start: Int, count: Int) -> UInt64 {
        if count == 0 { return 0 }
        let (byte, shift) = (start >> 3, start & 7)
        var low: UInt64 = 0
        if byteCount - byte >= 8 {
            low = littleEndian(at: byte)
        } else {
            for index in byte..<Swift.min(byteCount, byte + 8) {
                low |= UInt64(self.byte(at: index)) << UInt64(8 * (index - byte))
            }
        }
        var value = low >> UInt64(shift)
        if shift + count > 64 { value |= UInt64(self.byte(at: byte + 8)) << UInt64(64 - shift) }
        return count == 64 ? value : value & ((1 << UInt64(count)) - 1)
    }
}
