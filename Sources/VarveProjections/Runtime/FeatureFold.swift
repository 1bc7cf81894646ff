public import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog
import VarveSystem

/// The fold of log frames into views, for a fixed set of definitions. The online store, training
/// sets, rebuilds and audits are this one fold over different stretches of the log.
public struct FeatureFold: Sendable {
    public let definitions: Definitions
    /// In the order of `definitions.views`.
    public private(set) var views: [ViewState]
    private var router: RecordRouter
    /// What one frame has for each view; reused.
    private var facts: [PreparedFacts]

    /// Records that their stream's definition could not read, by stream: those appended before
    /// the stream was declared.
    public var unreadable: [String: RecordReader.Unreadable] { router.unreadable }

    /// The fold of no record.
    /// - Parameter shardBits: the binary logarithm of the number of shards of each view, which
    ///   changes no answer.
    public init(_ definitions: Definitions, shardBits: Int = 0) {
        self.definitions = definitions
        views = definitions.views.map { view in
            ViewState(
                ViewPlan(view, stream: definitions.stream(of: view)), shardBits: shardBits)
        }
        router = RecordRouter(definitions, views.map(\.plan))
        facts = Array(repeating: PreparedFacts(), count: views.count)
    }

    /// A fold whose views were folded elsewhere.
    init(
        _ definitions: Definitions, views: [ViewState],
        unreadable: [String: RecordReader.Unreadable]
    ) {
        self.definitions = definitions
        self.views = views
        router = RecordRouter(definitions, views.map(\.plan))
        router.unreadable = unreadable
        facts = Array(repeating: PreparedFacts(), count: views.count)
    }

    /// The streams whose records it folds.
    public var streamNames: [String] { router.streamNames }

    /// Whether a stream's records go into any view.
    public func reads(_ stream: String) -> Bool { router.reads(stream) }

    /// Takes in the records of one frame.
    /// - Parameters:
    ///   - stream: the name of the frame's stream.
    ///   - positions: records elsewhere are passed over; nil: none is.
    public mutating func apply(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>? = nil
    ) {
        router.prepare(
            FrameHead(frame), frame.body, stream: stream, within: positions, into: &facts)
        for view in views.indices where !facts[view].isEmpty {
            views[view].apply(facts[view])
            facts[view].removeAll()
        }
    }

    /// The number of a view.
    public func index(ofView name: String) -> Int? {
        definitions.views.firstIndex { $0.name == name }
    }
}

extension FeatureFold {
    /// Folds a stretch of the log, of the streams that its views read. The bounds may lie within
    /// frames.
    /// - Parameters:
    ///   - progress: called now and then with the position reached.
    public mutating func fold(
        _ log: Log, from start: Position = Position(0), upTo end: Position,
        options: FoldOptions = FoldOptions(), progress: ((Position) -> Void)? = nil
    ) throws {
        let names = Dictionary(
            log.streams().filter { reads($0.name.name) }.map { ($0.id, $0.name.name) },
            uniquingKeysWith: { first, _ in first })
        if names.isEmpty || start >= end { return }
        guard end.value - start.value >= options.shortStretch else {
            try log.read(from: start, upTo: end, streams: Set(names.keys)) { frame in
                if let name = names[frame.streamID] {
                    apply(frame, stream: name, within: start..<end)
                }
                progress?(frame.basePosition)
                return true
            }
            return
        }
        // Moved there and back: while both had them, every change would copy.
        let sharded = ShardedFold(
            definitions, views.map { LiveView($0) }, unreadable: unreadable, options)
        views = []
        defer {
            sharded.flush()
            router.unreadable = sharded.unreadable
            views = sharded.takeViews()
        }
        try log.read(from: start, upTo: end, streams: Set(names.keys)) { frame in
            if let name = names[frame.streamID] {
                _ = sharded.hold(frame, stream: name, within: start..<end)
            }
            progress?(frame.basePosition)
            return true
        }
    }
}

extension FeatureFold {
    /// Writes the views for a snapshot.
    public func write<Failure>(to pieces: inout PieceWriter<Failure>) throws(Failure) {
        for view in views { try view.write(to: &pieces) }
        try pieces.item { writer in
            writer.integer(UInt32(unreadable.count))
            for (stream, unreadable) in unreadable.sorted(by: { $0.key < $1.key }) {
                for text in [stream, unreadable.reason] { writer.value(.string(text)) }
                writer.integer(Int64(unreadable.count))
                writer.integer(unreadable.position.value)
            }
        }
    }

    /// Reads what `write` wrote under the same definitions.
    /// - Parameter memory: keeps the views within a limit on the way.
    public init(
        _ definitions: Definitions, shardBits: Int = 0, reading pieces: inout PieceReader,
        memory: FactMemory? = nil
    ) throws {
        self.init(definitions)
        var others = 0
        let watch = Monitor(FactMemory.Watch())
        for index in views.indices {
            var fresh = 0
            views[index] = try ViewState(
                views[index].plan, shardBits: shardBits, reading: &pieces
            ) { view, facts in
                fresh += facts
                if fresh < Self.factsBetweenLooks { return }
                fresh = 0
                memory?.keep(&view, beside: others, watch)
            }
            memory?.keep(&views[index], beside: others, watch)
            others += views[index].byteCount
        }
        try pieces.item { reader throws(ByteError) in
            for _ in 0..<(try reader.integer(UInt32.self)) {
                guard case .string(let stream) = try reader.value(),
                    case .string(let reason) = try reader.value()
                else { throw .invalidUTF8(at: reader.offset) }
                let count = Int(try reader.integer(Int64.self))
                router.unreadable[stream] = .init(
                    count: count, position: Position(try reader.integer()), reason: reason)
            }
        }
    }

    /// Facts that are restored before memory is looked at again.
    private static let factsBetweenLooks = 8192
}

extension FeatureFold {
    /// Views that were folded before they are in force, as far as the fold got.
    struct Prepared: Sendable {
        var fold: FeatureFold
        /// The fold covers every record below it.
        var position: Position
    }

    /// A fold with changed definitions that keeps the state of views that did not change and folds
    /// the others from the start of the log. A stream's new fields may make records readable that
    /// were not: its views are then folded again too.
    /// - Parameter shardBits: for views that are folded anew.
    public init(
        _ definitions: Definitions, shardBits: Int = 0, reusing old: FeatureFold, log: Log,
        upTo end: Position, options: FoldOptions = FoldOptions()
    ) throws {
        try self.init(
            definitions, shardBits: shardBits, reusing: old, prepared: nil, log: log, upTo: end,
            options: options)
    }

    /// - Parameter prepared: taken instead of the start of the log where it is what is missing.
    init(
        _ definitions: Definitions, shardBits: Int, reusing old: FeatureFold, prepared: Prepared?,
        log: Log, upTo end: Position, options: FoldOptions
    ) throws {
        self.init(definitions, shardBits: shardBits)
        var missing: [ViewDefinition] = []
        for index in views.indices {
            let view = definitions.views[index]
            let isRead = old.unreadable[view.streamName] == nil
            if let known = old.index(ofView: view.name), old.definitions.views[known] == view,
                isRead || old.definitions.stream(of: view) == definitions.stream(of: view)
            {
                views[index] = old.views[known].replanned(views[index].plan)
            } else {
                missing.append(view)
            }
        }
        router.unreadable = old.unreadable
        if missing.isEmpty { return }
        var fresh = FeatureFold(
            Definitions(streams: definitions.streams, views: missing, services: []),
            shardBits: shardBits)
        var start = Position(0)
        if let prepared, prepared.position <= end, prepared.fold.isFold(of: fresh.definitions) {
            (fresh, start) = (prepared.fold, prepared.position)
        }
        try fresh.fold(log, from: start, upTo: end, options: options)
        for (view, state) in zip(missing, fresh.views) {
            if let index = index(ofView: view.name) { views[index] = state }
        }
        for stream in fresh.streamNames {
            router.unreadable[stream] = fresh.unreadable[stream]
        }
    }

    /// Whether it folds the views of some definitions, as they are there.
    private func isFold(of other: Definitions) -> Bool {
        definitions.views == other.views
            && definitions.views.allSatisfy {
                definitions.stream(of: $0) == other.stream(of: $0)
            }
    }
}
