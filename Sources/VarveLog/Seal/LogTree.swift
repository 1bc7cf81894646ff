import VarveBytes
import VarveSystem

/// The Merkle trees of a log: one over the frames of the open segment, growing as they commit, and
/// one over the segments. Leaves are hashed by a thread of its own, because SHA-256 takes about as
/// long as writing does; a simulation has them hashed on the spot.
///
///     committed frames --> queue --> leaf hashes --> tree of the segment --> tree over segments
///
/// Protected by: the monitor. Groups are hashed outside of it, by one thread at a time.
final class LogTree: Sendable {
    /// Frames of one committed group, side by side as on disk.
    struct Group {
        var bytes: [UInt8]
        /// The size of each frame.
        var sizes: [Int]
        /// The position after the last.
        var end: Int64
    }

    private struct State {
        /// The segments before the open one.
        var summaries: [SegmentSummary]
        var history = MerkleFrontier()
        /// The open segment.
        var base: Int64
        var end: Int64
        var leaves: [UInt8]
        var frontier = MerkleFrontier()
        /// The leaves of segments whose footer is not written yet, by base position.
        var unsealed: [Int64: [UInt8]] = [:]
        var queue: [Group] = []
        var queued = 0
        var isHashing = false
        var isStopping = false
        /// Buffers to be used again.
        var spare: [[UInt8]] = []
    }

    private let state: Monitor<State>
    private let isThreaded: Bool

    /// Bytes that wait to be hashed; whoever brings more waits.
    private static let queueLimit = 64 << 20
    /// Groups up to this size are hashed where they are: waking a thread takes as long.
    private static let smallGroup = 32 << 10

    /// Goes on with an open segment.
    init(
        summaries: [SegmentSummary], base: Int64, end: Int64, leaves: [UInt8],
        unsealed: [Int64: [UInt8]], isThreaded: Bool
    ) {
        var state = State(
            summaries: summaries, base: base, end: end, leaves: leaves, unsealed: unsealed)
        for summary in summaries { state.history.append(summary.leaf) }
        state.frontier.append(leaves)
        self.state = Monitor(state)
        self.isThreaded = isThreaded
    }

    /// Takes in committed frames; gives back a buffer to use again, or an empty one.
    func add(_ group: consuming Group) -> [UInt8] {
        let isSmall = group.bytes.count <= Self.smallGroup
        // Handed on, not copied: a buffer can be used again only when nobody else refers to it.
        var held: Group? = consume group
        let hashNow = state.wait(until: { $0.queued < Self.queueLimit }) { state in
            let isIdle = state.queue.isEmpty && !state.isHashing
            if isIdle, isSmall || !isThreaded {
                state.isHashing = true
                return true
            }
            if let group = held.take() {
                state.queued += group.bytes.count
                state.queue.append(group)
            }
            return false
        }
        if hashNow, let group = held.take() {
            hash(group)
        } else {
            state.wakeAll()
        }
        return state.withLock { $0.spare.popLast() ?? [] }
    }

    private func hash(_ group: consuming Group) {
        var leaves: [UInt8] = []
        leaves.reserveCapacity(group.sizes.count * MerkleTree.size)
        var at = 0
        for size in group.sizes {
            FrameHeader.appendLeaf(of: group.bytes.raw.extracting(at..<(at + size)), to: &leaves)
            at += size
        }
        let end = group.end
        var buffer: [UInt8] = []
        swap(&buffer, &group.bytes)
        buffer.removeAll(keepingCapacity: true)
        state.withLock { state in
            state.leaves += leaves
            state.frontier.append(leaves)
            state.end = end
            state.isHashing = false
            if state.spare.count < 2 { state.spare.append(buffer) }
        }
        state.wakeAll()
    }

    /// The hashing thread's body.
    func run() {
        while true {
            let group: Group? = state.wait(
                until: {
                    ($0.isStopping && $0.queue.isEmpty) || (!$0.queue.isEmpty && !$0.isHashing)
                }
            ) { state in
                if state.queue.isEmpty { return nil }
                state.isHashing = true
                let group = state.queue.removeFirst()
                state.queued -= group.bytes.count
                return group
            }
            guard let group else { return }
            hash(consume group)
        }
    }

    /// Lets the thread end after what waits.
    func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }

    /// What is known when all that was added is hashed.
    private func settled<R>(_ body: (inout State) -> sending R) -> sending R {
        state.wait(until: { $0.queue.isEmpty && !$0.isHashing }) { body(&$0) }
    }

    /// Ends the open segment at its last frame; the next one begins there. Answers the summary of
    /// the ended segment and the root over all segments up to it.
    func roll() -> (summary: SegmentSummary, number: Int64, historyRoot: Digest) {
        settled { state in
            let summary = SegmentSummary(
                base: state.base, end: state.end, frames: state.frontier.count,
                root: state.frontier.root)
            state.unsealed[state.base] = state.leaves
            state.summaries.append(summary)
            state.history.append(summary.leaf)
            state.base = state.end
            state.leaves = []
            state.frontier = MerkleFrontier()
            return (summary, Int64(state.summaries.count), state.history.root)
        }
    }

    /// The leaves of an ended segment that is not sealed yet.
    func unsealedLeaves(base: Int64) -> [UInt8]? { state.withLock { $0.unsealed[base] } }

    /// Lets go of leaves that a footer has.
    func sealed(base: Int64) { state.withLock { $0.unsealed[base] = nil } }

    /// All segments, the open one last as far as it goes, and the leaves of the open one. Waits
    /// until all below a position, which must be committed, is hashed.
    func current(upTo end: Int64) -> (segments: [SegmentSummary], openLeaves: [UInt8]) {
        state.wait(until: { $0.queue.isEmpty && !$0.isHashing && $0.end >= end }) { state in
            let open = SegmentSummary(
                base: state.base, end: state.end, frames: state.frontier.count,
                root: state.frontier.root)
            return (state.summaries + [open], state.leaves)
        }
    }
}
