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

    /// Counts an answer, and how long it took, waits for records or other clients included.
    func count(_ kind: String, _ outcome: String, took time: Duration) {
        state.withLock { state in
            state.counts[Key(kind: kind, outcome: outcome), default: 0] += 1
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
