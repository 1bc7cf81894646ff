public import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog

/// The fold of log frames into views, for a fixed set of definitions. The online store, training
/// sets, rebuilds and audits are this one fold over different stretches of the log.
public struct FeatureFold: Sendable {
    public let definitions: Definitions
    /// In the order of `definitions.views`.
    public private(set) var views: [ViewState]
    /// By stream name: how its records are read, and the views that take them in.
    private var streams: [String: Stream]
    /// Records that their stream's definition could not read, by stream: those appended before
    /// the stream was declared.
    public private(set) var unreadable: [String: Unreadable] = [:]
    private var slots: [Value] = []
    private var scratch: [UInt8] = []

    private struct Stream {
        let decoder: RecordDecoder
        var views: [Int]
    }

    /// Records left out because they do not fit.
    public struct Unreadable: Sendable, Equatable {
        public var count: Int
        /// The first of them.
        public let position: Position
        /// What is wrong with it.
        public let reason: String
    }

    /// The fold of no record.
    public init(_ definitions: Definitions) {
        self.definitions = definitions
        streams = [:]
        views = []
        for view in definitions.views { add(view) }
    }

    /// The state of a view with nothing folded, and the stream it reads.
    private mutating func add(_ view: ViewDefinition) {
        let definition = definitions.stream(of: view)
        views.append(ViewState(ViewPlan(view, stream: definition)))
        // A written view's newer version may have more features than the one folded here.
        var isWritten = false
        if case .written = view.source { isWritten = true }
        let decoder = RecordDecoder(definition, ignoresUnknownFields: isWritten)
        streams[definition.name, default: Stream(decoder: decoder, views: [])]
            .views.append(views.count - 1)
    }

    /// The streams whose records it folds.
    public var streamNames: [String] { streams.keys.sorted() }

    /// Whether a stream's records go into any view.
    public func reads(_ stream: String) -> Bool { streams[stream] != nil }

    /// Takes in the records of one frame.
    /// - Parameters:
    ///   - stream: the name of the frame's stream.
    ///   - positions: records elsewhere are passed over; nil: none is.
    public mutating func apply(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>? = nil
    ) throws {
        guard let target = streams[stream], !frame.isQuarantined else { return }
        var slots = self.slots
        var scratch = self.scratch
        defer {
            self.slots = slots
            self.scratch = scratch
        }
        try frame.forEachRecord(scratch: &scratch) { record in
            if let positions, !positions.contains(record.position) { return }
            apply(record, target, stream, &slots)
        }
    }

    private mutating func apply(
        _ record: borrowing LogRecord, _ target: Stream, _ stream: String, _ slots: inout [Value]
    ) {
        let position = record.position.value
        guard let value = record.view.value else {
            if let id = Self.retractedID(record, target.decoder) {
                for view in target.views {
                    views[view].retract(id, position: position, knownTime: record.ingestTime)
                }
            }
            return
        }
        do {
            try target.decoder.decode(value, into: &slots)
            let eventTime = try target.decoder.eventTime(slots, timestamp: record.view.timestamp)
            let knownTime = target.decoder.knownTime(
                slots, eventTime: eventTime, ingestTime: record.ingestTime)
            let id = target.decoder.id(slots)
            if record.view.hasHeader(Self.retractHeader) {
                guard let id else { return }
                for view in target.views {
                    views[view].retract(id, position: position, knownTime: knownTime)
                }
                return
            }
            for view in target.views {
                views[view].apply(
                    slots, eventTime: eventTime, position: position, knownTime: knownTime, id: id)
            }
        } catch {
            var found =
                unreadable[stream]
                ?? Unreadable(count: 0, position: Position(position), reason: "\(error)")
            found.count += 1
            unreadable[stream] = found
        }
    }

    /// Marks a record as the retraction of the fact that its id names.
    private static let retractHeader = Array("varve-retract".utf8)

    /// The id that a record without a value retracts: its key, as the type of the id field.
    private static func retractedID(
        _ record: borrowing LogRecord, _ decoder: RecordDecoder
    ) -> Value? {
        guard let name = decoder.stream.id, let slot = decoder.stream.index(of: name),
            let text = record.view.key?.text()
        else { return nil }
        return Value(text: text, as: decoder.stream.fields[slot].type)
    }

    /// The number of a view.
    public func index(ofView name: String) -> Int? {
        definitions.views.firstIndex { $0.name == name }
    }
}

extension FeatureFold {
    /// Folds a stretch of the log, of the streams that its views read. The bounds may lie within
    /// frames.
    /// - Parameter progress: called now and then with the position reached.
    public mutating func fold(
        _ log: Log, from start: Position = Position(0), upTo end: Position,
        progress: ((Position) -> Void)? = nil
    ) throws {
        let wanted = streams
        let names = Dictionary(
            log.streams().filter { wanted[$0.name.name] != nil }.map { ($0.id, $0.name.name) },
            uniquingKeysWith: { first, _ in first })
        if names.isEmpty || start >= end { return }
        try log.read(from: start, upTo: end, streams: Set(names.keys)) { frame in
            if let name = names[frame.streamID] {
                try apply(frame, stream: name, within: start..<end)
            }
            progress?(frame.basePosition)
            return true
        }
    }
}

extension FeatureFold {
    /// Writes the views for a snapshot.
    public func write(to writer: inout ByteWriter) {
        for view in views { view.write(to: &writer) }
        writer.integer(UInt32(unreadable.count))
        for (stream, unreadable) in unreadable.sorted(by: { $0.key < $1.key }) {
            for text in [stream, unreadable.reason] { writer.value(.string(text)) }
            writer.integer(Int64(unreadable.count))
            writer.integer(unreadable.position.value)
        }
    }

    /// Reads what `write` wrote under the same definitions.
    public init(_ definitions: Definitions, reading reader: inout ByteReader) throws(ByteError) {
        self.init(definitions)
        for index in views.indices {
            views[index] = try ViewState(views[index].plan, reading: &reader)
        }
        for _ in 0..<(try reader.integer(UInt32.self)) {
            guard case .string(let stream) = try reader.value(),
                case .string(let reason) = try reader.value()
            else { throw .invalidUTF8(at: reader.offset) }
            let count = Int(try reader.integer(Int64.self))
            unreadable[stream] = Unreadable(
                count: count, position: Position(try reader.integer()), reason: reason)
        }
    }
}

extension FeatureFold {
    /// A fold with changed definitions that keeps the state of views that did not change and folds
    /// the others from the start of the log. A stream's new fields may make records readable that
    /// were not: its views are then folded again too.
    public init(_ definitions: Definitions, reusing old: FeatureFold, log: Log, upTo end: Position)
        throws
    {
        self.init(definitions)
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
        unreadable = old.unreadable
        if missing.isEmpty { return }
        var fresh = FeatureFold(
            Definitions(streams: definitions.streams, views: missing, services: []))
        try fresh.fold(log, upTo: end)
        for (view, state) in zip(missing, fresh.views) {
            if let index = index(ofView: view.name) { views[index] = state }
        }
        for stream in fresh.streamNames { unreadable[stream] = fresh.unreadable[stream] }
    }
}
