public import VarveBytes
import VarveFormats

/// Reads the records of one declared stream: JSON objects into slots, one for each field of the
/// definition, in its order.
///
/// A record has every field that is not nullable and no field that the definition does not know,
/// unless those are passed over: a misspelt name is an error, not a null.
public struct RecordDecoder: Sendable {
    public let stream: StreamDefinition
    /// The fields' names between quotes, one after the other.
    private let quotedNames: [UInt8]
    let slots: [Slot]
    /// A bit for each field that may not be null.
    private let required: [UInt64]
    private let eventTimeSlot: Int?
    private let knownTimeSlot: Int?
    private let idSlot: Int?
    private let expectations: [Expectation]
    /// The slots that expectations look at.
    private let expectedSlots: [Int]
    private let ignoresUnknownFields: Bool
    /// Whether values of a slot are wanted; a text of another is checked, and left empty.
    private var isWanted: [Bool]

    /// What decoding needs to know of a field, without a reference to count.
    struct Slot: Sendable {
        let type: ValueType
        /// Where its name is in `quotedNames`.
        let nameStart: Int
        let nameEnd: Int
    }

    /// A decoder for a stream whose definition has been checked.
    /// - Parameter ignoresUnknownFields: for records that a newer definition accepted.
    public init(_ stream: StreamDefinition, ignoresUnknownFields: Bool = false) {
        self.stream = stream
        self.ignoresUnknownFields = ignoresUnknownFields
        var names: [UInt8] = []
        var slots: [Slot] = []
        for field in stream.fields {
            let start = names.count
            // Names need no escapes.
            names.append(UInt8(ascii: "\""))
            names.append(contentsOf: field.name.utf8)
            names.append(UInt8(ascii: "\""))
            slots.append(Slot(type: field.type, nameStart: start, nameEnd: names.count))
        }
        quotedNames = names
        self.slots = slots
        var required = Array(repeating: UInt64(0), count: (slots.count + 63) / 64)
        for (slot, field) in stream.fields.enumerated() where !field.isNullable {
            required[slot >> 6] |= 1 << UInt64(slot & 63)
        }
        self.required = required
        expectations = stream.expectations
        expectedSlots = Set(stream.expectations.flatMap(\.expression.reads)).sorted()
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
        var cells = RecordCells()
        try decode(value, into: &cells)
        values(cells, of: value, into: &slots)
    }

    /// The values of cells.
    /// - Parameters:
    ///   - record: the bytes that the cells were read from.
    ///   - values: receives one value for each field; its storage is reused.
    public func values(
        _ cells: borrowing RecordCells, of record: RawSpan, into values: inout [Value]
    ) {
        values.removeAll(keepingCapacity: true)
        for slot in slots.indices {
            if !isWanted[slot], slots[slot].type == .string {
                values.append(cells.isNull(slot) ? .null : .string(""))
            } else {
                values.append(cells.value(slot, slots[slot].type, of: record))
            }
        }
    }

    /// Reads one record's value.
    /// - Parameter cells: receives the fields; their memory is used again.
    public func decode(_ value: RawSpan, into cells: inout RecordCells) throws(RecordRefusal) {
        cells.reset(slots.count)
        do {
            try scan(value, &cells.words, &cells.present, &cells.unescaped)
        } catch let error as RecordRefusal {
            throw error
        } catch {
            throw RecordRefusal(field: nil, found: "not JSON (\(error))", expected: "an object")
        }
        for index in required.indices where required[index] & ~cells.present[index] != 0 {
            let slot = 64 * index + (required[index] & ~cells.present[index]).trailingZeroBitCount
            throw RecordRefusal(
                field: stream.fields[slot].name, found: "null or missing",
                expected: "a value of type \(stream.fields[slot].typeText)")
        }
    }

    private func scan(
        _ record: RawSpan, _ allWords: inout [UInt64], _ allPresent: inout [UInt64],
        _ unescaped: inout [UInt8]
    ) throws {
        // Looked at without counting references or checking for other owners each time.
        let slots = slots.span
        let names = quotedNames.raw
        var words = allWords.mutableSpan
        var present = allPresent.mutableSpan
        // Of the first 64 fields, and of those beyond, which few streams have.
        var seen: UInt64 = 0
        var seenBeyond: Set<Int> = []
        var next = 0
        var scanner = JSONScanner(record)
        try scanner.beginObject()
        while true {
            let slot: Int
            if next < slots.count,
                scanner.acceptName(
                    names.extracting(slots[next].nameStart..<slots[next].nameEnd))
            {
                slot = next
            } else {
                guard let name = try scanner.nextName() else { break }
                guard let found = try self.slot(of: name, in: scanner) else {
                    try scanner.skipValue()
                    continue
                }
                slot = found
            }
            let bit = 1 &<< UInt64(truncatingIfNeeded: slot)
            let isNew = slot < 64 ? seen & bit == 0 : seenBeyond.insert(slot).inserted
            if slot < 64 { seen |= bit }
            guard isNew else {
                throw RecordRefusal(
                    field: stream.fields[slot].name, found: "there twice",
                    expected: "each field once")
            }
            next = slot + 1
            let scalar = try scanner.scalar()
            switch (slots[slot].type, scalar) {
            case (_, .null): continue
            case (.bool, .bool(let value)): words[slot] = value ? 1 : 0
            case (.int64, .integer(let value)): words[slot] = UInt64(bitPattern: value)
            case (.float64, .integer(let value)): words[slot] = Double(value).bitPattern
            case (.float64, .number(let value)): words[slot] = value.bitPattern
            case (.string, .string(let name)):
                words[slot] =
                    name.isEscaped
                    ? RecordCells.keep(try scanner.text(name), &unescaped)
                    : RecordCells.place(name.range)
            case (.timestamp, .string(let name)):
                let time = try time(name, scanner, record, slot)
                words[slot] = UInt64(bitPattern: time.microseconds)
            default:
                throw RecordRefusal(
                    field: stream.fields[slot].name, found: try describe(scalar, scanner),
                    expected: "a value of type \(stream.fields[slot].typeText)")
            }
            present[slot >> 6] |= bit
        }
        try scanner.end()
    }

    private func time(
        _ name: JSONScanner.Name, _ scanner: borrowing JSONScanner, _ record: RawSpan, _ slot: Int
    ) throws -> Timestamp {
        let time =
            name.isEscaped
            ? Timestamp(parsing: try scanner.text(name))
            : Timestamp(parsing: record.extracting(name.range))
        if let time { return time }
        throw RecordRefusal(
            field: stream.fields[slot].name, found: "\"\(try scanner.text(name))\"",
            expected: "a time with a zone such as 2013-03-10T07:30:00Z")
    }

    /// Reads one record's value and holds it against the stream's expectations.
    /// - Parameters:
    ///   - cells, values: receive what is read; their memory is used again.
    public func check(
        _ record: RawSpan, timestamp: Int64, _ cells: inout RecordCells, _ values: inout [Value]
    ) throws(RecordRefusal) {
        try decode(record, into: &cells)
        _ = try eventTime(cells, timestamp: timestamp)
        if expectations.isEmpty { return }
        fill(&values, expectedSlots, cells, record)
        for expectation in expectations
        where expectation.expression.evaluate(values) == .bool(false) {
            let fields = expectation.expression.reads
            throw RecordRefusal(
                field: fields.first.map { stream.fields[$0].name },
                found: fields.first.map { values[$0].text } ?? "refused",
                expected: "\(expectation.expression.text) (rule \(expectation.name))")
        }
    }

    /// Puts the values of some slots where expressions look for them; those of others are as they
    /// were.
    public func fill(
        _ values: inout [Value], _ wanted: [Int], _ cells: borrowing RecordCells,
        _ record: RawSpan
    ) {
        if values.count != slots.count { values = Array(repeating: .null, count: slots.count) }
        for slot in wanted { values[slot] = cells.value(slot, slots[slot].type, of: record) }
    }

    /// The slot of a member, nil when it is passed over.
    private func slot(
        of name: JSONScanner.Name, in scanner: borrowing JSONScanner
    ) throws -> Int? {
        for slot in slots.indices {
            let literal = quotedNames.raw.extracting(
                slots[slot].nameStart + 1..<slots[slot].nameEnd - 1)
            if scanner.matches(name, literal) { return slot }
        }
        if ignoresUnknownFields { return nil }
        let text = try scanner.text(name)
        throw RecordRefusal(
            field: text, found: "not declared",
            expected: "one of \(stream.fields.map(\.name).joined(separator: ", "))")
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
    public func eventTime(
        _ cells: borrowing RecordCells, timestamp: Int64
    ) throws(RecordRefusal) -> Timestamp {
        let (micros, overflow): (Int64, Bool)
        switch (stream.eventTime, eventTimeSlot.flatMap { cells.word($0) }) {
        case (.field, let time?): return Timestamp(microseconds: Int64(bitPattern: time))
        case (.count(_, let unit), let count?):
            (micros, overflow) = Int64(bitPattern: count)
                .multipliedReportingOverflow(by: unit.microseconds)
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
    public func knownTime(
        _ cells: borrowing RecordCells, eventTime: Timestamp, ingestTime: Timestamp
    ) -> Timestamp {
        switch stream.knownTime {
        case .ingest: return ingestTime
        case .field:
            guard let time = knownTimeSlot.flatMap({ cells.word($0) }) else { return ingestTime }
            return Timestamp(microseconds: Int64(bitPattern: time))
        case .after(let lag):
            let (micros, overflow) = eventTime.microseconds.addingReportingOverflow(lag)
            return overflow ? .distantFuture : Timestamp(microseconds: micros)
        }
    }

    /// Whether a record's known time is its producer's or operator's word rather than the log's.
    public var assertsKnownTime: Bool { stream.knownTime != .ingest }

    /// The value that names the fact, for streams that declare an `id`.
    public func id(_ cells: borrowing RecordCells, of record: RawSpan) -> Value? {
        guard let idSlot, !cells.isNull(idSlot) else { return nil }
        return cells.value(idSlot, slots[idSlot].type, of: record)
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
    public func retractedID(
        _ cells: borrowing RecordCells, of record: RawSpan
    ) throws(RecordRefusal) -> Value {
        let (_, field) = try retractableID()
        if let id = id(cells, of: record) { return id }
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
