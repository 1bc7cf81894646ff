import VarveBytes
public import VarveFeatures
import VarveFormats

/// The slow, obvious twin of the feature engine: DESIGN.md section 5 read aloud. It keeps every
/// record in a list and looks at all of them for each answer.
public struct SetSemantics: Sendable {
    public struct Fact: Sendable {
        public var slots: [Value]
        public var eventTime: Int64
        public var position: Int64
        public var knownTime: Int64
        public var id: Value?
        /// A retraction has no values.
        public var isRetraction: Bool

        public init(
            slots: [Value], eventTime: Int64, position: Int64, knownTime: Int64, id: Value?,
            isRetraction: Bool
        ) {
            self.slots = slots
            self.eventTime = eventTime
            self.position = position
            self.knownTime = knownTime
            self.id = id
            self.isRetraction = isRetraction
        }
    }

    public let view: ViewDefinition
    public let stream: StreamDefinition
    public var facts: [Fact] = []

    public init(view: ViewDefinition, stream: StreamDefinition) {
        self.view = view
        self.stream = stream
    }

    private func isBefore(_ time: Int64, _ cutoff: Int64) -> Bool {
        view.includesCutoff ? time <= cutoff : time < cutoff
    }

    /// Whether a record is in the set that an answer may rest on, but for its event time.
    private func isKnown(_ fact: Fact, _ visibility: Visibility) -> Bool {
        fact.position < visibility.position
            && (!visibility.knownBeforeCutoff
                || isBefore(fact.knownTime, visibility.cutoff.microseconds))
    }

    /// What a feature says of a key.
    public func value(of feature: AggregateFeature, key: [Value], _ visibility: Visibility)
        -> FeatureValue
    {
        if key.contains(where: { $0 == .null }) { return FeatureValue(.nullKey) }
        let cutoff = visibility.cutoff.microseconds
        guard case .derived(let source) = view.source else { return FeatureValue(.notFound) }
        let named = Dictionary(grouping: facts.filter { $0.id != nil }, by: \.id)
        let visible = facts.filter { fact in
            guard !fact.isRetraction, isKnown(fact, visibility), isBefore(fact.eventTime, cutoff)
            else { return false }
            let isReplaced = fact.id != nil && (named[fact.id] ?? []).contains { other in
                other.position > fact.position && isKnown(other, visibility)
            }
            let slots = view.entity.compactMap { stream.index(of: $0.name) }
            return !isReplaced && slots.map { fact.slots[$0] } == key
                && (source.filter.map { $0.evaluate(fact.slots) == .bool(true) } ?? true)
                && (feature.filter.map { $0.evaluate(fact.slots) == .bool(true) } ?? true)
        }.sorted { ($0.eventTime, $0.position) < ($1.eventTime, $1.position) }
        var inWindow = visible
        switch feature.window {
        case .lifetime: break
        case .lastFacts(let count): inWindow = visible.suffix(count)
        case .length(let length, let lag, let hop):
            let near = Int128(cutoff) - Int128(lag)
            var far = near - Int128(length)
            if hop > 0 { far -= ((far % Int128(hop)) + Int128(hop)) % Int128(hop) }
            inWindow = visible.filter {
                view.includesCutoff
                    ? Int128($0.eventTime) > far && Int128($0.eventTime) <= near
                    : Int128($0.eventTime) >= far && Int128($0.eventTime) < near
            }
        }
        return aggregate(feature, inWindow, cutoff)
    }

    private func aggregate(_ feature: AggregateFeature, _ facts: [Fact], _ cutoff: Int64)
        -> FeatureValue
    {
        if let category = feature.category {
            return byCategory(feature, category, facts, cutoff)
        }
        let all = facts.map { fact in
            (time: fact.eventTime, value: feature.argument?.evaluate(fact.slots) ?? .bool(true))
        }
        let some = all.filter { $0.value != .null }
        func expired(_ time: Int64) -> Bool { view.maxAge.map { Int128(cutoff) - Int128(time) > $0 } ?? false }
        switch feature.function {
        case .count: return .present(.int64(Int64(some.count)))
        case .timeSinceLast:
            guard let newest = some.last else { return FeatureValue(.notFound) }
            let (age, isTooLong) = cutoff.subtractingReportingOverflow(newest.time)
            return isTooLong ? FeatureValue(.overflow) : .present(.int64(age))
        case .latest:
            guard let newest = all.last else { return FeatureValue(.notFound) }
            return expired(newest.time) ? FeatureValue(.expired) : .present(newest.value)
        default: break
        }
        guard let newest = some.last else { return FeatureValue(.notFound) }
        if expired(newest.time) { return FeatureValue(.expired) }
        let values = some.map(\.value)
        switch feature.function {
        case .last: return .present(newest.value)
        case .first: return .present(values[0])
        case .min: return .present(Self.extreme(values) { $1.precedes($0) })
        case .max: return .present(Self.extreme(values) { $0.precedes($1) })
        case .distinct:
            let different = values.indices.filter { !values[..<$0].contains(values[$0]) }
            return .present(.int64(Int64(different.count)))
        case .firstK: return .present(Self.list(values.prefix(feature.parameter)))
        case .lastK: return .present(Self.list(values.suffix(feature.parameter)))
        case .topK:
            let different = values.indices.filter { !values[..<$0].contains(values[$0]) }
            let ranked = different.map { index in
                (value: values[index], count: values.filter { $0 == values[index] }.count)
            }.sorted {
                $0.count == $1.count ? $0.value.precedes($1.value) : $0.count > $1.count
            }
            return .present(Self.list(ranked.prefix(feature.parameter).map(\.value)))
        case .quantile:
            // The least value that at least q of all values do not exceed.
            let sorted = values.sorted { $0.precedes($1) }
            var count = 1
            while count * 1_000_000 < feature.parameter * sorted.count { count += 1 }
            return .present(sorted[count - 1])
        default: return moment(feature.function, values)
        }
    }

    private static func finite(_ value: Double) -> FeatureValue {
        value.isFinite ? .present(.float64(value)) : FeatureValue(.overflow)
    }

    private static func list(_ values: some Sequence<Value>) -> Value {
        .string("[" + values.map(\.json.text).joined(separator: ",") + "]")
    }

    /// Each category by itself, as if the others' facts were not there.
    private func byCategory(
        _ feature: AggregateFeature, _ category: Expression, _ facts: [Fact], _ cutoff: Int64
    ) -> FeatureValue {
        let isCount = feature.function == .count
        let one = AggregateFeature(
            name: feature.name, function: feature.function, argument: feature.argument,
            filter: nil, window: .lifetime, parameter: feature.parameter, type: feature.type)
        let contributing = facts.filter { one.argument?.evaluate($0.slots) != .null }
        if let newest = contributing.last, !isCount, let maxAge = view.maxAge,
            Int128(cutoff) - Int128(newest.eventTime) > maxAge
        {
            return FeatureValue(.expired)
        }
        var categories: [Value] = []
        for fact in contributing {
            let value = category.evaluate(fact.slots)
            if value != .null, !categories.contains(value) { categories.append(value) }
        }
        var twin = SetSemantics(
            view: ViewDefinition(
                name: view.name, entity: view.entity, source: view.source, maxAge: nil,
                includesCutoff: view.includesCutoff), stream: stream)
        twin.facts = []
        var members: [String] = []
        for value in categories.sorted(by: { $0.precedes($1) }) {
            let own = facts.filter { category.evaluate($0.slots) == value }
            let found = twin.aggregate(one, own, cutoff)
            if found.status == .overflow { return found }
            guard found.status == .present else { continue }
            members.append(JSON.string(value.text).text + ":" + found.value.json.text)
        }
        if members.isEmpty, !isCount { return FeatureValue(.notFound) }
        return .present(.string("{" + members.joined(separator: ",") + "}"))
    }

    /// The value that every later one fails to beat.
    private static func extreme(
        _ values: [Value], _ isBeaten: (_ best: Value, _ by: Value) -> Bool
    ) -> Value {
        var best = values[0]
        for value in values.dropFirst() where isBeaten(best, value) { best = value }
        return best
    }

    private func moment(_ function: Aggregation, _ values: [Value]) -> FeatureValue {
        var integers: [Int64] = []
        let doubles = values.map { value -> Double in
            if case .int64(let number) = value { integers.append(number) }
            if case .float64(let number) = value { return number }
            return Double(integers.last ?? 0)
        }
        if function == .sum, !integers.isEmpty {
            // The whole is what must fit, whatever its parts do on the way.
            let total = integers.reduce(Int128(0)) { $0 + Int128($1) }
            return Int64(exactly: total).map { .present(.int64($0)) } ?? FeatureValue(.overflow)
        }
        let count = Double(values.count)
        // Scaled by 2^-64, which is exact for all but the smallest parts, no sum overflows.
        let isHuge = integers.isEmpty && doubles.contains { $0.magnitude > 1e300 }
        let scale = isHuge ? Double(sign: .plus, exponent: -64, significand: 1) : 1
        let scaled = Self.fsum(doubles.map { $0 * scale })
        let total = integers.isEmpty
            ? scaled / scale : Double(integers.reduce(Int128(0)) { $0 + Int128($1) })
        let mean = total.isFinite ? total / count : scaled / count / scale
        switch function {
        case .sum: return Self.finite(total)
        case .mean: return Self.finite(mean)
        default:
            if values.count < 2 { return FeatureValue(.notFound) }
            let squares = doubles.map { ($0 - mean) * ($0 - mean) }
            if squares.contains(where: { !$0.isFinite }) { return FeatureValue(.overflow) }
            let variance = Self.fsum(squares) / (count - 1)
            if !variance.isFinite { return FeatureValue(.overflow) }
            return .present(.float64(function == .variance ? variance : variance.squareRoot()))
        }
    }

    /// Shewchuk's algorithm as Python's `math.fsum` has it: partial sums that do not overlap, and
    /// a correction where the last rounding falls on a tie.
    public static func fsum(_ values: [Double]) -> Double {
        var partials: [Double] = []
        for value in values {
            var x = value
            var kept: [Double] = []
            for var y in partials {
                if x.magnitude < y.magnitude { swap(&x, &y) }
                let high = x + y
                let low = y - (high - x)
                if low != 0 { kept.append(low) }
                x = high
            }
            partials = kept + [x]
        }
        guard var high = partials.popLast() else { return 0 }
        var low = 0.0
        while let y = partials.popLast() {
            let x = high
            high = x + y
            low = y - (high - x)
            if low != 0 { break }
        }
        if let next = partials.last, (low < 0 && next < 0) || (low > 0 && next > 0) {
            let y = low * 2
            let x = high + y
            if y == x - high { high = x }
        }
        return high == 0 ? 0 : high
    }
}
