import VarveProtocols
import VarveSystem

/// Requests that were answered, by kind and outcome, and how long that took. Any thread counts.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        let kind: String
        let outcome: String
    }

    private struct State {
        var counts: [Key: Int] = [:]
        var seconds: [String: Histogram] = [:]
    }

    private let state = Monitor(State())
    /// The families' names begin with it: `varve_kafka`.
    private let prefix: String
    private let labels: (kind: String, outcome: String)

    init(prefix: String, kind: String, outcome: String) {
        self.prefix = prefix
        labels = (kind, outcome)
    }

    /// Counts an answer.
    /// - Parameter time: nil where the answer waits for other clients.
    func count(_ kind: String, _ outcome: String, took time: Duration?) {
        state.withLock { state in
            state.counts[Key(kind: kind, outcome: outcome), default: 0] += 1
            guard let time else { return }
            state.seconds[kind, default: Histogram(Histogram.seconds)].add(time.inSeconds)
        }
    }

    func write(_ text: inout MetricsText) {
        let (counts, seconds) = state.withLock { ($0.counts, $0.seconds) }
        text.family("\(prefix)_requests_total", "counter", "Requests that were answered.")
        for (key, count) in counts.sorted(by: {
            ($0.key.kind, $0.key.outcome) < ($1.key.kind, $1.key.outcome)
        }) {
            text.sample(
                "\(prefix)_requests_total",
                [(labels.kind, key.kind), (labels.outcome, key.outcome)], count)
        }
        text.family(
            "\(prefix)_request_duration_seconds", "histogram",
            "From the request's arrival to its answer.")
        for (kind, histogram) in seconds.sorted(by: { $0.key < $1.key }) {
            text.histogram(
                "\(prefix)_request_duration_seconds", [(labels.kind, kind)], histogram)
        }
    }
}

/// A response that can say that something was refused.
protocol ErrorReporting {
    /// The first error in it.
    var firstError: KafkaErrorCode { get }
}

extension Sequence where Element == KafkaErrorCode {
    fileprivate var first: KafkaErrorCode { self.first { $0 != .none } ?? .none }
}

extension ProduceResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first
    }
}

extension FetchResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        error != .none ? error : topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first
    }
}

extension MetadataResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension ListOffsetsResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first
    }
}

extension OffsetCommitResponse: ErrorReporting {
    var firstError: KafkaErrorCode {
        topics.lazy.flatMap { $0.partitions.lazy.map(\.error) }.first
    }
}

extension CreateTopicsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension DeleteTopicsResponse: ErrorReporting {
    var firstError: KafkaErrorCode { topics.lazy.map(\.error).first }
}

extension InitProducerIDResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension FindCoordinatorResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension JoinGroupResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SyncGroupResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension HeartbeatResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension LeaveGroupResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension OffsetFetchResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SaslHandshakeResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension SaslAuthenticateResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
extension ApiVersionsResponse: ErrorReporting { var firstError: KafkaErrorCode { error } }
