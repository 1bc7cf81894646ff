/// The exact sum of any number of finite doubles, rounded once when it is read: any order of
/// additions, removals and merges gives the same bits, equal to Python's `math.fsum`.
///
/// A fixed-point number wide enough for every double: limb i counts units of 2^(32 i - 1074), so
/// limb 0 begins at the smallest subnormal. Limbs are signed and carry lazily: each addition adds
/// less than 2^32 to three of them, so 2^30 additions fit before carries must be settled. Values
/// of similar size touch a few neighbouring limbs: only those are ever looked at.
/// Source: R. M. Neal, "Fast exact summation using small and large superaccumulators", 2015.
public struct ExactSum: Sendable, Equatable {
    /// 2^1024 is bit 2098; the limbs above it take the carries of up to 2^62 terms.
    private static let limbCount = 68
    private static let smallestExponent = -1074
    private static let additionsMax = 1 << 30

    private var limbs: [68 of Int64] = .init(repeating: 0)
    private var additions = 0
    /// Limbs outside `low..<high` are zero.
    private var low = Self.limbCount
    private var high = 0

    /// The sum of nothing.
    public init() {}

    /// Adds a finite value.
    public mutating func add(_ value: Double) { accumulate(value, negated: false) }

    /// Adds all values that are finite: neighbours of similar size are added up in registers.
    public mutating func add(finite values: borrowing Span<Double>) {
        // Each block's carries fit, whatever was added before.
        let block = 1 << 20
        var start = 0
        while start < values.count {
            let end = min(start + block, values.count)
            if additions + end - start > Self.additionsMax { settle() }
            add(finite: values, start..<end)
            start = end
        }
    }

    /// What single additions do; the three limbs at hand stay in registers as long as neighbours
    /// touch the same.
    private mutating func add(finite values: borrowing Span<Double>, _ range: Range<Int>) {
        var index = range.lowerBound
        while index < range.upperBound {
            guard let first = Self.firstLimb(values[index]) else {
                index += 1
                continue
            }
            var (lowest, middle, highest) = (Int64(0), Int64(0), Int64(0))
            var next = index
            while next < range.upperBound {
                let raw = values[next].bitPattern
                if Self.firstLimb(values[next]) != first { break }
                let isNormal = raw & 0x7FF0_0000_0000_0000 != 0
                let mantissa = raw & 0xF_FFFF_FFFF_FFFF | (isNormal ? 1 << 52 : 0)
                let biased = raw &>> 52 & 0x7FF
                let bit = (biased &- (isNormal ? 1 : 0)) & 31
                let low = mantissa &<< bit
                // In two steps, as no shift by 64 leaves nothing.
                let high = (mantissa &>> 1) &>> (63 &- bit)
                // All ones where the value is negative: -x is the complement of x, plus one.
                let sign = Int64(bitPattern: raw) &>> 63
                lowest &+= (Int64(bitPattern: low & 0xFFFF_FFFF) ^ sign) &- sign
                middle &+= (Int64(bitPattern: low &>> 32) ^ sign) &- sign
                highest &+= (Int64(bitPattern: high) ^ sign) &- sign
                next += 1
            }
            low = min(low, first)
            high = max(high, first + 3)
            limbs[first] += lowest
            limbs[first + 1] += middle
            limbs[first + 2] += highest
            additions += next - index
            index = next
        }
    }

    /// The first of the three limbs that a value touches; nil for zeros and what is not finite.
    @inline(__always)
    private static func firstLimb(_ value: Double) -> Int? {
        let magnitude = value.bitPattern & 0x7FFF_FFFF_FFFF_FFFF
        if magnitude == 0 || magnitude >= 0x7FF0_0000_0000_0000 { return nil }
        let biased = Int(truncatingIfNeeded: magnitude &>> 52)
        return (biased &- (biased > 0 ? 1 : 0)) &>> 5
    }

    /// Adds a finite value so many times.
    public mutating func add(_ value: Double, times: Int) {
        if !(value * Double(times)).isFinite {
            for _ in 0..<times { add(value) }
            return
        }
        // Twice a double is a double, as long as it is one at all.
        var (power, left) = (value, times)
        while left > 0 {
            if left & 1 == 1 { add(power) }
            power *= 2
            left >>= 1
        }
    }

    /// Takes back a value that was added.
    public mutating func remove(_ value: Double) { accumulate(value, negated: true) }

    /// Adds all that another sum holds.
    /// - Complexity: a few limbs, for sums of values of similar size.
    public mutating func merge(_ other: borrowing ExactSum) { combine(other, sign: 1) }

    private mutating func combine(_ other: borrowing ExactSum, sign: Int64) {
        if other.high == 0 { return }
        // One more than the additions of both, for what their top limbs hold.
        if additions + other.additions + 2 > Self.additionsMax { settle() }
        low = min(low, other.low)
        high = max(high, other.high)
        for index in other.low..<other.high { limbs[index] += sign * other.limbs[index] }
        additions += other.additions + 1
    }

    /// Back to the sum of nothing.
    mutating func reset() {
        for index in low..<max(low, high) { limbs[index] = 0 }
        (additions, low, high) = (0, Self.limbCount, 0)
    }

    private mutating func accumulate(_ value: Double, negated: Bool) {
        precondition(value.isFinite, "an exact sum of \(value)")
        if value == 0 { return }
        if additions == Self.additionsMax { settle() }
        additions += 1
        let raw = value.bitPattern
        let biased = Int(raw >> 52) & 0x7FF
        var mantissa = raw & 0xF_FFFF_FFFF_FFFF
        var shift = 0
        if biased > 0 {
            mantissa |= 1 << 52
            shift = biased - 1
        }
        let isNegative = (value.sign == .minus) != negated
        let (first, bit) = (shift >> 5, UInt64(shift & 31))
        low = min(low, first)
        high = max(high, first + 3)
        let low = mantissa << bit
        // Bits of the mantissa that the shift pushed out of 64; bit <= 31, so at most 20 remain.
        let high = bit == 0 ? 0 : mantissa >> (64 - bit)
        let parts = (
            Int64(low & 0xFFFF_FFFF), Int64(low >> 32), Int64(high)
        )
        if isNegative {
            limbs[first] -= parts.0
            limbs[first + 1] -= parts.1
            limbs[first + 2] -= parts.2
        } else {
            limbs[first] += parts.0
            limbs[first + 1] += parts.1
            limbs[first + 2] += parts.2
        }
    }

    /// Propagates carries: every limb but the topmost then lies in 0..<2^32, the topmost has the
    /// sign and lies in -2^31..<2^31 unless it is the last of all.
    private mutating func settle() {
        additions = 0
        guard high > 0 else { return }
        var carry: Int64 = 0
        for index in low..<(high - 1) {
            let limb = limbs[index] + carry
            limbs[index] = limb & 0xFFFF_FFFF
            carry = limb >> 32
        }
        limbs[high - 1] += carry
        while high < Self.limbCount, Int64(Int32(truncatingIfNeeded: limbs[high - 1]))
            != limbs[high - 1]
        {
            limbs[high] = limbs[high - 1] >> 32
            limbs[high - 1] &= 0xFFFF_FFFF
            high += 1
        }
    }

    /// The exact sum rounded to the nearest double, ties to even; infinite when it is larger than
    /// every double. The sum of nothing is +0.
    public var value: Double {
        guard high > 0 else { return 0 }
        return shortValue ?? longValue()
    }

    /// The value of few additions of numbers of similar size, in one word of 128 bits; nil where
    /// that is too small, or the result is subnormal or beyond every double.
    private var shortValue: Double? {
        guard high - low <= 4, additions < 1 << 20, low >= 2, high <= 60 else { return nil }
        // Each addition adds less than 2^32 to a limb, and 21 bits at most to the third it touches:
        // what stands in the fourth of two neighbouring exponents stays below 2^52.
        var total: Int128 = 0
        for index in low..<high {
            let limb = Int128(limbs[index])
            guard index - low < 3 || limbs[index].magnitude < 1 << 29 else { return nil }
            total += limb << Int128(32 * (index - low))
        }
        if total == 0 { return 0 }
        let magnitude = total.magnitude
        let excess = 128 - magnitude.leadingZeroBitCount - 62
        var word: UInt64
        if excess > 0 {
            word = UInt64(truncatingIfNeeded: magnitude >> UInt128(excess))
            // Bits that are left out decide no more than ties, far below the last place.
            if magnitude & ((1 << UInt128(excess)) - 1) != 0 { word |= 1 }
        } else {
            word = UInt64(truncatingIfNeeded: magnitude)
        }
        // One rounding, of 62 bits to 53; the scale is a power of two and the result is normal.
        let result = Double(
            sign: .plus, exponent: 32 * low + max(excess, 0) + Self.smallestExponent,
            significand: Double(word))
        return total < 0 ? -result : result
    }

    /// Not inlined: short sums would pay for the copy, too.
    @inline(never)
    private func longValue() -> Double {
        var magnitude = self
        magnitude.settle()
        let isNegative = magnitude.limbs[magnitude.high - 1] < 0
        if isNegative {
            for index in magnitude.low..<magnitude.high {
                magnitude.limbs[index] = -magnitude.limbs[index]
            }
            magnitude.settle()
        }
        var top = magnitude.high - 1
        while top >= magnitude.low, magnitude.limbs[top] == 0 { top -= 1 }
        guard top >= magnitude.low else { return 0 }
        let highest = 32 * top + (63 - magnitude.limbs[top].leadingZeroBitCount)
        // The place of the result's last bit: 53 bits, but none below the smallest subnormal.
        let last = max(highest - 52, 0)
        var mantissa = magnitude.bits(from: last, count: highest - last + 1)
        if last > 0, magnitude.bits(from: last - 1, count: 1) == 1 {
            let isTie = !magnitude.hasBits(below: last - 1)
            if !isTie || mantissa & 1 == 1 { mantissa += 1 }
        }
        // Exact: at most 53 bits, scaled by a power of two; overflow gives infinity.
        let result = Double(
            sign: .plus, exponent: last + Self.smallestExponent, significand: Double(mantissa))
        return isNegative ? -result : result
    }

    /// `count` bits, at most 53, of a settled magnitude, gathered from the lowest limb up.
    private func bits(from start: Int, count: Int) -> UInt64 {
        var value: UInt64 = 0
        var taken = 0
        var limb = start >> 5
        var skip = start & 31
        while taken < count {
            value |= (UInt64(limbs[limb]) >> UInt64(skip)) << UInt64(taken)
            taken += 32 - skip
            skip = 0
            limb += 1
        }
        return value & ((1 << UInt64(count)) - 1)
    }

    private func hasBits(below end: Int) -> Bool {
        let limb = end >> 5
        for index in min(low, limb)..<limb where limbs[index] != 0 { return true }
        return limbs[limb] & ((1 << Int64(end & 31)) - 1) != 0
    }

    public static func == (left: ExactSum, right: ExactSum) -> Bool {
        var difference = left
        difference.settle()
        difference.combine(right, sign: -1)
        difference.settle()
        return (0..<difference.high).allSatisfy { difference.limbs[$0] == 0 }
    }
}
