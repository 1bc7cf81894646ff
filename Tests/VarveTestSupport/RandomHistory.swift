public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog

/// A random history in a real log: two declared streams and a written view, with ties, nulls, late,
/// duplicate, amended and retracted records, assertions of known times, quarantined batches,
/// records that do not fit, several partitions and other streams in between. It keeps what it
/// appended as facts, for `SetSemantics`.
///
/// Times are whole seconds from `origin` on, so that ties are frequent.
public final class RandomHistory {
    /// 2020-01-01T00:00:00Z, microseconds.
    public static let origin: Int64 = 1_577_836_800_000_000
    /// Event times lie in 0..<span seconds.
    public static let span = 60
    public static let keys = ["a", "b", "c"]
    public static let second: Int64 = 1_000_000

    public let document: JSON
    public let definitions: Definitions
    /// By stream name. Their known times are set by `settleKnownTimes`.
    public private(set) var facts: [String: [SetSemantics.Fact]] = [:]
    /// Records that no view can read, by stream name.
    public private(set) var unreadable: [String: Int] = [:]
    public var generator: SplitMix64
    private let log: TemporaryLog
    private var now: Int64 = 0

    public init(seed: UInt64, _ log: TemporaryLog) throws {
        self.log = log
        generator = SplitMix64(seed: seed)
        document = try JSON(parsing: RandomHistory.definitions(&generator))
        definitions = try Definitions(reading: document)
    }

    /// A time as a text.
    public static func text(second: Int64) -> String {
        Timestamp(microseconds: origin + second * Self.second).description
    }

    // MARK: Definitions

    private static func features(
        _ generator: inout SplitMix64, categories: [String],
        arguments: [(String, [String])]
    ) -> String {
        var features: [String] = []
        for (argument, functions) in arguments {
            let function = generator.pick(functions)
            let window = generator.pick([
                #""window": "lifetime""#, #""window": "last \#(1 + generator.below(3))""#,
                #""window": "\#(1 + generator.below(30))s""#,
                #""window": "\#(1 + generator.below(30))s", "lag": "\#(generator.below(9))s""#,
                #""window": "20s", "hop": "\#(generator.pick([3, 7]))s""#,
            ])
            let filter = generator.pick(["", "", #", "where": "x > 0 or x is null""#])
            let detail: String
            switch function {
            case "first_k", "last_k", "top_k": detail = #""k": \#(1 + generator.below(3)), "#
            case "quantile":
                detail = #""q": \#(generator.pick(["0", "0.1", "0.5", "0.999999", "1"])), "#
            case "latest", "time_since_last": detail = ""
            // The first feature is a number: the service's expressions read it.
            case _ where features.isEmpty: detail = ""
            default:
                detail = generator.pick(["", ""] + categories.map { #""by": "\#($0)", "# })
            }
            features.append(
                #"{"name": "f\#(features.count)", "\#(function)": "\#(argument)", "#
                    + "\(detail)\(window)\(filter)}")
        }
        return features.joined(separator: ", ")
    }

    private static func definitions(_ generator: inout SplitMix64) -> String {
        let numbers = [
            "sum", "mean", "min", "max", "variance", "stddev", "latest", "first", "last",
            "quantile", "distinct", "first_k", "last_k",
        ]
        let values = [
            "latest", "first", "last", "min", "max", "count", "distinct", "top_k", "last_k",
        ]
        func trades(_ generator: inout SplitMix64) -> String {
            features(
                &generator, categories: ["s", "n % 3"],
                arguments: [
                    ("*", ["count", "time_since_last"]), ("x", numbers), ("n", numbers),
                    ("s", values), ("x * 2.0 - 1.0", ["sum", "mean"]), ("t", ["max", "latest", "quantile"]),
                    ("*", ["count"]),
                ])
        }
        let (first, second) = (trades(&generator), trades(&generator))
        let quotes = features(
            &generator, categories: ["x > 1.0"],
            arguments: [("*", ["count"]), ("x", numbers), ("x", ["latest"])])
        return """
            {"streams": [
              {"name": "trades", "fields": {"id": "int64", "key": "string?", "sub": "int64?",
                "x": "float64?", "n": "int64?", "s": "string?", "t": "timestamp",
                "seen": "timestamp?"},
               "event_time": "t", "known_at": "seen", "key": ["key"], "id": "id"},
              {"name": "quotes", "fields": {"key": "string", "x": "float64?"}, "key": ["key"]}],
             "views": [
              {"name": "trade", "entity": {"key": "string"}, "source": "trades",
               "where": "n is null or n < 9"\(generator.pick(["", #", "max_age": "12s""#])),
               "features": [\(first)]},
              {"name": "pair", "entity": {"key": "string", "sub": "int64"}, "source": "trades",
               "at_cutoff": "include", "features": [\(second)]},
              {"name": "quote", "entity": {"key": "string"}, "source": "quotes",
               "features": [\(quotes)]},
              {"name": "grade", "entity": {"key": "string"},
               "values": {"g": "int64?", "label": "string?"}}],
             "services": [
              {"name": "all", "inputs": {"amount": "float64?"}, "features": ["trade.*", "pair.*",
               "amount", "quote.*", "grade.*",
               {"name": "ratio", "expr": "amount / (trade.f0 + 1)"},
               {"name": "twice", "expr": "ratio * 2.0"}]},
              {"name": "stored", "inputs": {}, "features": ["quote.*", "grade.*", "trade.*",
               "pair.*"]}]}
            """
    }

    // MARK: Records

    /// Appends so many random batches.
    public func append(batches: Int) throws {
        for _ in 0..<batches {
            // Ingest times do not follow event times; often several batches have the same.
            now += generator.chance(50) ? 0 : Int64(generator.below(4))
            log.setTime(Self.origin + now * Self.second)
            switch generator.below(12) {
            case 0..<6: try appendTrades()
            case 6..<9: try appendQuotes()
            case 9: try appendGrades()
            case 10: try log.append(["noise", "{}"], to: "noise")
            default: try appendMisfits()
            }
        }
    }

    private func value<T>(_ values: [T], _ make: (T) -> Value) -> Value {
        generator.chance(15) ? .null : make(generator.pick(values))
    }

    private func object(_ fields: [Field], _ slots: [Value]) -> [UInt8] {
        let members = zip(fields, slots).filter { !$1.isNull }.map { JSON.Member($0.name, $1.json) }
        return Array(JSON.object(members).text.utf8)
    }

    private func appendTrades() throws {
        guard let stream = definitions.stream("trades") else { return }
        var records: [Record] = []
        var made: [SetSemantics.Fact] = []
        for _ in 0...generator.below(4) {
            let id = Int64(generator.below(25))
            let time = Timestamp(
                microseconds: Self.origin + Int64(generator.below(Self.span)) * Self.second)
            let isRetraction = generator.chance(8)
            let slots: [Value] = [
                .int64(id), value(Self.keys) { .string($0) }, value([1, 2]) { .int64($0) },
                value([0.1, 0.2, -0.0, 0.0, 1e16, -1e16, 1e-300, .leastNonzeroMagnitude]) { .float64($0) },
                value((0..<10).map { Int64($0) }) { .int64($0) },
                value(["x", "y", "zz"]) { .string($0) }, .timestamp(time),
                // Known before its event time, at it, or later; null: when it was ingested.
                value([-3, 0, 0, 5, 20] as [Int64]) {
                    .timestamp(Timestamp(microseconds: time.microseconds + $0 * Self.second))
                },
            ]
            records.append(
                Record(
                    key: isRetraction ? Array("\(id)".utf8) : nil,
                    value: isRetraction ? nil : object(stream.fields, slots), timestamp: 0))
            var known = Int64.min
            if case .timestamp(let seen) = slots[7], !isRetraction { known = seen.microseconds }
            made.append(
                SetSemantics.Fact(
                    slots: slots, eventTime: time.microseconds, position: 0, knownTime: known,
                    id: .int64(id), isRetraction: isRetraction))
        }
        try keep(made, records, in: "trades")
    }

    private func appendQuotes() throws {
        guard let stream = definitions.stream("quotes") else { return }
        var records: [Record] = []
        var made: [SetSemantics.Fact] = []
        for _ in 0...generator.below(3) {
            let time = Self.origin + Int64(generator.below(Self.span)) * Self.second
            let slots: [Value] = [
                .string(generator.pick(Self.keys)),
                value([1.5, 2.5, 0.1, -0.3]) { .float64($0) },
            ]
            // A stream without an id: the same record twice is two facts; a record without a value
            // is nothing.
            for _ in 0...(generator.chance(20) ? 1 : 0) {
                records.append(
                    Record(key: nil, value: object(stream.fields, slots), timestamp: time / 1000))
                made.append(
                    SetSemantics.Fact(
                        slots: slots, eventTime: time, position: 0, knownTime: .min, id: nil,
                        isRetraction: false))
            }
        }
        try keep(made, records, in: "quotes", partition: Int32(generator.below(2)))
    }

    private func appendGrades() throws {
        guard let view = definitions.view("grade") else { return }
        let stream = StreamDefinition(writing: view)
        let time = Timestamp(
            microseconds: Self.origin + Int64(generator.below(Self.span)) * Self.second)
        let slots: [Value] = [
            .string(generator.pick(Self.keys)), .timestamp(time),
            value([1, 2, 3]) { .int64($0) }, value(["low", "high"]) { .string($0) },
        ]
        try keep(
            [
                SetSemantics.Fact(
                    slots: slots, eventTime: time.microseconds, position: 0, knownTime: .min,
                    id: nil, isRetraction: false)
            ],
            [Record(key: nil, value: object(stream.fields, slots), timestamp: 0)],
            in: stream.name)
    }

    /// What is in no set: a quarantined batch, or records that the definition cannot read.
    private func appendMisfits() throws {
        if generator.chance(50) {
            try log.append([#"{"key": "a", "x": 7}"#, "?"], to: "quotes", flags: .quarantined)
        } else {
            let texts = ["{", #"{"key": "a", "x": "7"}"#, #"{"x": 1}"#, #"{"key": "a", "z": 1}"#]
            let count = 1 + generator.below(texts.count)
            try log.append(Array(texts.prefix(count)), to: "quotes")
            unreadable["quotes", default: 0] += count
        }
    }

    private func keep(
        _ made: [SetSemantics.Fact], _ records: [Record], in stream: String, partition: Int32 = 0
    ) throws {
        let base = try log.append(
            records, to: stream, partition: partition,
            compression: generator.chance(30) ? .lz4 : .none)
        for (index, var fact) in made.enumerated() {
            fact.position = base + Int64(index)
            facts[stream, default: []].append(fact)
        }
    }

    // MARK: Oracles

    /// Facts that assert no known time were known when the log took them in, which the log says.
    private func settleKnownTimes() throws {
        var ingested: [Int64: Int64] = [:]
        try log.log.read(from: Position(0)) { frame in
            for position in 0..<Int64(frame.count) {
                ingested[frame.basePosition.value + position] = frame.ingestTime.microseconds
            }
            return true
        }
        for name in facts.keys {
            for index in facts[name, default: []].indices {
                guard let fact = facts[name]?[index], fact.knownTime == .min else { continue }
                facts[name]?[index].knownTime = ingested[fact.position] ?? 0
            }
        }
    }

    /// The slow twins of some views, with the facts of a prefix of the log.
    public func oracles(
        for views: [ViewDefinition], upTo end: Position = Position(.max)
    ) throws -> [SetSemantics] {
        try settleKnownTimes()
        return try views.map { view in
            let stream = definitions.stream(of: view)
            var oracle = SetSemantics(view: try Self.derived(view, stream), stream: stream)
            oracle.facts = (facts[stream.name] ?? []).filter { $0.position < end.value }
            return oracle
        }
    }

    /// A written view as the aggregations that it stands for.
    private static func derived(
        _ view: ViewDefinition, _ stream: StreamDefinition
    ) throws -> ViewDefinition {
        guard case .written(let fields) = view.source else { return view }
        let features = try fields.map { field in
            AggregateFeature(
                name: field.name, function: .latest,
                argument: try Expression(parsing: field.name, scope: stream.fields), filter: nil,
                window: .lifetime, type: field.type)
        }
        return ViewDefinition(
            name: view.name, entity: view.entity,
            source: .derived(.init(stream: stream.name, filter: nil, features: features)),
            maxAge: view.maxAge, includesCutoff: view.includesCutoff)
    }

    /// A random T, within the history or around it.
    public func randomTime() -> Timestamp {
        let seconds = Int64(generator.below(Self.span + 30)) - 5
        let step = generator.chance(30) ? Int64(generator.below(3)) - 1 : 0
        return Timestamp(microseconds: Self.origin + seconds * Self.second + step)
    }

    /// Values for the key fields of the views, sometimes null, sometimes never seen.
    public func randomKey(_ field: Field) -> Value {
        if generator.chance(8) { return .null }
        return field.type == .string
            ? .string(generator.pick(Self.keys + ["never"])) : .int64(generator.pick([1, 2, 3]))
    }
}

extension SetSemantics {
    /// The values of all of the view's features.
    public func values(key: [Value], _ visibility: Visibility) -> [FeatureValue] {
        guard case .derived(let source) = view.source else { return [] }
        return source.features.map { value(of: $0, key: key, visibility) }
    }
}
