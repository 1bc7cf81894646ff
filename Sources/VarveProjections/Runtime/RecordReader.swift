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

    private let decoder: RecordDecoder
    private let idSlot: Int?
    /// Records that the definition could not read: those appended before the stream was declared.
    public var unreadable: Unreadable?
    private var slots: [Value] = []
    private var scratch: [UInt8] = []

    /// A reader of every field.
    public init(_ stream: StreamDefinition) {
        decoder = RecordDecoder(stream, ignoresUnknownFields: stream.isWrittenView)
        idSlot = stream.id.flatMap { stream.index(of: $0) }
    }

    /// A reader for those who look at some slots only; it refuses the same records.
    init(_ stream: StreamDefinition, slots: Set<Int>) {
        decoder = RecordDecoder(stream, ignoresUnknownFields: stream.isWrittenView).reading(slots)
        idSlot = stream.id.flatMap { stream.index(of: $0) }
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
        if frame.isQuarantined { return }
        // Taken out and put back, as the closure below must not hold `self`.
        var (slots, scratch, unreadable) = ([Value](), [UInt8](), self.unreadable)
        swap(&slots, &self.slots)
        swap(&scratch, &self.scratch)
        defer {
            swap(&slots, &self.slots)
            swap(&scratch, &self.scratch)
            self.unreadable = unreadable
        }
        var (next, last) = (frame.basePosition.value, frame.basePosition.value)
        last += Int64(frame.count)
        do {
            try frame.forEachRecord(scratch: &scratch) { record in
                next = record.position.value + 1
                if let positions, !positions.contains(record.position) { return }
                do {
                    if let event = try event(record, &slots) { deliver(record, slots, event) }
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

    /// What a record says; nil when it says nothing.
    private func event(
        _ record: borrowing LogRecord, _ slots: inout [Value]
    ) throws(RecordRefusal) -> Event? {
        guard let value = record.view.value else {
            slots.removeAll(keepingCapacity: true)
            return retractedID(record).map { .retraction($0, knownTime: record.ingestTime) }
        }
        try decoder.decode(value, into: &slots)
        let eventTime = try decoder.eventTime(slots, timestamp: record.view.timestamp)
        let knownTime = decoder.knownTime(
            slots, eventTime: eventTime, ingestTime: record.ingestTime)
        let id = decoder.id(slots)
        if record.view.hasHeader(Self.retractHeader) {
            return id.map { .retraction($0, knownTime: knownTime) }
        }
        return .fact(eventTime: eventTime, knownTime: knownTime, id: id)
    }

    /// Marks a record as the retraction of the fact that its id names.
    private static let retractHeader = Array("varve-retract".utf8)

    /// The id that a record without a value retracts: its key, as the type of the id field.
    private func retractedID(_ record: borrowing LogRecord) -> Value? {
        guard let idSlot, let text = record.view.key?.text() else { return nil }
        return Value(text: text, as: decoder.stream.fields[idSlot].type)
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
    /// Counts records that cannot be read, the first of them at a position.
    mutating func note(_ count: Int, _ position: Position, _ reason: String) {
        if let known = self {
            self?.count = known.count + count
        } else {
            self = .init(count: count, position: position, reason: reason)
        }
    }
}
