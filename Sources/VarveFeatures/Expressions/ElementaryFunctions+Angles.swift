/// Angles, with the same bits on every machine.
extension Elementary {
    /// Kilometres along a great circle of a sphere as large as the Earth, between two points in
    /// degrees; NaN unless latitudes are within 90 and longitudes within 180.
    ///
    /// The haversine formula, whose arc is taken from both its sine and its cosine: exact to a few
    /// units in the last place for points near each other and for points opposite each other.
    /// Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984. The radius is
    /// the mean one of the International Union of Geodesy and Geophysics.
    static func haversineKilometres(
        _ latitude1: Double, _ longitude1: Double, _ latitude2: Double, _ longitude2: Double
    ) -> Double {
        guard latitude1.magnitude <= 90, latitude2.magnitude <= 90,
            longitude1.magnitude <= 180, longitude2.magnitude <= 180
        else { return .nan }
        let north = sine(degrees: (latitude2 - latitude1) / 2)
        let east = sine(degrees: (longitude2 - longitude1) / 2)
        let widths =
            sine(degrees: 90 - latitude1.magnitude) * sine(degrees: 90 - latitude2.magnitude)
        let haversine = min(1, north * north + widths * (east * east))
        let (sine, cosine) = (haversine.squareRoot(), (1 - haversine).squareRoot())
        let quarter = 1.5707963267948966
        let angle = sine <= cosine ? arctangent(sine / cosine) : quarter - arctangent(cosine / sine)
        return 2 * 6371.0088 * angle
    }

    /// The sine of an angle of at most 180 degrees either way, by Taylor polynomials within 45
    /// degrees; their remainders are below 3e-18.
    static func sine(degrees: Double) -> Double {
        let size = degrees.magnitude
        // The nearest multiple of a right angle is taken off exactly.
        let turns = (size / 90).rounded(.toNearestOrEven)
        let rest = (size - 90 * turns) * 0.017453292519943295
        let square = rest * rest
        let sine: Double
        if turns == 1 {
            var sum = 1.0 / 20_922_789_888_000  // 1 / 16!
            sum = 1.0 / 87_178_291_200 - sum * square
            sum = 1.0 / 479_001_600 - sum * square
            sum = 1.0 / 3_628_800 - sum * square
            sum = 1.0 / 40_320 - sum * square
            sum = 1.0 / 720 - sum * square
            sum = 1.0 / 24 - sum * square
            sum = 0.5 - sum * square
            sine = 1 - square * sum
        } else {
            var sum = 1.0 / 355_687_428_096_000  // 1 / 17!
            sum = 1.0 / 1_307_674_368_000 - sum * square
            sum = 1.0 / 6_227_020_800 - sum * square
            sum = 1.0 / 39_916_800 - sum * square
            sum = 1.0 / 362_880 - sum * square
            sum = 1.0 / 5_040 - sum * square
            sum = 1.0 / 120 - sum * square
            sum = 1.0 / 6 - sum * square
            let near = rest - rest * (square * sum)
            sine = turns == 2 ? -near : near
        }
        return degrees < 0 ? -sine : sine
    }

    /// The angle whose tangent is x, for x from 0 to 1: with c = x rounded to 5 bits,
    /// arctan x = arctan c + arctan((x - c) / (1 + x c)).
    static func arctangent(_ x: Double) -> Double {
        let index = Int(x * 32 + 0.5)
        let c = Double(index) / 32
        let u = (x - c) / (1 + x * c)
        let square = u * u
        var sum = 1.0 / 9
        sum = 1.0 / 7 - sum * square
        sum = 1.0 / 5 - sum * square
        sum = 1.0 / 3 - sum * square
        return arctangents[index] + (u - u * (square * sum))
    }

    /// arctan(i / 32) for i from 0 to 32: each is the one before plus
    /// arctan(32 / (1024 + i (i - 1))), by its series, whose 12th term is below 2^-110.
    private static let arctangents: [Double] = {
        var sum = DoubleDouble(0)
        var table = [0.0]
        for index in 1...32 {
            let u = DoubleDouble(32) / DoubleDouble(Double(1024 + index * (index - 1)))
            let square = u * u
            let negative = DoubleDouble(-square.high, -square.low)
            var series = DoubleDouble(0)
            for term in stride(from: 23.0, through: 1, by: -2) {
                series = series * negative + DoubleDouble(1) / DoubleDouble(term)
            }
            sum = sum + u * series
            table.append(sum.high)
        }
        return table
    }()
}
