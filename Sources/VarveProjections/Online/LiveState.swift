import Synchronization
import VarveBytes
import VarveFeatures
import VarveLog
import VarveSystem

/// What the online store serves: one generation's views under one set of definitions.
///
///     projector --frame--> [ router ] --fact--> view, shard: lock, insert
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
    /// Held while a frame is applied or the state is copied.
    private let writer: Monitor<Writer>

    private struct Writer {
        var router: RecordRouter
        var fact = PreparedFact()
    }

    init(_ state: OnlineStore.State) {
        generation = state.generation
        pinned = state.pinned
        views = state.fold.views.map { LiveView($0) }
        applied = Atomic(state.position.value)
        var router = RecordRouter(state.fold.definitions, state.fold.views.map(\.plan))
        router.unreadable = state.fold.unreadable
        writer = Monitor(Writer(router: router))
    }

    var position: Position { Position(applied.load(ordering: .acquiring)) }

    var unreadable: [String: RecordReader.Unreadable] {
        writer.withLock { $0.router.unreadable }
    }

    func apply(_ frame: borrowing FrameView, stream: String) {
        let views = views
        writer.withLock { writer in
            var fact = PreparedFact()
            swap(&fact, &writer.fact)
            defer { swap(&fact, &writer.fact) }
            writer.router.route(frame, stream: stream) { view, position, slots, event in
                let view = views[view]
                switch event {
                case .fact(let eventTime, let knownTime, let id):
                    if let id { view.retract(id, position: position, knownTime: knownTime) }
                    guard
                        fact.prepare(
                            view.plan, slots, eventTime: eventTime, position: position,
                            knownTime: knownTime)
                    else { return }
                    view.insert(&fact, id: id, eventTime: eventTime, position: position)
                case .retraction(let id, let knownTime):
                    view.retract(id, position: position, knownTime: knownTime)
                }
            }
        }
        advance(to: Position(frame.basePosition.value + Int64(frame.count)))
    }

    func advance(to position: Position) {
        applied.store(position.value, ordering: .releasing)
    }

    /// A copy of all of it at one position.
    var copy: OnlineStore.State {
        let views = views
        return writer.withLock { writer in
            OnlineStore.State(
                generation: generation, pinned: pinned,
                fold: FeatureFold(
                    pinned.definitions, views: views.map(\.state),
                    unreadable: writer.router.unreadable),
                position: position)
        }
    }
}
