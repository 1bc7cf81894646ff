import VarveBytes
import VarveFeatures
import VarveFormats
import VarveProjections
import VarveProtocols

/// Reads entities for a batch of requests: one moment, one position, and memory that is used again
/// from request to request.
struct RESPReading {
    private let reader: OnlineReader
    private let time: Timestamp
    /// Names that are looked for, as bytes end to end; nil: all features.
    private var wanted: [UInt8] = []
    private var wantedEnds: [Int] = []
    private var wantsAll = false
    /// The last view or service that was read, with what was found out about it.
    private var target: Target?
    private var values: [FeatureValue] = []
    private var key = ByteWriter(capacity: 64)

    /// A view or service, and where in it the wanted fields are.
    private struct Target {
        enum Kind {
            case view(Int)
            case service(PreparedService)
        }

        let name: [UInt8]
        let kind: Kind
        let keyFields: [Field]
        let featureNames: [[UInt8]]
        /// For a view by one field: itself, and the field's type.
        var plain: (view: Int, type: ValueType)? {
            guard case .view(let view) = kind, keyFields.count == 1 else { return nil }
            return (view, keyFields[0].type)
        }
        /// Places of the wanted fields; those that are not there are left out.
        var features: [Int] = []
        /// For each wanted field its place in `features`; -1 where there is none.
        var slots: [Int] = []
        var isResolved = false
    }

    /// - Parameter old: the reading of the batch before, whose memory is taken over.
    init(_ reader: OnlineReader, _ time: Timestamp, after old: consuming RESPReading?) {
        self.reader = reader
        self.time = time
        if let old {
            // Definitions may have changed since: the target is kept only where they have not.
            if reader.isOfSameState(as: old.reader) { target = old.target }
            wanted = old.wanted
            wantedEnds = old.wantedEnds
            wantsAll = old.wantsAll
            values = old.values
        }
    }

    // MARK: Which fields

    /// The words from one on are names of fields.
    mutating func fields(_ words: borrowing RESPWords, from first: Int) {
        if !wantsAll, isSame(words, first) { return }
        wantsAll = false
        target?.isResolved = false
        wanted.removeAll(keepingCapacity: true)
        wantedEnds.removeAll(keepingCapacity: true)
        for index in first..<words.count {
            wanted.append(copying: words[index])
            wantedEnds.append(wanted.count)
        }
    }

    /// Whether the same fields were wanted last: clients ask for the same ones again and again.
    private func isSame(_ words: borrowing RESPWords, _ first: Int) -> Bool {
        guard words.count - first == wantedEnds.count else { return false }
        var start = 0
        for (index, end) in wantedEnds.enumerated() {
            guard wanted.raw.extracting(start..<end).equals(words[first + index]) else {
                return false
            }
            start = end
        }
        return true
    }

    mutating func allFields() {
        if wantsAll { return }
        wantsAll = true
        target?.isResolved = false
    }

    private mutating func resolve() {
        guard target?.isResolved == false, var target else { return }
        target.features.removeAll(keepingCapacity: true)
        target.slots.removeAll(keepingCapacity: true)
        if wantsAll {
            target.features = Array(target.featureNames.indices)
            target.slots = target.features
        } else {
            var start = 0
            for end in wantedEnds {
                let name = wanted.raw.extracting(start..<end)
                start = end
                if let place = target.featureNames.firstIndex(where: { $0.raw.equals(name) }) {
                    target.slots.append(target.features.count)
                    target.features.append(place)
                } else {
                    target.slots.append(-1)
                }
            }
        }
        target.isResolved = true
        self.target = target
    }

    // MARK: Which entity

    /// Finds the view or service of a key; answers where the entity's part begins.
    private mutating func find(_ text: RawSpan) throws(RESPKeyError) -> Int {
        guard let end = RESPKey.nameEnd(text) else {
            throw RESPKeyError(
                "the key is no \"view:key\" or \"service:key\", such as"
                    + " \"\(reader.definitions.views.first?.name ?? "view"):key\"")
        }
        let bytes = text.extracting(0..<end)
        if let target, target.name.raw.equals(bytes) { return end + 1 }
        let name = String(decoding: bytes.copied(), as: UTF8.self)
        if let view = reader.index(ofView: name) {
            target = Target(
                name: bytes.copied(), kind: .view(view),
                keyFields: reader.definitions.views[view].entity,
                featureNames: reader.featureNames(ofView: view))
        } else if let service = reader.pinned.services[name] {
            target = Target(
                name: bytes.copied(), kind: .service(service),
                keyFields: service.plan.keyFields,
                featureNames: service.plan.columns.map { Array($0.name.utf8) })
        } else {
            target = nil
            throw RESPKeyError("there is no view or service \(name)")
        }
        return end + 1
    }

    /// Reads an entity's fields; writes an error and answers false where it cannot be read.
    mutating func read(_ text: RawSpan, _ writer: inout RESPWriter) -> Bool {
        do {
            try read(text)
            return true
        } catch {
            writer.error("ERR \(error)")
            return false
        }
    }

    private mutating func read(_ text: RawSpan) throws(RESPKeyError) {
        let start = try find(text)
        resolve()
        if let plain = target?.plain, encode(text.extracting(start..<text.byteCount), plain.type) {
            readEncoded(plain.view)
            return
        }
        guard let target else { return }
        // Taken out and put back, so that its memory is used again beside the borrowed key.
        var values: [FeatureValue] = []
        swap(&values, &self.values)
        defer { swap(&values, &self.values) }
        values.removeAll(keepingCapacity: true)
        let entity = text.extracting(start..<text.byteCount)
        switch target.kind {
        case .view(let view):
            let parsed = try RESPKey(entity, keyFields: target.keyFields)
            reader.read(
                view: view, target.features, EntityKey(parsed.keys), at: time, into: &values)
        case .service(let service):
            let inputs = service.plan.service.inputs
            let parsed = try RESPKey(entity, keyFields: target.keyFields, inputs: inputs)
            for (field, value) in zip(inputs, parsed.inputs) where value.isNull && !field.isNullable
            {
                throw RESPKeyError(
                    "input \(field.name) is missing; name it in the key:"
                        + " \(service.plan.service.name):{\"\(field.name)\":...}")
            }
            let row = reader.row(service, keys: parsed.keys, inputs: parsed.inputs, at: time)
            for feature in target.features { values.append(row[feature]) }
        }
    }

    /// Reads the entity of the key that was encoded last.
    private mutating func readEncoded(_ view: Int) {
        guard let features = target?.features else { return }
        var values: [FeatureValue] = []
        swap(&values, &self.values)
        values.removeAll(keepingCapacity: true)
        reader.read(view: view, features, encodedKey: key.bytes.raw, at: time, into: &values)
        swap(&values, &self.values)
    }

    /// Encodes a key of one plain text or integer without making a value of it; false when the
    /// text has to be read with care.
    private mutating func encode(_ text: RawSpan, _ type: ValueType) -> Bool {
        let count = text.byteCount
        guard count > 0 else { return false }
        key.bytes.removeAll(keepingCapacity: true)
        switch type {
        case .string:
            let first = text.byte(at: 0)
            if first == UInt8(ascii: "[") || first == UInt8(ascii: "{") { return false }
            for index in 0..<count {
                let byte = text.byte(at: index)
                if byte >= 0x80 || byte == UInt8(ascii: "|") || byte == UInt8(ascii: "\\") {
                    return false
                }
            }
            key.textValue(utf8: text)
            return true
        case .int64:
            guard count <= 18 else { return false }
            var value: Int64 = 0
            for index in 0..<count {
                let byte = text.byte(at: index)
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return false }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            key.value(.int64(value))
            return true
        case .bool, .float64, .timestamp: return false
        }
    }

    /// The names of a key's fields; nil and an error where it names nothing.
    mutating func names(_ text: RawSpan, _ writer: inout RESPWriter) -> [[UInt8]]? {
        do {
            _ = try find(text)
            return target?.featureNames
        } catch {
            writer.error("ERR \(error)")
            return nil
        }
    }

    /// Whether any fact of a key's entity is visible.
    mutating func exists(_ text: RawSpan) -> Bool {
        guard let start = try? find(text), let target else { return false }
        let entity = text.extracting(start..<text.byteCount)
        switch target.kind {
        case .view(let view):
            guard let parsed = try? RESPKey(entity, keyFields: target.keyFields),
                let key = EntityKey(parsed.keys)
            else { return false }
            return reader.holds(view: view, encodedKey: key.bytes.raw, at: time)
        case .service(let service):
            let inputs = service.plan.service.inputs
            guard let parsed = try? RESPKey(entity, keyFields: target.keyFields, inputs: inputs)
            else { return false }
            return service.plan.entities(parsed.keys).contains { view, key in
                guard let bytes = key?.bytes else { return false }
                return reader.holds(view: view, encodedKey: bytes.raw, at: time)
            }
        }
    }

    // MARK: Answers

    /// The wanted fields, in the order in which they were named.
    func writeFields(_ writer: inout RESPWriter) {
        // Not the whole target, whose references would all be counted.
        guard let slots = target?.slots else { return }
        for slot in slots {
            if slot < 0 { writer.null() } else { write(values[slot].value, &writer) }
        }
    }

    /// All fields under their names.
    func writeAll(_ writer: inout RESPWriter, statuses: Bool) {
        guard let target else { return }
        writer.map(target.featureNames.count)
        for (name, value) in zip(target.featureNames, values) {
            writer.bulk(name.raw)
            if statuses { writer.bulk(value.status.name) } else { write(value.value, &writer) }
        }
    }

    private func write(_ value: Value, _ writer: inout RESPWriter) {
        switch value {
        case .null: writer.null()
        case .int64(let value): writer.bulk(value)
        case .float64(let value): writer.bulk(value)
        case .string(let value): writer.bulk(value)
        case .bool, .timestamp: writer.bulk(value.text)
        }
    }
}
