/// Numbers as texts, without a `String` in between.
extension Array where Element == UInt8 {
    /// Appends an integer in decimal digits.
    public mutating func append(decimal value: Int64) {
        append(addingCapacity: 20) { bytes in
            if value < 0 { bytes.append(UInt8(ascii: "-")) }
            bytes.append(digits: value.magnitude)
        }
    }

    /// Appends a finite double as `Double.description` has it: the shortest digits that read back
    /// as the same bits.
    ///
    /// Most numbers that people deal in are decimals of few places. When n / 10^k is the double
    /// nearest to n, and n has at most 15 digits, then no other decimal of at most 15 digits reads
    /// back as it, so n without its trailing zeros is the shortest.
    public mutating func append(decimal value: Double) {
        let magnitude = value.magnitude
        if magnitude >= 0.001, magnitude < 1e11 {
            for (scale, places) in [(1.0, 0), (100.0, 2), (10_000.0, 4)] {
                let scaled = (magnitude * scale).rounded()
                guard scaled < 1e15, scaled / scale == magnitude else { continue }
                if value < 0 { append(UInt8(ascii: "-")) }
                return append(UInt64(scaled), places: places)
            }
        }
        append(contentsOf: value.description.utf8)
    }

    /// Appends n / 10^places, with at least one place.
    private mutating func append(_ number: UInt64, places: Int) {
        let power: UInt64 = places == 0 ? 1 : places == 2 ? 100 : 10_000
        let (whole, rest) = number.quotientAndRemainder(dividingBy: power)
        var (fraction, count) = (rest, places)
        while fraction > 0, fraction % 10 == 0 {
            fraction /= 10
            count -= 1
        }
        append(addingCapacity: 24) { bytes in
            bytes.append(digits: whole)
            bytes.append(UInt8(ascii: "."))
            guard fraction > 0 else { return bytes.append(UInt8(ascii: "0")) }
            var lead: UInt64 = 1
            for _ in 1..<count { lead *= 10 }
            while lead > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / lead))
                fraction %= lead
                lead /= 10
            }
        }
    }
}

extension OutputSpan where Element == UInt8 {
    @_lifetime(self: copy self)
    fileprivate mutating func append(digits value: UInt64) {
        var lead: UInt64 = 1
        while value / lead >= 10 { lead *= 10 }
        var rest = value
        while lead > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / lead))
            rest %= lead
            lead /= 10
        }
    }
}
