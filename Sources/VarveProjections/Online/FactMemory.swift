import Synchronization
import VarveBytes
import VarveFeatures
public import VarveSystem

/// Keeps the facts of views within a limit of memory by moving those that nobody asked for lately
/// to a file. No answer and no snapshot depends on what is where: facts on a page are read back
/// whenever they are looked at.
///
/// Keys, tiles, texts and ids stay in memory; where they alone exceed the limit, all facts are out.
public final class FactMemory: Sendable {
    /// What was moved, and why no more was.
    public struct Status: Sendable, Equatable {
        /// Bytes of memory that views may take; nil: as many as they like.
        public let limit: Int?
        /// Size of the file that facts were moved to.
        public let fileBytes: Int64
        /// Why facts could not be moved out when they last should have been; nil when they were.
        public let unmoved: String?
    }

    /// What is known of some views that are watched.
    struct Watch: Sendable {
        fileprivate var isAtWork = false
        /// More memory than this is needed for another try, where all that could be moved was.
        fileprivate var threshold = 0
    }

    private let limit: Int?
    private let pages: PageFile
    private let freed = Atomic(0)

    /// Facts that leave a shard before others may read it again, bytes.
    private static let atOnce = 128 << 10
    /// What is freed at a time, and what must have come since a try that freed less, is so much of
    /// the limit.
    private static let part = 16

    /// - Parameters:
    ///   - limit: bytes of memory that the views of one state may take; nil: as many as they like.
    ///   - directory: where the file is.
    public init(limit: Int? = nil, directory: String, _ files: any FileSystem) {
        self.limit = limit
        pages = PageFile(in: directory, files)
    }

    /// How it is doing.
    public var status: Status {
        Status(limit: limit, fileBytes: pages.byteCount, unmoved: pages.writeProblem)
    }

    /// To be called after views were read or changed, before anybody is told.
    /// - Throws: when facts could not be read back: nothing of it is to be believed then.
    public func check() throws(LostFacts) {
        if let reason = pages.problem { throw LostFacts(reason: reason) }
    }

    /// Bytes that were freed since this was last asked: scattered over the heap, they stay the
    /// process's until they are given back.
    func takeFreed() -> Int { freed.exchange(0, ordering: .relaxed) }

    /// Moves facts of some views out when they take more memory than they may. What cannot be moved
    /// stays, with the reason in `status`.
    func keep(_ views: [LiveView], _ watch: Monitor<Watch>) {
        if limit == nil { return }
        let places = views.flatMap { view in (0..<view.shardCount).map { (view, $0) } }
        keep(watch, total: { views.reduce(0) { $0 + $1.byteCount } }) { wanted in
            try free(wanted, weights: { places.map { $0.factByteCount(ofShard: $1) } }) {
                try places[$0].0.evict($1, fromShard: places[$0].1, to: pages)
            }
        }
    }

    /// The same for a view that is being restored.
    /// - Parameter others: bytes of memory that other views take.
    func keep(_ view: inout ViewState, beside others: Int, _ watch: Monitor<Watch>) {
        keep(watch, total: { view.byteCount + others }) { wanted in
            try free(wanted, weights: { view.shards.map(\.factByteCount) }) {
                try view.evict($1, fromShard: $0, to: pages)
            }
        }
    }

    private func keep(
        _ watch: Monitor<Watch>, total: () -> Int, _ free: (_ wanted: Int) throws -> Void
    ) {
        guard let limit else { return }
        let before = total()
        let begins = before > limit && watch.withLock { watch in
            if watch.isAtWork || before <= watch.threshold { return false }
            watch.isAtWork = true
            return true
        }
        guard begins else { return }
        // What could not be written is told by the file.
        try? free(before - limit + limit / Self.part)
        let left = total()
        freed.wrappingAdd(max(0, before - left), ordering: .relaxed)
        watch.withLock { watch in
            watch.isAtWork = false
            watch.threshold = left > limit ? left + limit / Self.part : 0
        }
    }

    /// Has each shard free its share of some bytes, by what its facts take; what is missing then is
    /// shared out once more.
    private func free(
        _ wanted: Int, weights: () -> [Int],
        evict: (_ shard: Int, _ wanted: Int) throws -> ViewShard.Eviction
    ) throws {
        var left = wanted
        for _ in 0..<2 {
            let weights = weights()
            let (goal, total) = (Double(left), Double(weights.reduce(0, +)))
            for (shard, weight) in weights.enumerated() where weight > 0 && left > 0 {
                var share = Int((goal * Double(weight) / total).rounded(.up))
                // Those that were used lately are spared once; the hand begins anywhere.
                var rounds = 0
                while share > 0, rounds < 3 {
                    let eviction = try evict(shard, min(share, Self.atOnce))
                    share -= eviction.bytes
                    left -= eviction.bytes
                    rounds += eviction.rounds
                }
            }
            if left <= 0 { return }
        }
    }
}

/// Facts that were moved out of memory cannot be read back.
public struct LostFacts: Error, Sendable, Equatable, CustomStringConvertible {
    let reason: String

    public var description: String { reason }
}
