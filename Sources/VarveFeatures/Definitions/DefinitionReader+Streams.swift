internal import VarveBytes
internal import VarveFormats

extension DefinitionReader {
    /// A stream; nil after an error. Its fields become known to views even then, if they are right.
    mutating func stream(
        _ part: DocumentPart, _ names: inout [String: String]
    ) -> StreamDefinition? {
        guard let members = members(part, DefinitionKeys.stream, "a stream") else { return nil }
        let before = errors.count
        let name = definitionName(members, "a stream's name", &names, alsoAllowing: ".-")
        var fields: [Field]?
        if let part = members["fields"] {
            fields = self.fields(part, "the stream's fields", nullable: true)
        } else {
            refuseMissing(
                "fields", in: part, "the stream's fields, such as {\"origin\": \"string\"}")
        }
        if let name { streamFields[name] = .some(fields) }
        // Without fields only what does not depend on them can be checked.
        guard let fields else { return nil }
        refuseReserved(fields, members)
        let eventTime = members["event_time"].map { self.eventTime($0, fields) } ?? .record
        let knownTime = self.knownTime(members, fields)
        let key = members["key"].map { self.key($0, fields) } ?? []
        let id = members["id"].flatMap { self.id($0, fields) }
        let expectations = members["expectations"].map { self.expectations($0, fields) } ?? []
        let policy = members["policy"].map { choice($0, StreamDefinition.Policy.self) } ?? .reject
        let retention = members["retention"].flatMap { self.retention($0) }
        guard errors.count == before, let name, let eventTime, let knownTime, let policy else {
            return nil
        }
        let stream = StreamDefinition(
            name: name, fields: fields, eventTime: eventTime, knownTime: knownTime, key: key,
            id: id, expectations: expectations, policy: policy, retention: retention)
        if let old = inForce.stream(name) {
            for reason in stream.incompatibilities(replacing: old) { refuse(part, reason) }
        }
        return stream
    }

    /// Columns that the offline store adds to every record; `StreamTable` has them.
    private static let reservedFields = [
        "_position", "_event_time", "_ingest_time", "_known_time",
    ]

    /// Refuses fields that would stand twice in the table of their records.
    mutating func refuseReserved(_ fields: [Field], in part: DocumentPart) {
        for field in fields where Self.reservedFields.contains(field.name) {
            refuse(
                part.member(field.name, .string(field.name)),
                "another name: Varve adds a column of this name to every record")
        }
    }

    private mutating func refuseReserved(_ fields: [Field], _ members: DocumentMembers) {
        if let part = members["fields"] { refuseReserved(fields, in: part) }
    }

    private mutating func retention(_ part: DocumentPart) -> StreamDefinition.Retention? {
        guard let members = members(part, DefinitionKeys.retention, "a retention") else {
            return nil
        }
        let age = members["age"].flatMap { duration($0, atLeast: 1) }
        let bytes = members["bytes"].flatMap { part -> Int64? in
            if let bytes = part.value.integerValue, bytes >= 0 { return bytes }
            refuse(part, "a number of bytes, 0 or more")
            return nil
        }
        if members["age"] == nil, members["bytes"] == nil {
            refuse(
                part, "\"age\", \"bytes\" or both; without a retention records are kept for good",
                suggestion: "{\"age\": \"30d\"}")
        }
        return StreamDefinition.Retention(age: age, bytes: bytes)
    }

    // MARK: Times

    private mutating func eventTime(
        _ part: DocumentPart, _ fields: [Field]
    ) -> StreamDefinition.EventTime? {
        var unit: StreamDefinition.TimeUnit?
        var place = part
        if part.value.objectValue != nil {
            guard let members = members(part, DefinitionKeys.eventTime, "an event time") else {
                return nil
            }
            if let part = members["unit"] {
                unit = choice(part, StreamDefinition.TimeUnit.self)
                if unit == nil { return nil }
            }
            guard let inner = members["field"] else {
                refuseMissing("field", in: part, "the name of the field with the event time")
                return nil
            }
            place = inner
        }
        guard let field = fieldName(place, fields, "the field with the event time") else {
            return nil
        }
        if field.isNullable {
            refuse(place, "a field that is never null; \"\(field.name)\" is \(field.typeText)")
            return nil
        }
        switch (field.type, unit) {
        case (.timestamp, nil): return .field(field.name)
        case (.int64, let unit?): return .count(field.name, unit)
        case (.int64, nil):
            refuse(
                part, "the unit of an int64 time, \"s\", \"ms\" or \"us\"",
                suggestion: "{\"field\": \"\(field.name)\", \"unit\": \"ms\"}")
        case (.timestamp, _):
            refuse(part, "no unit: timestamps have their own", suggestion: "\"\(field.name)\"")
        default:
            refuse(
                place,
                "a field of type timestamp or int64; \"\(field.name)\" is \(field.typeText)")
        }
        return nil
    }

    private mutating func knownTime(
        _ members: DocumentMembers, _ fields: [Field]
    ) -> StreamDefinition.KnownTime? {
        if let at = members["known_at"], let after = members["known_after"] {
            refuse(after, "either \"known_at\" or \"known_after\", not both")
            _ = fieldName(at, fields, "the field that says since when a fact is known")
            return nil
        }
        if let part = members["known_after"] {
            return duration(part, atLeast: 0).map(StreamDefinition.KnownTime.after)
        }
        guard let part = members["known_at"] else { return .ingest }
        guard
            let field = fieldName(part, fields, "the field that says since when a fact is known")
        else { return nil }
        guard field.type == .timestamp else {
            refuse(part, "a field of type timestamp; \"\(field.name)\" is \(field.typeText)")
            return nil
        }
        return .field(field.name)
    }

    // MARK: Key and id

    private mutating func key(_ part: DocumentPart, _ fields: [Field]) -> [String] {
        var names: [String] = []
        let example = part.value.stringValue.map { "[\"\($0)\"]" }
        guard part.value.arrayValue != nil else {
            refuse(part, "a list of field names", suggestion: example)
            return []
        }
        for element in list(part, "field names") ?? [] {
            guard let field = fieldName(element, fields, "a field of the key") else { continue }
            if names.contains(field.name) {
                refuse(element, "each field once")
            } else if field.type == .float64 {
                refuse(
                    element, "a field of another type than float64, which rounding makes unequal")
            }
            names.append(field.name)
        }
        return names
    }

    private mutating func id(_ part: DocumentPart, _ fields: [Field]) -> String? {
        guard let field = fieldName(part, fields, "the field that names the fact") else {
            return nil
        }
        guard field.type == .string || field.type == .int64, !field.isNullable else {
            refuse(
                part,
                "a field of type string or int64 that is never null; \"\(field.name)\" is "
                    + field.typeText)
            return nil
        }
        return field.name
    }

    // MARK: Expectations

    private mutating func expectations(
        _ part: DocumentPart, _ fields: [Field]
    ) -> [Expectation] {
        var expectations: [Expectation] = []
        for element in list(part, "expectations") ?? [] {
            for expectation in self.expectation(element, fields) {
                if expectations.contains(where: { $0.name == expectation.name }) {
                    refuse(
                        element,
                        "a name that no other expectation has; \"\(expectation.name)\" is taken")
                }
                expectations.append(expectation)
            }
        }
        return expectations
    }

    private mutating func expectation(
        _ part: DocumentPart, _ fields: [Field]
    ) -> [Expectation] {
        if part.value["regex"] != nil {
            refuse(
                part.member("regex", part.value["regex"] ?? .null),
                "no \"regex\": regular expressions are not supported; starts_with, ends_with and "
                    + "contains in \"expr\" are")
            return []
        }
        if part.value["field"] != nil { return fieldExpectations(part, fields) }
        let isShort = part.value.objectValue?.contains {
            ["min", "max", "in", "not_null"].contains($0.name)
        }
        if isShort == true, part.value["expr"] == nil {
            refuseMissing("field", in: part, "the field that the rule is about")
            return []
        }
        guard let members = members(part, DefinitionKeys.expectation, "an expectation") else {
            return []
        }
        let name = ruleName(members)
        guard let rule = members["expr"] else {
            refuseMissing(
                "expr", in: part, "an expression that is true for right records, or \"field\"")
            return []
        }
        guard let expression = expression(rule, fields, as: .bool, "a rule"), let name else {
            return []
        }
        return [Expectation(name: name, expression: expression)]
    }

    private mutating func ruleName(_ members: DocumentMembers) -> String? {
        let expectation = "a rule's name: a text of 1 to \(Self.nameLimit) bytes"
        guard let part = members["name"] else {
            refuseMissing("name", in: members.part, expectation)
            return nil
        }
        guard let name = part.value.stringValue, !name.isEmpty, name.utf8.count <= Self.nameLimit
        else {
            refuse(part, expectation)
            return nil
        }
        return name
    }

    /// The short form: rules about one field, each of which becomes an expression.
    private mutating func fieldExpectations(
        _ part: DocumentPart, _ fields: [Field]
    ) -> [Expectation] {
        guard
            let members = members(
                part, DefinitionKeys.fieldExpectation, "an expectation about a field"),
            let place = members["field"],
            let field = fieldName(place, fields, "the field that the rule is about")
        else { return [] }
        let given = members.has("name") ? ruleName(members) : field.name
        let subject = Syntax.fieldText(field.name)
        var rules: [(key: String, text: String)] = []
        if let part = members["not_null"] {
            if part.value.boolValue == true {
                rules.append(("not_null", "\(subject) is not null"))
            } else {
                refuse(part, "true; a field that may be null needs no rule")
            }
        }
        for (key, sign) in [("min", ">="), ("max", "<=")] {
            guard let part = members[key] else { continue }
            if field.type == .bool {
                refuse(part, "no bound: \"\(field.name)\" is bool, which has no order")
            } else if let bound = literal(part, field) {
                rules.append((key, "\(subject) \(sign) \(bound)"))
            }
        }
        if let part = members["in"] {
            let values = list(part, "values") ?? []
            if part.value.arrayValue?.isEmpty == true { refuse(part, "at least one value") }
            let literals = values.compactMap { literal($0, field) }
            if !literals.isEmpty, literals.count == values.count {
                rules.append(("in", "\(subject) in (\(literals.joined(separator: ", ")))"))
            }
        }
        if !["not_null", "min", "max", "in"].contains(where: members.has) {
            refuse(part, "a rule: \"not_null\", \"min\", \"max\" or \"in\"")
        }
        guard let given else { return [] }
        let namesItself = members.has("name") && rules.count == 1
        return rules.compactMap { rule in
            expression(
                DocumentPart(path: part.path, value: .string(rule.text)), fields, as: .bool,
                "a rule"
            ).map {
                Expectation(name: namesItself ? given : "\(given) \(rule.key)", expression: $0)
            }
        }
    }

    /// A JSON value as a literal of a field's type.
    private mutating func literal(_ part: DocumentPart, _ field: Field) -> String? {
        switch (field.type, part.value) {
        case (.bool, .bool(let value)): return Syntax.Literal.bool(value).text
        case (.int64, .integer(let value)): return Syntax.Literal.integer(value).text
        case (.float64, .integer(let value)): return Syntax.Literal.decimal(Double(value)).text
        case (.float64, .number(let value)): return Syntax.Literal.decimal(value).text
        case (.string, .string(let value)): return Syntax.Literal.text(value).text
        case (.timestamp, .string(let value)) where Timestamp(parsing: value) != nil:
            return "to_timestamp(\(Syntax.Literal.text(value).text))"
        default: break
        }
        let example =
            field.type == .timestamp
            ? "a time in quotes with its zone, such as \"2013-03-10T07:30:00Z\""
            : "a value of type \(field.type.rawValue), as \"\(field.name)\" is"
        refuse(part, example)
        return nil
    }
}
