// Only links the C library's mathematics, where an unoptimised build finds IEEE square roots; those
// are exact everywhere. Nothing of it is called by name.
internal import Glibc

/// e to the power x and what is made of it, from IEEE additions, multiplications and divisions
/// only: the C library picks its `exp` by CPU, and a prediction must not depend on that.
///
/// Numeric mode 1 fixes the formulas and their order of evaluation below; a change of any bit they
/// produce is a new numeric mode.
enum Exponential {
    /// e^x. The error is below 1 unit in the last place (tested against exact values).
    ///
    /// x = k ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 13, whose
    /// remainder is below 5e-18; then 2^k is multiplied in by its exponent bits. ln 2 is split in
    /// two so that k times the upper part is exact (Cody and Waite, 1980; the split is fdlibm's).
    static func exp(_ x: Double) -> Double {
        if x > 709.782712893384 { return .infinity }
        if x < -745.1332191019412 { return 0 }
        if x.isNaN { return x }
        // Adding and subtracting 1.5 * 2^52 rounds to an integer, ties to even, on every machine.
        let shift = 6_755_399_441_055_744.0
        let k = (x * 1.4426950408889634 + shift) - shift
        let high = x - k * 6.93147180369123816490e-01
        let r = high - k * 1.90821492927058770002e-10
        var tail = 1.0 / 6_227_020_800  // 1 / 13!
        tail = tail * r + 1.0 / 479_001_600
        tail = tail * r + 1.0 / 39_916_800
        tail = tail * r + 1.0 / 3_628_800
        tail = tail * r + 1.0 / 362_880
        tail = tail * r + 1.0 / 40_320
        tail = tail * r + 1.0 / 5_040
        tail = tail * r + 1.0 / 720
        tail = tail * r + 1.0 / 120
        tail = tail * r + 1.0 / 24
        tail = tail * r + 1.0 / 6
        tail = tail * r + 0.5
        let power = 1 + (r + r * r * tail)
        // Two steps: 2^k alone may lie beyond the normal numbers, its halves do not.
        let exponent = Int(k)
        let half = exponent >> 1
        return power * twoTo(half) * twoTo(exponent - half)
    }

    /// 2^k for k within the exponents of normal numbers.
    private static func twoTo(_ k: Int) -> Double {
        Double(bitPattern: UInt64(truncatingIfNeeded: k + 1023) << 52)
    }

    /// The logistic function 1 / (1 + e^-x) of a score and of its negative; they sum to 1 but for
    /// rounding. Either is computed from e^-|x|, so neither loses digits near 0.
    static func logistic(_ x: Double) -> (positive: Double, negative: Double) {
        let power = exp(-abs(x))
        let larger = 1 / (1 + power)
        let smaller = power / (1 + power)
        return x < 0 ? (smaller, larger) : (larger, smaller)
    }

    /// The hyperbolic tangent.
    static func tanh(_ x: Double) -> Double {
        let size = abs(x)
        // Below this the quotient would lose digits; the series' next term is under 1e-17.
        if size < 1e-4 { return x - x * x * x / 3 }
        let power = exp(-2 * size)
        let result = (1 - power) / (1 + power)
        return x < 0 ? -result : result
    }
}
