import VarveBytes
import VarveFeatures
import VarveLog
import VarveSystem

/// Folds frames into views, many records at a time and by several threads where that pays:
///
///     frames --(1)--> pieces: records read, facts made ready for each view and sorted by shard
///            --(2)--> shards: each takes in its facts of all pieces, in order of position
///
/// The parts of each step have nothing in common, and a shard sees its facts in one order: how many
/// threads there are, and who does what, shows in no bit. Views over streams with an `id` are one
/// part as a whole, since a record may end facts of any shard.
///
/// One thread calls it.
final class ShardedFold: Sendable {
    let views: [LiveView]
    private let team: WorkerTeam
    private let options: FoldOptions
    private let state: Monitor<State>
    private let watch = Monitor(FactMemory.Watch())

    private struct State {
        var router: RecordRouter
        var frames = HeldFrames()
        /// What threads keep from piece to piece.
        var workers: [Worker] = []
    }

    private struct Worker: Sendable {
        var router: RecordRouter
        var facts: [PreparedFacts]
    }

    /// Facts that go into a shard before others may read it.
    private static let lockedFacts = 256

    /// - Parameter unreadable: see `FeatureFold.unreadable`.
    init(
        _ definitions: Definitions, _ views: [LiveView],
        unreadable: [String: RecordReader.Unreadable], _ options: FoldOptions
    ) {
        self.views = views
        self.options = options
        team = WorkerTeam(name: "fold", threads: options.threads)
        var router = RecordRouter(definitions, views.map(\.plan))
        router.unreadable = unreadable
        state = Monitor(State(router: router))
    }

    /// Records that their stream's definition could not read, by stream.
    var unreadable: [String: RecordReader.Unreadable] {
        state.withLock { $0.router.unreadable }
    }

    /// Whether a stream's records go into any view.
    func reads(_ stream: String) -> Bool { state.withLock { $0.router.reads(stream) } }

    /// Takes a frame, to be folded by `flush`, or at once when many records wait.
    /// - Returns: whether nothing waits.
    func hold(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>? = nil
    ) -> Bool {
        let count = state.withLock { state in
            if state.router.reads(stream) {
                state.frames.add(frame, stream: stream, within: positions)
            }
            return state.frames.count
        }
        if count >= options.heldRecords { flush() }
        return count == 0 || count >= options.heldRecords
    }

    /// The views' states, once nothing is to be folded any more.
    func takeViews() -> [ViewState] { views.map { $0.take() } }

    /// Folds all that waits.
    func flush() {
        // Taken out: nobody else looks at it meanwhile but for what cannot be read.
        var (frames, workers, router) = state.withLock { state in
            let taken = (state.frames, state.workers, state.router)
            state.frames = HeldFrames()
            state.workers = []
            return taken
        }
        if frames.count > 0 {
            let pieces = frames.pieces(of: options.pieceRecords)
            prepare(pieces, frames, &workers, router)
            for worker in workers.prefix(pieces.count) {
                router.note(worker.router.unreadable)
            }
            take(workers.prefix(pieces.count).map(\.facts))
            keepWithinMemory()
        }
        frames.removeAll()
        for index in workers.indices {
            workers[index].router.unreadable = [:]
            for view in workers[index].facts.indices { workers[index].facts[view].removeAll() }
        }
        let (left, free, known) = (frames, workers, router)
        state.withLock { $0 = State(router: known, frames: left, workers: free) }
    }

    /// Moves facts out of memory if they take more than they may.
    func keepWithinMemory() { options.memory?.keep(views, watch) }

    /// Step 1: one worker for each piece.
    private func prepare(
        _ pieces: [HeldFrames.Piece], _ frames: HeldFrames, _ workers: inout [Worker],
        _ router: RecordRouter
    ) {
        while workers.count < pieces.count {
            var fresh = router
            fresh.unreadable = [:]
            workers.append(
                Worker(
                    router: fresh, facts: Array(repeating: PreparedFacts(), count: views.count)))
        }
        let places = workers.map { Monitor($0) }
        workers = []
        let bits = views.map(\.shardBits)
        team.run(pieces.count) { number in
            // Taken out and put back, so that what it keeps is changed in place.
            var worker = places[number].withLock { worker in
                let taken = worker
                worker = Worker(router: RecordRouter(), facts: [])
                return taken
            }
            let piece = pieces[number]
            for frame in frames.frames[piece.frames] {
                var positions = frame.positions
                if let part = piece.positions {
                    positions = positions.map { $0.clamped(to: part) } ?? part
                }
                worker.router.prepare(
                    frame.head, frames.bytes.raw.extracting(frame.body), stream: frame.stream,
                    within: positions, into: &worker.facts)
            }
            for view in worker.facts.indices where worker.facts[view].namings.isEmpty {
                worker.facts[view].sort(shardBits: bits[view])
            }
            let done = worker
            places[number].withLock { $0 = done }
        }
        workers = places.map { $0.withLock { $0 } }
    }

    /// Step 2.
    private func take(_ facts: [[PreparedFacts]]) {
        struct Part: Sendable {
            let view: Int
            /// nil: all of them, record by record.
            let shard: Int?
        }
        var parts: [Part] = []
        for (view, live) in views.enumerated() {
            if facts.allSatisfy({ $0[view].isEmpty }) { continue }
            if facts.contains(where: { !$0[view].namings.isEmpty }) {
                parts.append(Part(view: view, shard: nil))
            } else {
                parts += (0..<live.shardCount).map { Part(view: view, shard: $0) }
            }
        }
        let (views, all) = (views, parts)
        team.run(parts.count) { number in
            let part = all[number]
            for piece in facts {
                guard let shard = part.shard else {
                    views[part.view].insert(piece[part.view])
                    continue
                }
                views[part.view].insert(
                    piece[part.view], ofShard: shard, atOnce: Self.lockedFacts)
            }
        }
    }
}

extension RecordRouter {
    /// Adds records that another router of the same streams could not read, of later positions.
    fileprivate mutating func note(_ later: [String: RecordReader.Unreadable]) {
        if later.isEmpty { return }
        var all = unreadable
        for (stream, found) in later { all[stream].note(found) }
        unreadable = all
    }
}
