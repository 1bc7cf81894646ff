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
    /// Records that the definition could not read: those appended before the stream was declared.
    public var unreadable: Unreadable?
    private var slots: [Value] = []
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
                    let event = try event(record, &slots)
                    deliver(record, slots, event)
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
    private func event(
        _ record: borrowing LogRecord, _ slots: inout [Value]
    ) throws(RecordRefusal) -> Event {
        guard let value = record.view.value else {
            slots.removeAll(keepingCapacity: true)
            return .retraction(
                try decoder.retractedID(key: record.view.key), knownTime: record.ingestTime)
        }
        try decoder.decode(value, into: &slots)
        let eventTime = try decoder.eventTime(slots, timestamp: record.view.timestamp)
        let knownTime = decoder.knownTime(
            slots, eventTime: eventTime, ingestTime: record.ingestTime)
        if record.view.hasHeader(RecordDecoder.retractHeader) {
            return .retraction(try decoder.retractedID(slots), knownTime: knownTime)
        }
        return .fact(eventTime: eventTime, knownTime: knownTime, id: decoder.id(slots))
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
