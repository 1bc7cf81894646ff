import VarveBytes
import VarveFeatures
import VarveFormats
import VarveProjections
import VarveProtocols

/// Reads entities for a batch of requests: one moment, one position, and memory that is used again
/// from request to request.
struct RESPReading {
    private var reader: OnlineReader
    private var time: Timestamp
    /// Names that are looked for, as bytes end to end.
    private var wanted: [UInt8] = []
    private var wantedEnds: [Int] = []
    /// Whether all features are looked for instead.
    private var wantsAll = false
    /// The last view or service that was read, with what was found out about it.
    private var target: Target?
    /// Its name; empty: there is none.
    private var name: [UInt8] = []
    /// Where it is a view by one field: itself, and the field's type.
    private var plain: (view: Int, type: ValueType)?
    /// Places of the wanted fields; those that are not there are left out.
    private var features: [Int] = []
    /// For each wanted field its place in `features`; -1 where there is none.
    private var slots: [Int] = []
    private var isResolved = false
    private var values: [FeatureValue] = []
    private var key = ByteWriter(capacity: 64)
    /// Of the keys that will be read next in the plain view.
    private var hashes: [UInt64] = []

    /// A view or service.
    private struct Target {
        enum Kind {
            case view(Int)
            case service(PreparedService)
        }

        let kind: Kind
        let keyFields: [Field]
        let featureNames: [[UInt8]]
    }

    init(_ reader: OnlineReader, _ time: Timestamp) {
        self.reader = reader
        self.time = time
    }

    /// Lets go of a state that is not live any more.
    mutating func follow(_ live: OnlineReader) {
        if !live.isOfSameState(as: reader) { renew(live, time) }
    }

    /// Reads for another batch from here on.
    mutating func renew(_ reader: OnlineReader, _ time: Timestamp) {
        // Definitions may have changed since: the target is kept only where they have not.
        if !reader.isOfSameState(as: self.reader) { aim(at: nil, named: []) }
        self.reader = reader
        self.time = time
    }

    private mutating func aim(at target: Target?, named name: [UInt8]) {
        self.target = target
        self.name = name
        isResolved = false
        plain = nil
        hashes.removeAll(keepingCapacity: true)
        if let target, case .view(let view) = target.kind, target.keyFields.count == 1 {
            plain = (view, target.keyFields[0].type)
        }
    }

    // MARK: Which fields

    /// The words from one on are names of fields.
    mutating func fields(_ words: borrowing RESPWords, from first: Int) {
        if !wantsAll, isSame(words, first) { return }
        wantsAll = false
        isResolved = false
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
        isResolved = false
    }

    private mutating func resolve() {
        if isResolved { return }
        guard let target else { return }
        var (places, found) = ([Int](), [Int]())
        if wantsAll {
            places = Array(target.featureNames.indices)
            found = places
        } else {
            var start = 0
            for end in wantedEnds {
                let name = wanted.raw.extracting(start..<end)
                start = end
                if let place = target.featureNames.firstIndex(where: { $0.raw.equals(name) }) {
                    found.append(places.count)
                    places.append(place)
                } else {
                    found.append(-1)
                }
            }
        }
        (features, slots) = (places, found)
        isResolved = true
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
        if end > 0, name.raw.equals(bytes) { return end + 1 }
        let name = String(decoding: bytes.copied(), as: UTF8.self)
        if let view = reader.index(ofView: name) {
            aim(
                at: Target(
                    kind: .view(view), keyFields: reader.definitions.views[view].entity,
                    featureNames: reader.featureNames(ofView: view)), named: bytes.copied())
        } else if let service = reader.pinned.services[name] {
            aim(
                at: Target(
                    kind: .service(service), keyFields: service.plan.keyFields,
                    featureNames: service.plan.columns.map { Array($0.name.utf8) }),
                named: bytes.copied())
        } else {
            aim(at: nil, named: [])
            throw RESPKeyError("there is no view or service \(name)")
        }
        return end + 1
    }

    /// Reads an entity's fields; writes an error and answers false where it cannot be read.
    mutating func read(_ text: RawSpan, _ writer: inout RESPWriter) -> Bool {
        do {
            try read(text)
            return isWhole(&writer)
        } catch {
            writer.error("ERR \(error)")
            return false
        }
    }

    /// Whether what was read is to be believed; writes an error where it is not.
    func isWhole(_ writer: inout RESPWriter) -> Bool {
        do {
            try reader.check()
            return true
        } catch {
            writer.error("ERR \(error)")
            return false
        }
    }

    private mutating func read(_ text: RawSpan) throws(RESPKeyError) {
        let start = try find(text)
        resolve()
        if let plain, encode(text.extracting(start..<text.byteCount), plain.type) {
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
            reader.read(view: view, features, EntityKey(parsed.keys), at: time, into: &values)
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
            for feature in features { values.append(row[feature]) }
        }
    }

    /// Reads the entity of the key that was encoded last.
    private mutating func readEncoded(_ view: Int) {
        var values: [FeatureValue] = []
        swap(&values, &self.values)
        values.removeAll(keepingCapacity: true)
        reader.read(view: view, features, encodedKey: key.bytes.raw, at: time, into: &values)
        swap(&values, &self.values)
    }

    /// Notes the key of a command that will be run; `foresee` has what it needs fetched. Only where
    /// it is of the view that was read last.
    mutating func expect(_ text: RawSpan) {
        guard let plain, let end = RESPKey.nameEnd(text), end > 0,
            name.raw.equals(text.extracting(0..<end)),
            encode(text.extracting(end + 1..<text.byteCount), plain.type)
        else { return }
        hashes.append(KeyHash.hash(key.bytes.raw))
    }

    /// Takes a step for the keys that were noted; the last one forgets them.
    mutating func foresee(_ step: Foresight) {
        guard let plain, !hashes.isEmpty else { return }
        reader.foresee(view: plain.view, hashes.span, step)
        if step == .facts { hashes.removeAll(keepingCapacity: true) }
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
