import VarveBytes
import VarveFormats
public import VarveLog
import VarveSystem

/// Monitoring, kept up to date.
///
/// Folded anew at every start, from its own stream: predictions are few beside events. What cannot be read is counted
/// and named, never skipped in silence.
public final class MonitoringProjection: Projection {
    private struct State {
        var monitoring: Monitoring
        var position = Position(0)
        var unreadable: (count: Int, first: String) = (0, "")
    }

    /// Event time in one window, microseconds.
    public static let windowLength: Int64 = 86_400_000_000

    public let name = "monitoring"
    private let registry: RegistryProjection
    private let state: Monitor<State>

    /// - Parameter registry: gives the baselines; it is handed each frame first.
    public init(_ registry: RegistryProjection) {
        self.registry = registry
        state = Monitor(State(monitoring: Monitoring(windowLength: Self.windowLength)))
    }

    /// Folds the predictions' stream up to the commit position, so that following the log begins
    /// there instead of at its start.
    public func resume(_ log: Log) throws {
        let end = log.commitPosition
        if let id = log.stream(PredictionRecord.stream)?.id {
            try log.read(from: position, upTo: end, streams: [id]) { frame in
                try apply(frame, stream: PredictionRecord.stream.name)
                return true
            }
        }
        advance(to: end)
    }

    public var position: Position { state.withLock { $0.position } }

    /// The windows as far as they are folded.
    public var monitoring: Monitoring { state.withLock { $0.monitoring } }

    /// Predictions that could not be read, and why the first could not.
    public var unreadable: (count: Int, first: String) { state.withLock { $0.unreadable } }

    /// Where a prediction's record is; nil when it is not folded yet or does not exist.
    public func position(ofPrediction id: String) -> Position? {
        state.withLock { $0.monitoring.position(ofPrediction: id) }
    }

    public func apply(_ frame: borrowing FrameView, stream: String) throws {
        guard stream == PredictionRecord.stream.name else { return }
        var scratch: [UInt8] = []
        let registry = registry.registry
        try frame.forEachRecord(scratch: &scratch) { record in
            guard let value = record.view.value else { return }
            let position = record.position
            do {
                let prediction = try PredictionRecord(try JSON(parsing: value))
                state.withLock { state in
                    state.monitoring.apply(prediction, at: position) { subject in
                        Self.baselines(subject, registry)
                    }
                }
            } catch {
                state.withLock { state in
                    if state.unreadable.count == 0 {
                        state.unreadable.first = "position \(position.value): \(error)"
                    }
                    state.unreadable.count += 1
                }
            }
        }
        let end = Position(frame.basePosition.value + Int64(frame.count))
        state.withLock { $0.position = end }
    }

    /// The profiles of the model's training set, and of its scores on it.
    private static func baselines(
        _ subject: Monitoring.Subject, _ registry: Registry
    ) -> [String: Profile] {
        guard
            let version = registry.versions(of: subject.model)
                .first(where: { $0.number == subject.version })
        else { return [:] }
        var profiles: [String: Profile] = [:]
        if let id = version.trainingSet, let manifest = try? registry.manifest(id) {
            for column in manifest["columns"]?.arrayValue ?? [] {
                if let name = column["name"]?.stringValue,
                    let profile = column["profile"].flatMap(Profile.init)
                {
                    profiles[name] = profile
                }
            }
        }
        profiles[Monitoring.score] = version.scoreProfile
        return profiles
    }

    public func advance(to position: Position) { state.withLock { $0.position = position } }

    public func save() {}
}
