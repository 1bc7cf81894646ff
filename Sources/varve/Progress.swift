import VarveSystem

/// Shows how far long work has come, with rate and time to go: on a terminal only.
struct Progress {
    private let label: String
    private var total: Int
    private let isShown: Bool
    private let start: ContinuousClock.Instant
    private var lastShown: ContinuousClock.Instant
    private(set) var done = 0

    /// How often the line is drawn anew.
    private static let interval = Duration.milliseconds(100)

    init(_ label: String, total: Int) {
        self.label = label
        self.total = total
        isShown = StandardStream.error.isTerminal
        start = .now
        lastShown = start
    }

    /// Seconds since the beginning.
    var seconds: Double { (.now - start).inSeconds }

    mutating func advance(_ count: Int) {
        done += count
        let now = ContinuousClock.now
        guard isShown, now - lastShown >= Self.interval else { return }
        lastShown = now
        let elapsed = (now - start).inSeconds
        let rate = Double(done) / max(elapsed, 1e-9)
        let left = Double(total - done) / max(rate, 1e-9)
        let percent = total == 0 ? 100 : 100 * done / total
        StandardStream.error.write(
            "\r\(label): \(percent)%  \(done.grouped) of \(total.grouped)"
                + "  \(Int(rate).grouped)/s  \(Int(left.rounded(.up))) s to go\u{1B}[K")
    }

    /// The same when it has become known how much there is to do.
    mutating func advance(_ count: Int, of total: Int) {
        self.total = total
        advance(count)
    }

    /// Clears the line.
    func finish() { if isShown { StandardStream.error.write("\r\u{1B}[K") } }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
