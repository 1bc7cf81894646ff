import VarveSystem

/// Writes metrics in the text format that Prometheus reads, version 0.0.4.
struct MetricsText {
    private(set) var text = ""

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Begins a family: all its samples come next.
    mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let parts = labels.map { "\($0)=\"\(Self.escaped($1))\"" }
            text += "{\(parts.joined(separator: ","))}"
        }
        text += " \(Self.number(value))\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Int) {
        sample(name, labels, Double(value))
    }

    mutating func histogram(
        _ name: String, _ labels: [(String, String)] = [], _ histogram: Histogram
    ) {
        var total = 0
        for (limit, count) in zip(histogram.limits, histogram.counts) {
            total += count
            sample("\(name)_bucket", labels + [("le", Self.number(limit))], total)
        }
        sample("\(name)_bucket", labels + [("le", "+Inf")], histogram.count)
        sample("\(name)_sum", labels, histogram.sum)
        sample("\(name)_count", labels, histogram.count)
    }

    private static func number(_ value: Double) -> String {
        Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }
}
