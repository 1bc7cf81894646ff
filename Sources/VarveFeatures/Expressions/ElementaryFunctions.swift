// Only links the C library's mathematics, where an unoptimised build finds square roots, remainders
// and roundings; those are exact everywhere. Nothing of it is called by name.
internal import Glibc

/// Exponentials, logarithms and powers with the same bits on every machine: from IEEE additions,
/// multiplications and divisions in a fixed order. The C library picks its own by CPU.
///
/// Errors are below 0.7 units in the last place, and exact results (log10(1000), pow(10, 2)) are
/// exact. A change of any bit they produce is a change of every feature that uses them.
enum Elementary {
    private static let ln2 = DoubleDouble(0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56)
    private static let perLn2 = DoubleDouble(0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56)
    private static let perLn10 = DoubleDouble(0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57)

    // MARK: Logarithms

    /// ln x; minus infinity at 0, NaN below.
    static func log(_ x: Double) -> Double {
        x > 0 ? logarithm(x).high : x == 0 ? -.infinity : .nan
    }

    /// The logarithm to base 2, as `log`.
    static func log2(_ x: Double) -> Double {
        x > 0 ? (logarithm(x) * perLn2).high : log(x)
    }

    /// The logarithm to base 10, as `log`.
    static func log10(_ x: Double) -> Double {
        x > 0 ? (logarithm(x) * perLn10).high : log(x)
    }

    /// ln(1 + x), also exact to the last places for x near 0.
    static func log1p(_ x: Double) -> Double {
        if x <= -1 { return x == -1 ? -.infinity : .nan }
        if x.magnitude < 0x1p-54 { return x }
        if x >= 0x1p64 { return log(x) }
        // 1 + x is exactly u + e with e below u's last place; ln(u + e) = ln u + q - q^2 / 2 + ...
        let sum = DoubleDouble.sum(1, x)
        let q = DoubleDouble(sum.low) / DoubleDouble(sum.high)
        return (logarithm(sum.high) + DoubleDouble(q.high, q.low - 0.5 * q.high * q.high)).high
    }

    /// ln x for a positive, finite x, to about 68 bits.
    ///
    /// x = 2^k m with m between 1/sqrt 2 and sqrt 2; c is m rounded to 7 bits, and
    /// ln x = k ln 2 + ln c + 2 artanh s with s = (m - c) / (m + c), |s| < 0.003. Near 1, c is 1
    /// and nothing cancels.
    private static func logarithm(_ x: Double) -> DoubleDouble {
        let isSubnormal = x < 0x1p-1022
        let bits = (isSubnormal ? x * 0x1p54 : x).bitPattern
        var k = Int(bits >> 52) - 1023 - (isSubnormal ? 54 : 0)
        var m = Double(bitPattern: bits & 0xF_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000)
        if m > 1.4142135623730951 {
            m *= 0.5
            k += 1
        }
        let index = Int(m * 128 + 0.5)
        let c = Double(index) / 128
        let s = DoubleDouble(m - c) / DoubleDouble.sum(m, c)
        let square = s.high * s.high
        var tail = 1.0 / 9
        tail = tail * square + 1.0 / 7
        tail = tail * square + 1.0 / 5
        tail = tail * square + 1.0 / 3
        let artanh = DoubleDouble.sum(larger: s.high, s.low + s.high * square * tail)
        let rest = DoubleDouble(2 * artanh.high, 2 * artanh.low)
        return (Double(k) * ln2 + logarithms[index - firstIndex]) + rest
    }

    private static let firstIndex = 90

    /// ln(i / 128) for i from 90 to 181, to about 100 bits: 2 artanh((i - 128) / (i + 128)) by its
    /// series, whose 24th term is below 2^-110.
    private static let logarithms: [DoubleDouble] = (firstIndex...181).map { index in
        let s = DoubleDouble(Double(index - 128)) / DoubleDouble(Double(index + 128))
        let square = s * s
        var sum = DoubleDouble(0)
        for term in stride(from: 47.0, through: 1, by: -2) {
            sum = sum * square + DoubleDouble(1) / DoubleDouble(term)
        }
        let result = s * sum
        return DoubleDouble(2 * result.high, 2 * result.low)
    }

    // MARK: Exponentials

    /// e^x; infinity beyond the largest double.
    static func exp(_ x: Double) -> Double { exponential(DoubleDouble(x)) }

    /// x^y as IEEE 754 defines it: 1 for y = 0 and for x = 1; NaN for a negative x and a fractional
    /// y; infinity for 0 to a negative power.
    static func pow(_ x: Double, _ y: Double) -> Double {
        if y == 0 || x == 1 { return 1 }
        let isWhole = y.rounded(.towardZero) == y
        let isOdd = isWhole && y.truncatingRemainder(dividingBy: 2) != 0
        if x < 0 && !isWhole { return .nan }
        let sign: Double = x.sign == .minus && isOdd ? -1 : 1
        let size = x.magnitude
        if size == 0 { return y < 0 ? sign * .infinity : sign * 0 }
        if size == 1 { return sign }
        // Beyond these bounds the power is out of range, or 1 to the last place; within them the
        // exact products neither overflow nor lose bits below the least double.
        if y.magnitude >= 0x1p64 { return sign * ((size > 1) == (y > 0) ? .infinity : 0) }
        if y.magnitude < 0x1p-65 { return sign }
        return sign * exponential(y * logarithm(size))
    }

    /// e^x for an x in two parts.
    ///
    /// x = k ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 (1/2 + r/6 + ...), by its Taylor
    /// polynomial of degree 14, whose remainder is below 2e-19. All but the last addition keep what
    /// they round off, so that results that a double can hold come out exact.
    private static func exponential(_ x: DoubleDouble) -> Double {
        if x.high > 709.79 { return .infinity }
        if x.high < -745.2 { return 0 }
        // Adding and subtracting 1.5 * 2^52 rounds to an integer, ties to even, on every machine.
        let shift = 6_755_399_441_055_744.0
        let k = (x.high * 1.4426950408889634 + shift) - shift
        let r = x + -k * ln2
        let high = r.high
        var tail = 1.0 / 87_178_291_200  // 1 / 14!
        tail = tail * high + 1.0 / 6_227_020_800
        tail = tail * high + 1.0 / 479_001_600
        tail = tail * high + 1.0 / 39_916_800
        tail = tail * high + 1.0 / 3_628_800
        tail = tail * high + 1.0 / 362_880
        tail = tail * high + 1.0 / 40_320
        tail = tail * high + 1.0 / 5_040
        tail = tail * high + 1.0 / 720
        tail = tail * high + 1.0 / 120
        tail = tail * high + 1.0 / 24
        tail = tail * high + 1.0 / 6
        tail = tail * high + 0.5
        let first = DoubleDouble.sum(larger: 1, high)
        let power = first.high + (first.low + (high * high * tail + r.low * (1 + high)))
        // Two steps: 2^k alone may lie beyond the normal numbers, its halves do not.
        let exponent = Int(k)
        let half = exponent >> 1
        return power * twoTo(half) * twoTo(exponent - half)
    }

    /// 2^k for k within the exponents of normal numbers.
    private static func twoTo(_ k: Int) -> Double {
        Double(bitPattern: UInt64(truncatingIfNeeded: k + 1023) << 52)
    }
}
