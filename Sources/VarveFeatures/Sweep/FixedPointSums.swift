/// Prefix sums of doubles, exact: integers of 128 bits that count units of one power of two, chosen
/// so that every value is a whole number of them. The sum of any run of neighbours is then one
/// subtraction, and rounds to the same bits as `ExactSum`.
struct FixedPointSums {
    /// Element i: the sum of the first i values.
    private(set) var sums: [Int128] = []
    /// The unit is two to this power.
    private var exponent = 0
    private var scale = 1.0
    /// Bits that hold a sum of values, its sign left out.
    private static let bitsMax = 126

    /// Chooses the unit; false when the values are too far apart in size for 128 bits.
    @inline(__always)
    mutating func fits(_ count: Int, _ value: (Int) -> Double) -> Bool {
        if fitsRoughly(count, value) { return true }
        // The highest bit of all, and the lowest.
        var (lowest, highest) = (Int.max, Int.min)
        for index in 0..<count {
            let (mantissa, power) = Self.parts(value(index))
            if mantissa == 0 { continue }
            lowest = min(lowest, power + mantissa.trailingZeroBitCount)
            highest = max(highest, power + 64 - mantissa.leadingZeroBitCount)
        }
        if lowest == Int.max { lowest = 0 } else {
            let carries = Int.bitWidth - count.leadingZeroBitCount
            if highest - lowest + carries > Self.bitsMax { return false }
        }
        setUnit(lowest)
        return true
    }

    private mutating func setUnit(_ exponent: Int) {
        self.exponent = exponent
        // Scaling by a normal power of two is exact; the rest takes the general way.
        scale = exponent >= -1022 && exponent <= 900 ? Self.power(exponent) : 0
    }

    /// The same by the exponents alone, which takes less time: true for usual data.
    @inline(__always)
    private mutating func fitsRoughly(_ count: Int, _ value: (Int) -> Double) -> Bool {
        var (least, most): (UInt64, UInt64) = (.max, 0)
        for index in 0..<count {
            let exponent = value(index).bitPattern >> 52 & 0x7FF
            least = min(least, exponent)
            most = max(most, exponent)
        }
        let carries = Int.bitWidth - count.leadingZeroBitCount
        // The smallest exponent is that of zeros, and of numbers without a leading one.
        guard least > 0, least <= most, Int(most - least) + 53 + carries <= Self.bitsMax else {
            return false
        }
        setUnit(Int(least) - 1075)
        return true
    }

    /// Sums values up, each one that `fits` saw, or 0.
    @inline(__always)
    mutating func load(_ count: Int, _ value: (Int) -> Double) {
        sums.removeAll(keepingCapacity: true)
        sums.append(0)
        var sum: Int128 = 0
        for index in 0..<count {
            // `fits` left room for the carries of so many values.
            sum &+= integer(value(index))
            sums.append(sum)
        }
    }

    /// Sums integers up.
    mutating func load(integers count: Int, _ value: (Int) -> Int64) {
        sums.removeAll(keepingCapacity: true)
        sums.append(0)
        (exponent, scale) = (0, 1)
        var sum: Int128 = 0
        for index in 0..<count {
            sum += Int128(value(index))
            sums.append(sum)
        }
    }

    /// A value that was among those loaded, in units.
    @inline(__always)
    func integer(_ value: Double) -> Int128 {
        let (mantissa, power) = Self.parts(value)
        let shift = power - exponent
        // No bit falls off: the unit is at most the lowest bit of all values.
        let whole = shift < 0 ? mantissa >> UInt64(-shift) : mantissa
        // All ones where the value is negative: -x is the complement of x, plus one.
        let sign = Int64(bitPattern: value.bitPattern) &>> 63
        let units = Int128((Int64(whole) ^ sign) &- sign)
        return shift < 0 ? units : units &<< Int128(shift)
    }

    /// Units as a double, rounded to nearest, ties to even; infinite beyond every double.
    func double(_ units: Int128) -> Double {
        if units == 0 { return 0 }
        let magnitude = units.magnitude
        var (top, shift) = (UInt64(truncatingIfNeeded: magnitude), 0)
        let excess = 64 - magnitude.leadingZeroBitCount
        if excess > 0 {
            // The bits that fall off matter only in that they are there.
            shift = excess
            top = UInt64(truncatingIfNeeded: magnitude >> UInt128(shift))
            if magnitude & ((1 << UInt128(shift)) - 1) != 0 { top |= 1 }
        }
        let rounded = Double(top)
        let result =
            scale != 0
            ? rounded * Self.power(shift) * scale
            : Double(sign: .plus, exponent: exponent + shift, significand: rounded)
        return units < 0 ? -result : result
    }

    /// Two to a power between -1022 and 1023.
    private static func power(_ exponent: Int) -> Double {
        Double(bitPattern: UInt64(exponent + 1023) << 52)
    }

    /// A finite double's magnitude as an integer, or 0, times a power of two.
    @inline(__always)
    private static func parts(_ value: Double) -> (mantissa: UInt64, power: Int) {
        let bits = value.bitPattern
        let biased = Int(bits >> 52) & 0x7FF
        let fraction = bits & 0xF_FFFF_FFFF_FFFF
        return biased > 0 ? (fraction | 1 << 52, biased - 1075) : (fraction, -1074)
    }
}
