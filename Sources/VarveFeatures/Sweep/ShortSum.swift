/// The sum of a few doubles, kept as two that make it up exactly: what rounding takes from the first
/// is added to the second. Rounds to the same bits as `ExactSum`.
///
/// The step is the error-free addition of Møller (1965) and Knuth (The Art of Computer Programming,
/// volume 2, 4.2.2, theorem B).
struct ShortSum {
    private var sum = 0.0
    private var error = 0.0
    /// What the second could not hold; NaN beyond every double.
    private var lost = 0.0

    @inline(__always)
    mutating func add(_ value: Double) {
        let (sum, off) = Self.sum(self.sum, value)
        let (error, rest) = Self.sum(self.error, off)
        (self.sum, self.error) = (sum, error)
        lost += rest.magnitude
    }

    /// Rounded to nearest, ties to even; nil when two doubles do not hold the sum, or one not what it
    /// is rounded to.
    @inline(__always)
    var value: Double? {
        // Plus zero, as sums have no zero of the other sign.
        let rounded = sum + error + 0
        return lost == 0 && rounded.isFinite ? rounded : nil
    }

    @inline(__always)
    private static func sum(_ one: Double, _ other: Double) -> (sum: Double, off: Double) {
        let sum = one + other
        let added = sum - one
        return (sum, (one - (sum - added)) + (other - added))
    }
}
