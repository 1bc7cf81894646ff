/// The one source of chance in a simulation: the same seed makes the same choices on every
/// machine. Source: S. Vigna, splitmix64.c.
public struct SimulatedRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts a sequence.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1.
    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// Whether something that happens `percent` times in a hundred happens.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of the choices.
    public mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
