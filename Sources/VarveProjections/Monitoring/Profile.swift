import VarveBytes
public import VarveFeatures
public import VarveFormats

/// The distribution of one column: what monitoring compares against, and what it compares. Bins
/// are frozen when the baseline is taken, so profiles over the same bins merge by adding counts.
public struct Profile: Sendable, Equatable {
    /// Ascending inner edges: value v falls into bin i where i edges are <= v. Empty for columns
    /// that are not numeric, and for those with a single value below and above which lies nothing.
    public let edges: [Double]
    /// One more than `edges`.
    public internal(set) var counts: [Int64]
    /// Values that are null, or no finite number.
    public internal(set) var nulls: Int64 = 0
    private var sum = ExactSum()
    public internal(set) var minimum: Double?
    public internal(set) var maximum: Double?

    /// Quantile bins between the least and the largest value of a baseline.
    public static let binCount = 20

    /// An empty profile over some bins.
    public init(edges: [Double]) {
        self.edges = edges
        counts = Array(repeating: 0, count: edges.count + 1)
    }

    /// A baseline: bins at the quantiles of its own values.
    public init(baseline values: [Double?]) {
        let numbers = values.compactMap { $0 }
        self.init(baseline: numbers, nulls: values.count - numbers.count)
    }

    /// A baseline of numbers, and of so many nulls.
    /// - Complexity: linear.
    public init(baseline numbers: [Double], nulls: Int) {
        let numbers = numbers.span
        let keys = [UInt64](capacity: numbers.count) { (keys: inout OutputSpan<UInt64>) in
            for index in numbers.indices where numbers[index].isFinite {
                keys.append(Self.key(numbers[index]))
            }
        }
        var ordered = RadixSelect(keys)
        let count = keys.count
        ordered.prepare(indices: Self.ranks(count))
        var sum = ExactSum()
        sum.add(finite: numbers)
        self.init(
            count: count, nulls: nulls + numbers.count - count, sum: sum,
            keyAt: { ordered.word(at: $0) }, countBelow: { ordered.count(below: $0) })
    }

    /// The same of distinct numbers, each with how often it is there.
    /// - Complexity: linear.
    public init(baseline distinct: [Double], counts: [Int], nulls: Int) {
        var sum = ExactSum()
        var found: [(key: UInt64, count: Int)] = []
        var others = 0
        for (number, count) in zip(distinct, counts) where count > 0 {
            if number.isFinite {
                sum.add(number, times: count)
                found.append((Self.key(number), count))
            } else {
                others += count
            }
        }
        found = RadixSort.order(of: found.map(\.key)).map { found[Int($0)] }
        // Behind each key, how many there are up to it.
        var total = 0
        let ends = found.map { pair in
            total += pair.count
            return total
        }
        self.init(
            count: total, nulls: nulls + others, sum: sum,
            keyAt: { rank in found[ends.partitioningIndex { $0 > rank }].key },
            countBelow: { key in
                let place = found.partitioningIndex { $0.key >= key }
                return place == 0 ? 0 : ends[place - 1]
            })
    }

    /// The ranks that bins are made of.
    private static func ranks(_ count: Int) -> [Int] {
        count == 0 ? [] : [0, count - 1] + (1..<binCount).map { count * $0 / binCount }
    }

    /// A baseline of ordered numbers.
    /// - Parameters:
    ///   - keyAt: the key of the number of a rank, one of `ranks`.
    ///   - countBelow: how many numbers have a lower key.
    private init(
        count: Int, nulls: Int, sum: ExactSum, keyAt: (Int) -> UInt64, countBelow: (UInt64) -> Int
    ) {
        var edges: [Double] = []
        if count > 0 {
            let least = Self.number(key: keyAt(0))
            let largest = Self.number(key: keyAt(count - 1))
            // The least value has a bin of its own, and so have values below and above all: where
            // nearly all values are equal, a rare one that becomes common must show.
            edges = [least, least.nextUp]
            for bin in 1..<Self.binCount {
                // Nearest rank.
                edges.append(Self.number(key: keyAt(count * bin / Self.binCount)))
            }
            edges.append(largest.nextUp)
            edges.sort()
            // Equal values make equal edges, which are kept once.
            edges = edges.indices.filter { $0 == 0 || edges[$0] > edges[$0 - 1] }
                .map { edges[$0] }.filter(\.isFinite)
            (minimum, maximum) = (least, largest)
        }
        self.edges = edges
        counts = []
        var start = 0
        for edge in edges {
            let end = countBelow(Self.key(edge))
            counts.append(Int64(end - start))
            start = end
        }
        counts.append(Int64(count - start))
        self.nulls = Int64(nulls)
        self.sum = sum
    }

    /// A number's place in the order of all, as a word; zeros of either sign have one.
    private static func key(_ number: Double) -> UInt64 {
        let bits = (number + 0.0).bitPattern
        return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    }

    private static func number(key: UInt64) -> Double {
        Double(bitPattern: key >> 63 == 1 ? key & ~(1 << 63) : ~key)
    }

    /// Values, nulls included.
    public var count: Int64 { counts.reduce(0, +) + nulls }

    /// Mean of the values that are not null; nil when there are none.
    public var mean: Double? {
        let values = count - nulls
        let mean = sum.value / Double(values)
        return values > 0 && mean.isFinite ? mean : nil
    }

    /// Share of nulls; 0 of nothing.
    public var nullShare: Double { count == 0 ? 0 : Double(nulls) / Double(count) }

    /// Counts one value.
    public mutating func add(_ value: Double?) {
        guard let value, value.isFinite else {
            nulls += 1
            return
        }
        counts[bin(of: value)] += 1
        sum.add(value)
        minimum = Swift.min(minimum ?? value, value)
        maximum = Swift.max(maximum ?? value, value)
    }

    private func bin(of value: Double) -> Int {
        var (low, high) = (0, edges.count)
        while low < high {
            let middle = (low + high) / 2
            if edges[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The number a feature's value counts as; nil for null. Texts are not profiled.
    public static func number(_ value: Value) -> Double? {
        switch value {
        case .bool(let value): value ? 1 : 0
        case .int64(let value): Double(value)
        case .float64(let value): value
        case .null, .string, .timestamp: nil
        }
    }

    /// The profile as manifests and registrations keep it.
    public var json: JSON {
        .object([
            .init("count", .integer(count)), .init("nulls", .integer(nulls)),
            .init("sum", sum.value.isFinite ? .number(sum.value) : .null),
            .init("mean", mean.map { .number($0) } ?? .null),
            .init("min", minimum.map { .number($0) } ?? .null),
            .init("max", maximum.map { .number($0) } ?? .null),
            .init("edges", .array(edges.map { .number($0) })),
            .init("counts", .array(counts.map { .integer($0) })),
        ])
    }

    /// Reads what `json` wrote; nil when it is something else. The sum comes back as it was
    /// rounded, which gives the same mean.
    public init?(_ json: JSON) {
        guard let edges = json["edges"]?.arrayValue?.compactMap(\.doubleValue),
            let counts = json["counts"]?.arrayValue?.compactMap(\.integerValue),
            let nulls = json["nulls"]?.integerValue, counts.count == edges.count + 1
        else { return nil }
        self.init(edges: edges)
        self.counts = counts
        self.nulls = nulls
        minimum = json["min"]?.doubleValue
        maximum = json["max"]?.doubleValue
        if let total = json["sum"]?.doubleValue {
            sum.add(total)
        } else {
            // A sum beyond every double, as it was.
            for _ in 0..<2 { sum.add(.greatestFiniteMagnitude) }
        }
    }
}
