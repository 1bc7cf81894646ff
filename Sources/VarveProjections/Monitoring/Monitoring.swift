public import VarveBytes
import VarveFeatures
public import VarveFormats
public import VarveLog

/// What every model version saw and answered, in tumbling windows of event time, over the bins of
/// its baseline: a fold of `varve.predictions`.
///
/// A window is closed by nothing: a late prediction updates the window it belongs to.
public struct Monitoring: Sendable {
    /// One model version.
    public struct Subject: Sendable, Hashable {
        public let model: String
        public let version: Int

        public init(model: String, version: Int) {
            self.model = model
            self.version = version
        }
    }

    /// What one window of one model version holds.
    public struct Window: Sendable, Equatable {
        /// Its first moment.
        public let start: Timestamp
        public internal(set) var predictions: Int64 = 0
        /// One for each of the subject's signals.
        public internal(set) var profiles: [Profile]
    }

    /// A model version's signals, baselines and windows.
    public struct Series: Sendable, Equatable {
        /// The columns of its service that are numbers, then `score`; then columns that the service
        /// has gained since.
        public internal(set) var signals: [String] = []
        /// One for each signal.
        public internal(set) var baselines: [Profile] = []
        /// In order of their start.
        public internal(set) var windows: [Window] = []
    }

    /// The name of the model's answer among the signals.
    public static let score = "score"

    /// Microseconds in a window.
    public let windowLength: Int64
    private var series: [Subject: Series] = [:]
    /// Where each prediction is, by id.
    private var positions: [String: Position] = [:]

    /// Before any prediction.
    public init(windowLength: Int64) { self.windowLength = windowLength }

    /// The subjects that have windows, by model and version.
    public var subjects: [Subject] {
        series.keys.sorted { ($0.model, $0.version) < ($1.model, $1.version) }
    }

    /// The windows of a model version.
    public func series(of subject: Subject) -> Series? { series[subject] }

    /// Where a prediction's record is.
    public func position(ofPrediction id: String) -> Position? { positions[id] }

    /// Predictions so far.
    public var predictionCount: Int { positions.count }

    /// Takes in one prediction.
    /// - Parameter baseline: gives the subject's baselines by signal name when it is first seen.
    public mutating func apply(
        _ prediction: PredictionRecord, at position: Position,
        baseline: (Subject) -> [String: Profile]
    ) {
        positions[prediction.id] = position
        let subject = Subject(model: prediction.model, version: prediction.version)
        // Taken out of the dictionary, so that it is changed in place.
        var series = series.removeValue(forKey: subject) ?? Series()
        let values = Self.values(prediction)
        var known: [String: Profile]?
        for (name, _) in values where !series.signals.contains(name) {
            let baselines = known ?? baseline(subject)
            known = baselines
            series.add(name, baselines[name] ?? Profile(edges: []))
        }
        let remainder = prediction.time.microseconds
            .flooredDivision(by: windowLength).remainder
        let start = Timestamp(microseconds: prediction.time.microseconds &- remainder)
        let index = series.windows.firstIndex { $0.start >= start } ?? series.windows.count
        if index == series.windows.count || series.windows[index].start != start {
            series.windows.insert(
                Window(
                    start: start, profiles: series.baselines.map { Profile(edges: $0.edges) }),
                at: index)
        }
        series.windows[index].predictions += 1
        // By name: the service may have other columns than at the first prediction. They are mostly
        // in the same order.
        for (place, (name, value)) in values.enumerated() {
            let isNext = place < series.signals.count && series.signals[place] == name
            if let signal = isNext ? place : series.signals.firstIndex(of: name) {
                series.windows[index].profiles[signal].add(value)
            }
        }
        self.series[subject] = series
    }

    /// The signals of one prediction, each name once.
    private static func values(_ prediction: PredictionRecord) -> [(name: String, value: Double?)] {
        var values: [(name: String, value: Double?)] = []
        for served in prediction.features
        where [.bool, .int64, .float64].contains(served.field.type) {
            values.append((served.field.name, Profile.number(served.value.value)))
        }
        return values + [(score, Double(prediction.score))]
    }
}

extension Monitoring.Series {
    /// Begins a signal, of which the windows have seen nothing.
    fileprivate mutating func add(_ signal: String, _ baseline: Profile) {
        signals.append(signal)
        baselines.append(baseline)
        for index in windows.indices {
            windows[index].profiles.append(Profile(edges: baseline.edges))
        }
    }
}

extension Monitoring {
    /// A model version's windows as JSON: for each window and signal count, mean, null share,
    /// histogram, PSI against the baseline and the index's noise floor.
    public func json(of subject: Subject) -> JSON? {
        guard let series = series[subject] else { return nil }
        return .object([
            .init("model", .string(subject.model)),
            .init("version", .integer(Int64(subject.version))),
            .init("window_us", .integer(windowLength)),
            .init(
                "baselines",
                .object(zip(series.signals, series.baselines).map { .init($0, $1.json) })),
            .init("windows", .array(series.windows.map { Self.json($0, series) })),
        ])
    }

    private static func json(_ window: Window, _ series: Series) -> JSON {
        var signals: [JSON] = []
        for (index, profile) in window.profiles.enumerated() {
            let drift = Drift(profile, baseline: series.baselines[index])
            signals.append(
                .object([
                    .init("name", .string(series.signals[index])),
                    .init("count", .integer(profile.count)),
                    .init("mean", profile.mean.map { .number($0) } ?? .null),
                    .init("null_share", .number(profile.nullShare)),
                    .init("counts", .array(profile.counts.map { .integer($0) })),
                    .init("psi", drift.map { .number($0.psi) } ?? .null),
                    .init("noise_floor", drift.map { .number($0.noiseFloor) } ?? .null),
                ]))
        }
        return .object([
            .init("start", .string(window.start.description)),
            .init("predictions", .integer(window.predictions)),
            .init("signals", .array(signals)),
        ])
    }
}
