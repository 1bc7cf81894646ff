import VarveFormats

/// Aggregations that need the window's values themselves: what is made of them is a function of the
/// values in order of (event time, position), the same online and in a sweep.
///
/// Lists and maps are values of type string: canonical JSON, so that every file, protocol and
/// comparison carries them without a type of its own.
enum ValueList {
    /// The value of an aggregation.
    /// - Parameters:
    ///   - values: no nulls.
    ///   - parameter: see `AggregateFeature.parameter`.
    static func answer(
        _ function: Aggregation, _ parameter: Int, _ values: [Value]
    ) -> FeatureValue {
        if function == .count { return .present(.int64(Int64(values.count))) }
        guard let first = values.first, let last = values.last else {
            return FeatureValue(.notFound)
        }
        switch function {
        case .first: return .present(first)
        case .last: return .present(last)
        case .min: return .present(values.dropFirst().reduce(first) { $1.precedes($0) ? $1 : $0 })
        case .max: return .present(values.dropFirst().reduce(first) { $0.precedes($1) ? $1 : $0 })
        case .distinct: return .present(.int64(Int64(Set(values).count)))
        case .firstK: return .present(list(values.prefix(parameter)))
        case .lastK: return .present(list(values.suffix(parameter)))
        case .topK: return .present(list(mostFrequent(values).prefix(parameter)))
        case .quantile:
            let sorted = values.sorted { $0.precedes($1) }
            return .present(sorted[rank(parameter, sorted.count)])
        default: return moment(function, values)
        }
    }

    /// The value of an aggregation by category: a map from each category's text to its value, in
    /// the order of the categories. One that has none, such as a variance of one value, is left
    /// out.
    static func answer(
        _ function: Aggregation, _ parameter: Int, _ values: [(category: Value, value: Value)]
    ) -> FeatureValue {
        var groups: [Value: [Value]] = [:]
        for (category, value) in values { groups[category, default: []].append(value) }
        var members: [JSON.Member] = []
        for category in groups.keys.sorted(by: { $0.precedes($1) }) {
            let found = answer(function, parameter, groups[category] ?? [])
            if found.status == .overflow { return found }
            guard found.status == .present else { continue }
            members.append(JSON.Member(category.text, found.value.json))
        }
        if members.isEmpty, function != .count { return FeatureValue(.notFound) }
        return .present(.string(JSON.object(members).text))
    }

    /// What an aggregation says where there are no facts.
    static func absent(_ function: Aggregation, byCategory: Bool) -> FeatureValue {
        guard function == .count else { return FeatureValue(.notFound) }
        return .present(byCategory ? .string("{}") : .int64(0))
    }

    private static func list(_ values: some Sequence<Value>) -> Value {
        .string(JSON.array(values.map(\.json)).text)
    }

    /// The nearest rank: of n values in order, the ceil(q n)-th, at least the first. No rounding
    /// takes part, as q comes in millionths.
    ///
    /// Source: Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996, definition 1.
    private static func rank(_ millionths: Int, _ count: Int) -> Int {
        max(1, (millionths * count + 999_999) / 1_000_000) - 1
    }

    /// Each value once, the most frequent first; among equals the smaller one.
    private static func mostFrequent(_ values: [Value]) -> [Value] {
        var counts: [Value: Int] = [:]
        for value in values { counts[value, default: 0] += 1 }
        return counts.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key.precedes($1.key)
        }.map(\.key)
    }

    /// Sums and what follows from them, by the expressions of `Evaluation`.
    private static func moment(_ function: Aggregation, _ values: [Value]) -> FeatureValue {
        var integers: Int128 = 0
        var isInteger = false
        var sum = ExactSum()
        let numbers = values.map { value -> Double in
            switch value {
            case .int64(let number):
                isInteger = true
                integers += Int128(number)
                return Double(number)
            case .float64(let number):
                sum.add(number)
                return number
            default: return 0
            }
        }
        if function == .sum, isInteger {
            guard let total = Int64(exactly: integers) else { return FeatureValue(.overflow) }
            return .present(.int64(total))
        }
        let total = isInteger ? Double(integers) : sum.value
        if function == .sum { return finite(total) }
        let count = Double(values.count)
        let mean = total.isFinite ? total / count : scaledMean(numbers)
        if function == .mean { return finite(mean) }
        guard values.count > 1 else { return FeatureValue(.notFound) }
        var squares = ExactSum()
        for number in numbers {
            let square = (number - mean) * (number - mean)
            guard square.isFinite else { return FeatureValue(.overflow) }
            squares.add(square)
        }
        let variance = squares.value / (count - 1)
        return finite(function == .variance ? variance : variance.squareRoot())
    }

    private static func scaledMean(_ numbers: [Double]) -> Double {
        let scale = Double(sign: .plus, exponent: -64, significand: 1)
        var sum = ExactSum()
        for number in numbers { sum.add(number * scale) }
        return sum.value / Double(numbers.count) / scale
    }

    private static func finite(_ value: Double) -> FeatureValue {
        value.isFinite ? .present(.float64(value)) : FeatureValue(.overflow)
    }
}
