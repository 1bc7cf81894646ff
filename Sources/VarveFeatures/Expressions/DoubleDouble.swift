/// A number as the unevaluated sum of two doubles, the low one below half a unit in the last place
/// of the high one: about 106 bits, from IEEE additions, multiplications and divisions only.
///
/// Sources: T. J. Dekker, "A floating-point technique for extending the available precision", 1971;
/// D. E. Knuth, The Art of Computer Programming 2, 4.2.2.
struct DoubleDouble {
    var high: Double
    var low: Double

    init(_ high: Double, _ low: Double = 0) { (self.high, self.low) = (high, low) }

    /// The exact sum of two doubles.
    static func sum(_ a: Double, _ b: Double) -> DoubleDouble {
        let high = a + b
        let part = high - a
        return DoubleDouble(high, (a - (high - part)) + (b - part))
    }

    /// The exact sum of two doubles, the first being the larger or 0.
    static func sum(larger a: Double, _ b: Double) -> DoubleDouble {
        let high = a + b
        return DoubleDouble(high, b - (high - a))
    }

    /// The exact product of two doubles that are neither huge nor tiny.
    static func product(_ a: Double, _ b: Double) -> DoubleDouble {
        let high = a * b
        let (a1, a2) = halves(a)
        let (b1, b2) = halves(b)
        return DoubleDouble(high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2)
    }

    /// A double as the exact sum of two with 26 bits each: their products are exact.
    private static func halves(_ a: Double) -> (Double, Double) {
        let scaled = a * 134_217_729  // 2^27 + 1
        let high = scaled - (scaled - a)
        return (high, a - high)
    }

    static func + (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
        let high = sum(a.high, b.high)
        let low = sum(a.low, b.low)
        let first = sum(larger: high.high, high.low + low.high)
        return sum(larger: first.high, first.low + low.low)
    }

    static func * (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
        let exact = product(a.high, b.high)
        return sum(larger: exact.high, exact.low + (a.high * b.low + a.low * b.high))
    }

    static func * (a: Double, b: DoubleDouble) -> DoubleDouble {
        let exact = product(a, b.high)
        return sum(larger: exact.high, exact.low + a * b.low)
    }

    static func / (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
        let first = a.high / b.high
        let exact = product(first, b.high)
        let rest = ((a.high - exact.high) - exact.low) + (a.low - first * b.low)
        return sum(larger: first, rest / b.high)
    }
}
