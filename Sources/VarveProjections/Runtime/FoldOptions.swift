public import VarveSystem

/// How folding is parted into pieces and among threads. It shows in nothing but time.
public struct FoldOptions: Sendable {
    /// Those that fold at once.
    public var threads: Int
    /// Records of a piece: enough to be worth a thread's while, few enough to stay in its cache.
    public var pieceRecords = 2048
    /// Records that are folded at once.
    public var heldRecords = 16 * 1024
    /// Stretches of the log that are shorter are folded record by record.
    public var shortStretch: Int64 = 10_000
    /// What keeps the views' facts within a limit of memory; nil: nothing does.
    public var memory: FactMemory?

    /// As many threads as there are processors.
    public init(threads: Int = ProcessEnvironment.coreCount) { self.threads = threads }
}
