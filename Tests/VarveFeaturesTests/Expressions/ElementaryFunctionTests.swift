import Glibc
import Testing
import VarveBytes
import VarveTestSupport

@testable import VarveFeatures

/// The C library is within 2 units in the last place; ours within 0.6 of the exact value, measured
/// with mpmath over 250 000 arguments (logarithms: 0.5, correctly rounded in all of them).
struct ElementaryFunctionTests {
    /// How many doubles lie between two of one sign.
    private func distance(_ a: Double, _ b: Double) -> UInt64 {
        if a == b || (a.isNaN && b.isNaN) { return 0 }
        guard a.isFinite, b.isFinite, a.sign == b.sign else { return .max }
        let (a, b) = (a.magnitude.bitPattern, b.magnitude.bitPattern)
        return a > b ? a - b : b - a
    }

    /// Expects neighbouring results for arguments drawn at random.
    private func compare(
        _ name: String, seed: UInt64, _ own: (Double, Double) -> Double,
        _ library: (Double, Double) -> Double, _ arguments: (inout SplitMix64) -> (Double, Double)
    ) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let (x, y) = arguments(&random)
            let (mine, theirs) = (own(x, y), library(x, y))
            let apart = distance(mine, theirs)
            #expect(apart <= 2, "\(name)(\(x), \(y)): \(mine), the library says \(theirs)")
        }
    }

    /// A positive double of any magnitude.
    private static func positive(_ random: inout SplitMix64) -> Double {
        Double(bitPattern: random.next() % 0x7FF0_0000_0000_0000)
    }

    private static func near(
        _ center: Double, _ width: Double, _ random: inout SplitMix64
    ) -> Double {
        center + Double.random(in: -width...width, using: &random)
    }

    @Test("logarithms agree with the C library")
    func logarithms() {
        let ranges: [(inout SplitMix64) -> Double] = [
            Self.positive, { Self.near(1, 0.01, &$0).magnitude },
            { Self.near(50, 50, &$0).magnitude }, { 1 + Self.near(0, 1e-12, &$0) },
            { Double.leastNonzeroMagnitude * Double($0.next() % 100_000 + 1) },
        ]
        for (seed, range) in ranges.enumerated() {
            let seed = UInt64(seed)
            compare("log", seed: seed, { x, _ in Elementary.log(x) }, { x, _ in Glibc.log(x) }) {
                (range(&$0), 0)
            }
            compare("log2", seed: seed, { x, _ in Elementary.log2(x) }, { x, _ in Glibc.log2(x) }) {
                (range(&$0), 0)
            }
            compare(
                "log10", seed: seed, { x, _ in Elementary.log10(x) }, { x, _ in Glibc.log10(x) }
            ) { (range(&$0), 0) }
        }
    }

    @Test("log1p agrees with the C library")
    func logarithmOfOnePlus() {
        let ranges: [(inout SplitMix64) -> Double] = [
            Self.positive, { Self.near(0, 0.999, &$0) }, { Self.near(0, 1e-9, &$0) },
            { -1 + Self.positive(&$0).squareRoot().squareRoot() * 1e-80 },
            { Self.near(0, 1, &$0) * 0x1p-53 },
        ]
        for (seed, range) in ranges.enumerated() {
            compare(
                "log1p", seed: UInt64(seed), { x, _ in Elementary.log1p(x) },
                { x, _ in Glibc.log1p(x) }
            ) { (range(&$0), 0) }
        }
    }

    @Test("exponentials agree with the C library")
    func exponentials() {
        for (seed, width) in [750, 30, 1, 1e-8, 1e-300].enumerated() {
            compare(
                "exp", seed: UInt64(seed), { x, _ in Elementary.exp(x) }, { x, _ in Glibc.exp(x) }
            ) { (Self.near(0, width, &$0), 0) }
        }
    }

    @Test("powers agree with the C library")
    func powers() {
        let ranges: [(inout SplitMix64) -> (Double, Double)] = [
            { (Self.near(10, 10, &$0).magnitude, Self.near(0, 50, &$0)) },
            { (Self.positive(&$0), Self.near(0, 1, &$0)) },
            { (1 + Self.near(0, 1e-10, &$0), Self.near(0, 1e12, &$0)) },
            { (Double($0.below(2000) - 1000), Double($0.below(40) - 20)) },
            { ($0.double(), $0.double()) },
            { ($0.double(), Double($0.integer())) },
        ]
        for (seed, range) in ranges.enumerated() {
            compare("pow", seed: UInt64(seed), Elementary.pow, Glibc.pow, range)
        }
    }

    @Test("what a double can hold comes out exact")
    func exactResults() {
        for k in -1074...1023 {
            #expect(Elementary.log2(Glibc.scalbn(1, Int32(k))) == Double(k))
            #expect(Elementary.pow(2, Double(k)) == Glibc.scalbn(1, Int32(k)))
        }
        var power = 1.0
        for k in 0...22 {
            #expect(Elementary.log10(power) == Double(k))
            #expect(Elementary.pow(10, Double(k)) == power)
            power *= 10
        }
        for base in 0...3000 {
            let x = Double(base)
            #expect(Elementary.pow(x, 2) == x * x)
            #expect(Elementary.pow(x, 3) == x * x * x)
            #expect(Elementary.pow(x * x, 0.5) == x)
            #expect(Elementary.pow(-x, 3) == -x * x * x)
        }
        #expect(Elementary.exp(0) == 1)
        #expect(Elementary.log(1) == 0)
        #expect(Elementary.log1p(0) == 0)
    }

    @Test("distances agree with the C library")
    func distances() {
        func library(_ a: (Double, Double), _ b: (Double, Double)) -> Double {
            let radian = Double.pi / 180
            let north = Glibc.sin((b.0 - a.0) / 2 * radian)
            let east = Glibc.sin((b.1 - a.1) / 2 * radian)
            let widths = Glibc.cos(a.0 * radian) * Glibc.cos(b.0 * radian)
            let h = min(1, north * north + widths * east * east)
            return 2 * 6371.0088 * Glibc.atan2(h.squareRoot(), (1 - h).squareRoot())
        }
        var random = SplitMix64(seed: 20)
        for round in 0..<20_000 {
            let width = [180, 1, 1e-6][round % 3]
            let a = (Self.near(0, 90, &random), Self.near(0, 180, &random))
            let b = (
                max(-90, min(90, a.0 + Self.near(0, width / 2, &random))),
                max(-180, min(180, a.1 + Self.near(0, width, &random)))
            )
            let mine = Elementary.haversineKilometres(a.0, a.1, b.0, b.1)
            let theirs = library(a, b)
            // Near the poles the library's cosine of a right angle, which is not 0, tells.
            let slack = max(a.0.magnitude, b.0.magnitude) > 80 ? 1e-12 : 0
            #expect(
                (mine - theirs).magnitude <= 4e-15 * theirs + slack, "\(a) \(b): \(mine), \(theirs)"
            )
            #expect(mine == Elementary.haversineKilometres(b.0, b.1, a.0, a.1))
        }
        #expect(Elementary.haversineKilometres(50, 8, 50, 8) == 0)
        #expect(Elementary.haversineKilometres(90, 0, -90, 0) == 6371.0088 * Double.pi)
        #expect(Elementary.haversineKilometres(0, -90, 0, 90) == 6371.0088 * Double.pi)
        #expect(Elementary.haversineKilometres(90.1, 0, 0, 0).isNaN)
        #expect(Elementary.haversineKilometres(0, 0, 0, -180.1).isNaN)
        for degrees in stride(from: -180.0, through: 180, by: 0.25) {
            let sine = Glibc.sin(degrees * (Double.pi / 180))
            #expect((Elementary.sine(degrees: degrees) - sine).magnitude < 4e-16)
        }
        for step in 0...4096 {
            let x = Double(step) / 4096
            #expect(distance(Elementary.arctangent(x), Glibc.atan(x)) <= 2)
        }
    }

    @Test("edges are those of IEEE 754")
    func edges() {
        let values = [
            0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1e300, -1e300, 0x1p53, 0x1p53 + 2, 0x1p64,
            -0x1p70, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, 1.0.nextUp, 1.0.nextDown, 745.2, 709.78, 709.79, -745.13,
        ]
        for x in values {
            #expect(distance(Elementary.exp(x), Glibc.exp(x)) <= 1)
            #expect(distance(Elementary.log(x), Glibc.log(x)) <= 1)
            #expect(distance(Elementary.log1p(x), Glibc.log1p(x)) <= 1)
            for y in values {
                let (mine, theirs) = (Elementary.pow(x, y), Glibc.pow(x, y))
                #expect(distance(mine, theirs) <= 1, "pow(\(x), \(y)): \(mine), \(theirs)")
            }
        }
    }

    /// Results to the bit, from mpmath with 60 digits, rounded once.
    @Test("bits do not change")
    func bits() {
        #expect(Elementary.log(0.1).bitPattern == 0xC002_6BB1_BBB5_5515)
        #expect(Elementary.log(2).bitPattern == 0x3FE6_2E42_FEFA_39EF)
        #expect(Elementary.exp(1).bitPattern == 0x4005_BF0A_8B14_5769)
        #expect(Elementary.exp(-10.5).bitPattern == 0x3EFC_DFC2_63F6_A0BA)
        #expect(Elementary.log2(10).bitPattern == 0x400A_934F_0979_A371)
        #expect(Elementary.log1p(1e-5).bitPattern == 0x3EE4_F8AE_A9AE_7317)
        // One unit in the last place from the exact value, each.
        for (from, to, known) in [
            ((40.6413, -73.7781), (51.47, -0.4543), 0x40B5_A404_DB3A_92F3),
            ((52, 13), (52.001, 13.002), 0x3FC6_93A5_DF01_99BF),
            ((-33.9, 151.2), (40.6, -73.8), 0x40CF_43B8_DCF8_1475),
        ] as [((Double, Double), (Double, Double), UInt64)] {
            let bits = Elementary.haversineKilometres(from.0, from.1, to.0, to.1).bitPattern
            #expect(bits == known, "\(String(bits, radix: 16))")
        }
        #expect(Elementary.pow(1.1, 10.5).bitPattern == 0x4005_C341_A3D4_0F19)
    }
}
