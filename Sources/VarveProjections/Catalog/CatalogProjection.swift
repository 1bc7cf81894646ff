public import VarveLog
import VarveSystem

/// The catalog, kept up to date. It is small, so it is folded anew at every start.
public final class CatalogProjection: Projection {
    private let state: Monitor<State>

    private struct State {
        var catalog = Catalog()
        var position = Position(0)
    }

    public let name = "catalog"

    /// Folds `varve.catalog` up to the commit position.
    public init(_ log: Log) throws {
        var state = State()
        let end = log.commitPosition
        try log.read(from: Position(0), upTo: end, streams: [.catalog]) { frame in
            try state.catalog.apply(frame)
            return true
        }
        state.position = end
        self.state = Monitor(state)
    }

    public var position: Position { state.withLock { $0.position } }

    /// The catalog as far as it is folded.
    public var catalog: Catalog { state.withLock { $0.catalog } }

    public func apply(_ frame: borrowing FrameView, stream: String) throws {
        guard frame.streamID == .catalog else { return }
        var catalog = catalog
        try catalog.apply(frame)
        let end = Position(frame.basePosition.value + Int64(frame.count))
        state.withLock { state in
            state.catalog = catalog
            state.position = end
        }
    }

    public func advance(to position: Position) { state.withLock { $0.position = position } }

    public func save() {}
}
