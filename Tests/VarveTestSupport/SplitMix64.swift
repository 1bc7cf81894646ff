/// A small seeded generator: the same seed gives the same test on every machine.
/// Source: S. Vigna, splitmix64.c.
public struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// True in so many of a hundred cases.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of some values.
    public mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

    /// A text with letters, quotes, separators, control characters, and characters of 1 to 4 bytes.
    public mutating func text() -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "b", "z", "0", "9", " ", ",", ";", "\"", "\\", "/", "\n", "\r", "\t", "\u{1}",
            "\u{7f}", "\u{e9}", "\u{df}", "\u{20ac}", "\u{2028}", "\u{fffd}", "\u{1f600}",
            "\u{10ffff}",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<below(12) { text.append(scalars[below(scalars.count)]) }
        return String(text)
    }

    /// A finite double: of any bit pattern, a short decimal, or an edge case.
    public mutating func double() -> Double {
        switch below(4) {
        case 0: return Double(Int64(truncatingIfNeeded: next()) >> 40) / 100
        case 1:
            return [0, -0.0, 1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0x1p-1022, 1e22][
                below(7)]
        default:
            let value = Double(bitPattern: next())
            return value.isFinite ? value : 0.1
        }
    }

    /// An integer of any magnitude.
    public mutating func integer() -> Int64 {
        Int64(truncatingIfNeeded: next()) >> Int64(below(64))
    }

    /// The bytes with a few changed, removed, doubled or set to extremes.
    public mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(4) where !bytes.isEmpty {
            let index = below(bytes.count)
            switch below(5) {
            case 0: bytes[index] ^= 1 << UInt8(below(8))
            case 1: bytes[index] = UInt8(truncatingIfNeeded: next())
            case 2: bytes[index] = [0, 0x7f, 0x80, 0xff][below(4)]
            case 3: bytes.remove(at: index)
            default: bytes.insert(bytes[index], at: index)
            }
        }
        return bytes
    }
}
