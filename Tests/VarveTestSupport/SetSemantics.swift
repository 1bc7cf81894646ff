import VarveBytes
public import VarveFeatures

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
        let visible = facts.filter { fact in
            guard !fact.isRetraction, isKnown(fact, visibility), isBefore(fact.eventTime, cutoff)
            else { return false }
            let isReplaced = fact.id != nil && facts.contains { other in
                other.position > fact.position && other.id == fact.id
                    && isKnown(other, visibility)
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
            let near = cutoff - lag
            var far = near - length
            if hop > 0 { while far % hop != 0 { far -= 1 } }
            inWindow = visible.filter {
                view.includesCutoff
                    ? $0.eventTime > far && $0.eventTime <= near
                    : $0.eventTime >= far && $0.eventTime < near
            }
        }
        return aggregate(feature, inWindow, cutoff)
    }

    private func aggregate(_ feature: AggregateFeature, _ facts: [Fact], _ cutoff: Int64)
        -> FeatureValue
    {
        let all = facts.map { fact in
            (time: fact.eventTime, value: feature.argument?.evaluate(fact.slots) ?? .bool(true))
        }
        let some = all.filter { $0.value != .null }
        func expired(_ time: Int64) -> Bool { view.maxAge.map { cutoff - time > $0 } ?? false }
        switch feature.function {
        case .count: return .present(.int64(Int64(some.count)))
        case .timeSinceLast:
            guard let newest = some.last else { return FeatureValue(.notFound) }
            return .present(.int64(cutoff - newest.time))
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
        default: return moment(feature.function, values)
        }
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
            var total: Int64 = 0
            for number in integers {
                let (sum, overflow) = total.addingReportingOverflow(number)
                if overflow { return FeatureValue(.overflow) }
                total = sum
            }
            return .present(.int64(total))
        }
        let total = integers.isEmpty ? Self.fsum(doubles) : Double(integers.reduce(0, +))
        let count = Double(values.count)
        switch function {
        case .sum: return .present(.float64(total))
        case .mean: return .present(.float64(total / count))
        default:
            if values.count < 2 { return FeatureValue(.notFound) }
            let squares = doubles.map { ($0 - total / count) * ($0 - total / count) }
            let variance = Self.fsum(squares) / (count - 1)
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
