public import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog

/// Reads the records of one declared stream as facts and the ends of facts: the one place that
/// says what a record of the log means, for features, tables, spines and outcomes alike. What it
/// keeps between frames is memory to be used again, and what it could not read.
public struct RecordReader: Sendable {
    /// What a record says.
    public enum Event: Sendable {
        /// A fact, whose fields are in the slots. It ends the facts of its id before it.
        case fact(eventTime: Timestamp, knownTime: Timestamp, id: Value?)
        /// The end of the facts of an id, without a new one.
        case retraction(Value, knownTime: Timestamp)
    }

    let decoder: RecordDecoder
    /// Records that the definition could not read: those appended before the stream was declared.
    public var unreadable: Unreadable?
    private var values: [Value] = []
    private var cells = RecordCells()
    private var scratch: [UInt8] = []

    /// A reader of every field.
    public init(_ stream: StreamDefinition) {
        decoder = RecordDecoder(stream, ignoresUnknownFields: stream.isWrittenView)
    }

    /// A reader for those who look at some slots only; it refuses the same records.
    init(_ stream: StreamDefinition, slots: Set<Int>) {
        decoder = RecordDecoder(stream, ignoresUnknownFields: stream.isWrittenView).reading(slots)
    }

    /// Reads the records of one frame, in order.
    /// - Parameters:
    ///   - positions: records elsewhere are passed over; nil: none is.
    ///   - deliver: called with each record, its fields, one for each of the definition's, and what
    ///     it says. Retractions may come without fields.
    public mutating func read(
        _ frame: borrowing FrameView, within positions: Range<Position>? = nil,
        _ deliver: (borrowing LogRecord, borrowing [Value], Event) -> Void
    ) {
        var values: [Value] = []
        swap(&values, &self.values)
        defer { swap(&values, &self.values) }
        let decoder = decoder
        readCells(FrameHead(frame), frame.body, within: positions) { record, cells, event in
            if let value = record.view.value {
                decoder.values(cells, of: value, into: &values)
            } else {
                values.removeAll(keepingCapacity: true)
            }
            deliver(record, values, event)
        }
    }

    /// The same without making values of fields.
    mutating func readCells(
        _ frame: FrameHead, _ body: RawSpan, within positions: Range<Position>? = nil,
        _ deliver: (borrowing LogRecord, borrowing RecordCells, Event) -> Void
    ) {
        if frame.isQuarantined { return }
        // Taken out and put back, as the closure below must not hold `self`.
        var (cells, scratch, unreadable) = (RecordCells(), [UInt8](), self.unreadable)
        swap(&cells, &self.cells)
        swap(&scratch, &self.scratch)
        defer {
            swap(&cells, &self.cells)
            swap(&scratch, &self.scratch)
            self.unreadable = unreadable
        }
        let decoder = decoder
        var (next, last) = (frame.basePosition.value, frame.basePosition.value)
        last += Int64(frame.count)
        do {
            try frame.forEachRecord(of: body, scratch: &scratch) { record in
                next = record.position.value + 1
                if let positions, !positions.contains(record.position) { return }
                do {
                    let event = try Self.event(record, decoder, &cells)
                    deliver(record, cells, event)
                } catch {
                    unreadable.note(1, record.position, "\(error)")
                }
            }
        } catch {
            // Appended before the stream was declared, by a codec that is not read here, say.
            let left = max(next, positions?.lowerBound.value ?? next)
                ..< min(last, positions?.upperBound.value ?? last)
            if !left.isEmpty {
                unreadable.note(left.count, Position(left.lowerBound), "the batch: \(error)")
            }
        }
    }

    /// What a record says.
    private static func event(
        _ record: borrowing LogRecord, _ decoder: RecordDecoder, _ cells: inout RecordCells
    ) throws(RecordRefusal) -> Event {
        guard let value = record.view.value else {
            return .retraction(
                try decoder.retractedID(key: record.view.key), knownTime: record.ingestTime)
        }
        try decoder.decode(value, into: &cells)
        let eventTime = try decoder.eventTime(cells, timestamp: record.view.timestamp)
        let knownTime = decoder.knownTime(
            cells, eventTime: eventTime, ingestTime: record.ingestTime)
        if record.view.hasHeader(RecordDecoder.retractHeader) {
            return .retraction(
                try decoder.retractedID(cells, of: value), knownTime: knownTime)
        }
        return .fact(
            eventTime: eventTime, knownTime: knownTime, id: decoder.id(cells, of: value))
    }
}

extension RecordReader {
    /// Records left out because they do not fit.
    public struct Unreadable: Sendable, Equatable {
        public var count: Int
        /// The first of them.
        public let position: Position
        /// What is wrong with it.
        public let reason: String
    }
}

extension RecordReader.Unreadable? {
    /// Adds what was not read after it.
    mutating func note(_ later: RecordReader.Unreadable) {
        note(later.count, later.position, later.reason)
    }

    /// Counts records that cannot be read, the first of them at a position.
    mutating func note(_ count: Int, _ position: Position, _ reason: String) {
        if let known = self {
            self?.count = known.count + count
        } else {
            self = .init(count: count, position: position, reason: reason)
        }
    }
}
