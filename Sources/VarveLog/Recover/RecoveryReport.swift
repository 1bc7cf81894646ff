/// What opening a log found and did.
public struct RecoveryReport: Sendable, Equatable {
    /// Segment files.
    public internal(set) var segments = 0
    /// Frames that were read; those of sealed segments are not.
    public internal(set) var frames = 0
    /// How the last segment ended.
    public internal(set) var decision = RecoveryDecision.cleanEnd
    /// Bytes after the last whole frame that were cut off the last segment; 0 after a clean stop.
    public internal(set) var tornBytes: Int64 = 0
    /// Where those bytes were kept.
    public internal(set) var tornFile: String?
    /// Positions of records that the cut bytes show to have been written, though no later frame
    /// promised them: if a producer had an answer for one of them, the disk lost it.
    public internal(set) var cutPositions: Range<Int64>?
}
