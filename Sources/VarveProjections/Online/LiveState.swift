import Synchronization
import VarveBytes
import VarveFeatures
import VarveLog
import VarveSystem

/// What the online store serves: one generation's views under one set of definitions.
///
///     projector --frames--> [ fold ] --facts--> view, shard: lock, insert
///                              |                              ^
///                              +--- then: position            | lock, compute
///     reader: position, then -------------------------------> +
///
/// A reader takes the position first and computes as of it, so all it reads is the function of
/// log[0, position), however many views and shards it visits.
final class LiveState: Sendable {
    let generation: Generation
    let pinned: PinnedDefinitions
    let views: [LiveView]
    /// Everything below it is in the views.
    private let applied: Atomic<Int64>
    private let fold: ShardedFold
    private let memory: FactMemory?
    /// Held while frames are folded or the state is copied.
    private let writer = Monitor(())

    init(_ state: OnlineStore.State, _ options: FoldOptions) {
        generation = state.generation
        pinned = state.pinned
        views = state.fold.views.map { LiveView($0) }
        applied = Atomic(state.position.value)
        memory = options.memory
        fold = ShardedFold(
            state.fold.definitions, views, unreadable: state.fold.unreadable, options)
    }

    var position: Position { Position(applied.load(ordering: .acquiring)) }

    /// See `FactMemory.check`.
    func check() throws(LostFacts) { try memory?.check() }

    /// Moves facts out of memory if they take more than they may.
    func keepWithinMemory() { fold.keepWithinMemory() }

    var unreadable: [String: RecordReader.Unreadable] { fold.unreadable }

    /// Takes a frame in, now or with those after it: its records count once `advance` was called,
    /// at the latest.
    func apply(_ frame: borrowing FrameView, stream: String) {
        let end = Position(frame.basePosition.value + Int64(frame.count))
        writer.withLock { _ in
            if fold.hold(frame, stream: stream) { publish(end) }
        }
    }

    /// Folds what waits, and moves on.
    func advance(to position: Position) {
        writer.withLock { _ in
            fold.flush()
            publish(position)
        }
    }

    private func publish(_ position: Position) {
        applied.store(position.value, ordering: .releasing)
    }

    /// A copy of all of it at one position.
    var copy: OnlineStore.State {
        let views = views
        return writer.withLock { _ in
            OnlineStore.State(
                generation: generation, pinned: pinned,
                fold: FeatureFold(
                    pinned.definitions, views: views.map(\.state), unreadable: fold.unreadable),
                position: position)
        }
    }
}
