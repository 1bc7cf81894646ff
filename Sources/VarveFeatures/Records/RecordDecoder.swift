public import VarveBytes
import VarveFormats

/// Reads the records of one declared stream: JSON objects into slots, one for each field of the
/// definition, in its order.
///
/// A record has every field that is not nullable and no field that the definition does not know,
/// unless those are passed over: a misspelt name is an error, not a null.
public struct RecordDecoder: Sendable {
    public let stream: StreamDefinition
    private let names: [[UInt8]]
    private let eventTimeSlot: Int?
    private let knownTimeSlot: Int?
    private let idSlot: Int?
    private let expectations: [Expectation]
    private let ignoresUnknownFields: Bool
    /// Slots whose values are wanted; a text of another is checked, and left empty.
    private var isWanted: [Bool]

    /// A decoder for a stream whose definition has been checked.
    /// - Parameter ignoresUnknownFields: for records that a newer definition accepted.
    public init(_ stream: StreamDefinition, ignoresUnknownFields: Bool = false) {
        self.stream = stream
        self.ignoresUnknownFields = ignoresUnknownFields
        names = stream.fields.map { Array($0.name.utf8) }
        expectations = stream.expectations
        isWanted = Array(repeating: true, count: stream.fields.count)
        eventTimeSlot =
            switch stream.eventTime {
            case .record: nil
            case .field(let name), .count(let name, _): stream.index(of: name)
            }
        knownTimeSlot =
            if case .field(let name) = stream.knownTime { stream.index(of: name) } else { nil }
        idSlot = stream.id.flatMap { stream.index(of: $0) }
    }

    /// The same decoder for readers of some slots and of times and ids: it refuses the same
    /// records, but makes no texts that nobody reads.
    public func reading(_ slots: Set<Int>) -> RecordDecoder {
        var decoder = self
        decoder.isWanted = stream.fields.indices.map {
            slots.contains($0) || $0 == eventTimeSlot || $0 == knownTimeSlot || $0 == idSlot
        }
        return decoder
    }

    /// Reads one record's value.
    /// - Parameter slots: receives one value for each field; its storage is reused.
    public func decode(_ value: RawSpan, into slots: inout [Value]) throws(RecordRefusal) {
        slots.removeAll(keepingCapacity: true)
        for _ in names { slots.append(.null) }
        do {
            var scanner = JSONScanner(value)
            var seen: UInt64 = 0
            // Of fields beyond the first 64, which few streams have.
            var seenBeyond: Set<Int> = []
            var next = 0
            try scanner.beginObject()
            while let name = try scanner.nextName() {
                guard let slot = try slot(of: name, in: scanner, guess: next) else {
                    try scanner.skipValue()
                    continue
                }
                let isNew: Bool
                if slot < 64 {
                    isNew = seen & (1 << UInt64(slot)) == 0
                    seen |= 1 << UInt64(slot)
                } else {
                    isNew = seenBeyond.insert(slot).inserted
                }
                guard isNew else {
                    throw RecordRefusal(
                        field: stream.fields[slot].name, found: "there twice",
                        expected: "each field once")
                }
                let scalar = try scanner.scalar()
                if case .string = scalar, !isWanted[slot], stream.fields[slot].type == .string {
                    slots[slot] = .string("")
                } else {
                    slots[slot] = try read(scalar, scanner, stream.fields[slot])
                }
                next = slot + 1
            }
            try scanner.end()
        } catch let error as RecordRefusal {
            throw error
        } catch {
            throw RecordRefusal(field: nil, found: "not JSON (\(error))", expected: "an object")
        }
        for (slot, field) in stream.fields.enumerated() where slots[slot].isNull && !field.isNullable
        {
            throw RecordRefusal(
                field: field.name, found: "null or missing",
                expected: "a value of type \(field.typeText)")
        }
    }

    /// Reads one record's value and holds it against the stream's expectations.
    public func check(_ value: RawSpan, timestamp: Int64, slots: inout [Value])
        throws(RecordRefusal)
    {
        try decode(value, into: &slots)
        _ = try eventTime(slots, timestamp: timestamp)
        for expectation in expectations
        where expectation.expression.evaluate(slots) == .bool(false) {
            let fields = expectation.expression.reads
            throw RecordRefusal(
                field: fields.first.map { stream.fields[$0].name },
                found: fields.first.map { slots[$0].text } ?? "refused",
                expected: "\(expectation.expression.text) (rule \(expectation.name))")
        }
    }

    /// The slot of a member, nil when it is passed over; producers write fields in one order, so
    /// the one after the last comes first.
    private func slot(
        of name: JSONScanner.Name, in scanner: borrowing JSONScanner, guess: Int
    ) throws -> Int? {
        if guess < names.count, scanner.matches(name, names[guess]) { return guess }
        for slot in names.indices where scanner.matches(name, names[slot]) { return slot }
        if ignoresUnknownFields { return nil }
        let text = try scanner.text(name)
        throw RecordRefusal(
            field: text, found: "not declared",
            expected: "one of \(stream.fields.map(\.name).joined(separator: ", "))")
    }

    private func read(
        _ scalar: JSONScanner.Scalar, _ scanner: borrowing JSONScanner, _ field: Field
    ) throws -> Value {
        switch (field.type, scalar) {
        case (_, .null): return .null
        case (.bool, .bool(let value)): return .bool(value)
        case (.int64, .integer(let value)): return .int64(value)
        case (.float64, .integer(let value)): return .float64(Double(value))
        case (.float64, .number(let value)): return .float64(value)
        case (.string, .string(let name)): return .string(try scanner.text(name))
        case (.timestamp, .string(let name)):
            let text = try scanner.text(name)
            if let time = Timestamp(parsing: text) { return .timestamp(time) }
            throw RecordRefusal(
                field: field.name, found: "\"\(text)\"",
                expected: "a time with a zone such as 2013-03-10T07:30:00Z")
        default:
            throw RecordRefusal(
                field: field.name, found: try describe(scalar, scanner),
                expected: "a value of type \(field.typeText)")
        }
    }

    private func describe(
        _ scalar: JSONScanner.Scalar, _ scanner: borrowing JSONScanner
    ) throws -> String {
        switch scalar {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let name): "\"\(try scanner.text(name).prefix(80))\""
        case .compound: "an array or object"
        }
    }
}

extension RecordDecoder {
    /// When the fact happened.
    /// - Parameter timestamp: the record's own, milliseconds.
    public func eventTime(_ slots: [Value], timestamp: Int64) throws(RecordRefusal) -> Timestamp {
        let (micros, overflow): (Int64, Bool)
        switch (stream.eventTime, eventTimeSlot.map { slots[$0] }) {
        case (.field, .timestamp(let time)?): return time
        case (.count(_, let unit), .int64(let count)?):
            (micros, overflow) = count.multipliedReportingOverflow(by: unit.microseconds)
        default:
            (micros, overflow) = timestamp.multipliedReportingOverflow(by: 1000)
        }
        guard !overflow else {
            throw RecordRefusal(
                field: eventTimeSlot.map { stream.fields[$0].name },
                found: "a time too far away", expected: "microseconds that fit 64 bits")
        }
        return Timestamp(microseconds: micros)
    }

    /// Since when the fact is known.
    public func knownTime(_ slots: [Value], eventTime: Timestamp, ingestTime: Timestamp)
        -> Timestamp
    {
        switch stream.knownTime {
        case .ingest: return ingestTime
        case .field:
            if let knownTimeSlot, case .timestamp(let time) = slots[knownTimeSlot] { return time }
            return ingestTime
        case .after(let lag):
            let (micros, overflow) = eventTime.microseconds.addingReportingOverflow(lag)
            return overflow ? .distantFuture : Timestamp(microseconds: micros)
        }
    }

    /// Whether a record's known time is its producer's or operator's word rather than the log's.
    public var assertsKnownTime: Bool { stream.knownTime != .ingest }

    /// The value that names the fact, for streams that declare an `id`.
    public func id(_ slots: [Value]) -> Value? {
        guard let idSlot, !slots[idSlot].isNull else { return nil }
        return slots[idSlot]
    }

    /// The id whose facts a record without a value ends: its key, as a text of the id's type.
    public func retractedID(key: RawSpan?) throws(RecordRefusal) -> Value {
        let (_, field) = try retractableID()
        let text = key?.text()
        if let text, let id = Value(text: text, as: field.type) { return id }
        throw RecordRefusal(
            field: nil, found: "without a value under key " + (text.map { "\"\($0)\"" } ?? "null"),
            expected: "as its key the `\(field.name)`, \(field.typeText), of the fact it retracts")
    }

    /// The id whose facts a record with `retractHeader` ends: its own.
    public func retractedID(_ slots: [Value]) throws(RecordRefusal) -> Value {
        let (slot, field) = try retractableID()
        if !slots[slot].isNull { return slots[slot] }
        throw RecordRefusal(
            field: field.name, found: "null", expected: "the id of the fact to be retracted")
    }

    private func retractableID() throws(RecordRefusal) -> (slot: Int, Field) {
        if let idSlot { return (idSlot, stream.fields[idSlot]) }
        throw RecordRefusal(
            field: nil, found: "a retraction",
            expected: "a fact: stream \(stream.name) declares no id by which to retract one")
    }

    /// Marks a record as the retraction of the fact that its id names.
    public static let retractHeader = Array("varve-retract".utf8)
}
