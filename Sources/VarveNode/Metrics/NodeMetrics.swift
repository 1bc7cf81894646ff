import Synchronization
import VarveLog
import VarveProtocols
import VarveSystem

/// What a node counts. Listeners add what they know when they start.
final class NodeMetrics: Sendable {
    /// Writes families of its own.
    typealias Source = @Sendable (inout MetricsText) -> Void

    let http = RequestMetrics(prefix: "varve_http", kind: "method", outcome: "code")
    private let sources = Monitor<[Source]>([])
    private let ports = Monitor<[(name: String, listening: Listening)]>([])

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

    /// Answers a request over HTTP, and counts it.
    func counting(
        _ request: HTTPRequest, _ answer: (HTTPRequest) -> HTTPResponse
    ) -> HTTPResponse {
        let start = ContinuousClock.now
        let response = answer(request)
        // Clients choose the word: others than these are not to become series.
        http.count(
            Self.methods.contains(request.method) ? request.method : "other",
            "\(response.status.rawValue)", took: start.duration(to: .now))
        return response
    }

    func add(_ source: @escaping Source) { sources.withLock { $0.append(source) } }

    /// Shows what passes through a port.
    func watch(_ name: String, _ listening: Listening) {
        ports.withLock { $0.append((name, listening)) }
    }

    private func writePorts(_ text: inout MetricsText) {
        let ports = ports.withLock { $0 }
        func family(
            _ name: String, _ type: String, _ help: String, _ value: (Listening) -> Int
        ) {
            text.family(name, type, help)
            for port in ports {
                text.sample(name, [("port", port.name)], value(port.listening))
            }
        }
        family("varve_connections", "gauge", "Open connections.") {
            $0.connections.load(ordering: .relaxed)
        }
        let held = "varve_held_bytes"
        text.family(held, "gauge", "Bytes of requests and answers that are in memory.")
        for (name, listening) in ports {
            for (kind, bytes) in [
                ("requests", listening.heldRequestBytes.load(ordering: .relaxed)),
                ("answers", listening.heldAnswerBytes.load(ordering: .relaxed)),
            ] { text.sample(held, [("port", name), ("kind", kind)], bytes) }
        }
        family("varve_received_bytes_total", "counter", "Bytes that clients sent.") {
            $0.receivedBytes.load(ordering: .relaxed)
        }
        family("varve_sent_bytes_total", "counter", "Bytes that clients took.") {
            $0.sentBytes.load(ordering: .relaxed)
        }
    }

    /// All of it, for Prometheus.
    func text(_ log: Log) -> String {
        var text = MetricsText()
        text.family(
            "varve_log_commit_position", "gauge", "Every record below it is durable.")
        text.sample("varve_log_commit_position", [], Int(log.commitPosition.value))
        let numbers = log.appended
        text.family("varve_log_append_bytes_total", "counter", "Bytes of frames written.")
        text.sample("varve_log_append_bytes_total", [], numbers.bytes)
        text.family(
            "varve_log_sync_duration_seconds", "histogram", "Write and sync of one group.")
        text.histogram("varve_log_sync_duration_seconds", [], numbers.syncSeconds)
        text.family("varve_log_group_frames", "histogram", "Frames made durable by one sync.")
        text.histogram("varve_log_group_frames", [], numbers.groupFrames)
        writePorts(&text)
        http.write(&text)
        for source in sources.withLock({ $0 }) { source(&text) }
        return text.text
    }
}

extension KafkaBroker {
    /// The most partitions whose lag is shown: labels cost memory wherever they are collected.
    private static let shownLags = 1000

    /// How far groups are behind.
    func writeLags(_ text: inout MetricsText) {
        text.family("varve_kafka_group_lag", "gauge", "Records not yet committed by a group.")
        var shown = 0
        for group in offsets.groups() {
            for (name, committed) in offsets.offsets(of: group).sorted(by: {
                ($0.key.name, $0.key.partition) < ($1.key.name, $1.key.partition)
            }) {
                guard let stream = stream(name) else { continue }
                if shown == Self.shownLags { return }
                shown += 1
                text.sample(
                    "varve_kafka_group_lag",
                    [
                        ("group", group), ("topic", name.name),
                        ("partition", "\(name.partition)"),
                    ], Int(max(0, stream.highWatermark - committed.offset)))
            }
        }
    }

    /// A response's frame, counted.
    /// - Parameter started: when the request arrived.
    func response(
        _ header: RequestHeader, _ response: some KafkaMessage & ErrorReporting,
        since started: ContinuousClock.Instant
    ) -> [UInt8] {
        count(header, response, since: started)
        return KafkaFrame.response(
            correlationID: header.correlationID, response, version: header.version)
    }

    /// Counts a request by the answer that it gets, or would get.
    func count(
        _ header: RequestHeader, _ response: some ErrorReporting,
        since started: ContinuousClock.Instant
    ) {
        requests.count(
            header.api.map { "\($0)" } ?? "\(header.apiKey)", "\(response.firstError)",
            took: started.duration(to: .now))
    }
}
