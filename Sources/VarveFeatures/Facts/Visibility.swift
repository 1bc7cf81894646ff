public import VarveBytes

/// Which facts an answer may rest on: the row's coordinates but for its key and definition.
///
/// A fact is visible when its position is below `position`, its event time before `cutoff` and,
/// where `knownBeforeCutoff`, its known time before `cutoff` too. A view that includes the cutoff
/// turns both "before" into "at or before".
public struct Visibility: Sendable, Hashable {
    /// T, the event-time cutoff.
    public var cutoff: Timestamp
    /// K, the first position that is not known.
    public var position: Int64
    /// Whether facts that became known only after T are left out: mode `as-known`.
    public var knownBeforeCutoff: Bool

    public init(cutoff: Timestamp, position: Int64 = .max, knownBeforeCutoff: Bool = false) {
        self.cutoff = cutoff
        self.position = position
        self.knownBeforeCutoff = knownBeforeCutoff
    }
}
