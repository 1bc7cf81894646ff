/// Counts of values by size, as Prometheus shows them.
public struct Histogram: Sendable, Equatable {
    /// Upper limits of the buckets, ascending; values above the last are in `count` only.
    public let limits: [Double]
    /// Values up to each limit and above the one before.
    public private(set) var counts: [Int]
    public private(set) var count = 0
    public private(set) var sum = 0.0

    /// Seconds from half a millisecond to ten.
    public static let seconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Numbers of things, by powers of four.
    public static let numbers: [Double] = [1, 4, 16, 64, 256, 1024]

    /// Without values.
    public init(_ limits: [Double]) {
        self.limits = limits
        counts = Array(repeating: 0, count: limits.count)
    }

    /// Counts a value.
    public mutating func add(_ value: Double) {
        count += 1
        sum += value
        if let index = limits.firstIndex(where: { value <= $0 }) { counts[index] += 1 }
    }
}

extension Duration {
    /// The whole in seconds.
    public var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
