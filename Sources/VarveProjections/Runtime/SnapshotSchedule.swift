/// When projections are saved while records come, besides when a node stops: what a restart has to
/// read again.
public struct SnapshotSchedule: Sendable, Equatable {
    /// After so many records since the last time, and no sooner than `restFactor` says.
    public var records: Int64 = 1_000_000
    /// So long after the first record that is not saved.
    public var interval = Duration.seconds(300)
    /// A save for the number of records waits so many times as long as the last one took: a
    /// snapshot has all of the state, and nothing is applied while it is made. So a tenth of the
    /// time goes into saving at most, or one save for each `interval`.
    public var restFactor = 9

    /// A million records, five minutes.
    public init() {}

    /// After so many records, or so much time.
    public init(records: Int64, interval: Duration = .seconds(300), restFactor: Int = 9) {
        self.records = records
        self.interval = interval
        self.restFactor = restFactor
    }
}
