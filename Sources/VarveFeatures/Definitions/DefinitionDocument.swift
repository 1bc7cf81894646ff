internal import VarveFormats

/// A value of a definition document and where it stands.
struct DocumentPart {
    /// Empty for the whole document.
    let path: String
    let value: JSON

    func member(_ name: String, _ value: JSON) -> DocumentPart {
        DocumentPart(path: path.isEmpty ? name : "\(path).\(name)", value: value)
    }

    func element(_ index: Int, _ value: JSON) -> DocumentPart {
        DocumentPart(path: "\(path)[\(index)]", value: value)
    }

    /// The value as JSON, shortened, for messages.
    var shown: String {
        let text = value.text
        return text.unicodeScalars.count <= 80
            ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(77))) + "..."
    }
}

/// The members of an object that a definition may have.
struct DocumentMembers {
    let part: DocumentPart
    private let values: [String: JSON]

    init(_ part: DocumentPart, _ values: [String: JSON]) {
        self.part = part
        self.values = values
    }

    /// A member; nil when it is missing or null, which mean the same.
    subscript(name: String) -> DocumentPart? { values[name].map { part.member(name, $0) } }

    /// Whether there is such a member, and not null.
    func has(_ name: String) -> Bool { values[name] != nil }
}

/// The members that each kind of object may have, in the order of the canonical form.
enum DefinitionKeys {
    static let document = ["$schema", "streams", "views", "services"]
    static let stream = [
        "name", "fields", "event_time", "known_at", "known_after", "key", "id", "expectations",
        "policy",
    ]
    static let eventTime = ["field", "unit"]
    static let expectation = ["name", "expr"]
    static let fieldExpectation = ["name", "field", "not_null", "min", "max", "in"]
    static let view = [
        "name", "entity", "source", "where", "features", "values", "max_age", "at_cutoff",
    ]
    static let aggregations = Aggregation.allCases.map(\.rawValue)
    static let feature = ["name"] + aggregations + ["where", "window", "lag", "hop"]
    static let service = ["name", "inputs", "features"]
    static let onDemand = ["name", "expr"]

    /// What people write when they mean a key, where spelling does not tell.
    static let synonyms = [
        "filter": "where", "condition": "where", "ttl": "max_age", "expression": "expr",
        "expressions": "expr", "formula": "expr", "keys": "key", "primary_key": "key",
        "schema": "fields", "columns": "fields", "entities": "entity", "stream": "source",
        "from": "source", "average": "mean", "avg": "mean", "std": "stddev", "var": "variance",
        "minimum": "min", "maximum": "max", "total": "sum", "offset": "lag", "slide": "hop",
        "step": "hop", "timestamp": "event_time", "rules": "expectations", "nullable": "not_null",
        "period": "window", "length": "window", "range": "min", "required": "not_null",
        "request": "inputs", "parameters": "inputs",
    ]
}

// MARK: - Parts of one kind; nil after an error

/// Reads a definition document and gathers its mistakes.
struct DefinitionReader {
    private(set) var errors: [DefinitionError] = []
    let inForce: Definitions
    /// Fields by stream, in force or in the document; nil where the document's are in error.
    var streamFields: [String: [Field]?] = [:]
    /// Entities and features by view, as `streamFields`.
    var viewOutlines: [String: ViewOutline?] = [:]
    /// Whether the document has streams, or views, whose names are in error: then an unknown name
    /// may be one of theirs, and is no error of its own.
    var (hasNamelessStreams, hasNamelessViews) = (false, false)

    /// What services need to know about a view.
    struct ViewOutline {
        let entity: [Field]
        let features: [Field]
    }

    init(inForce: Definitions) { self.inForce = inForce }

    mutating func refuse(
        _ part: DocumentPart, _ expectation: String, suggestion: String? = nil
    ) {
        errors.append(
            DefinitionError(
                path: part.path.isEmpty ? "the document" : part.path, value: part.shown,
                expectation: expectation, suggestion: suggestion))
    }

    mutating func refuseMissing(_ name: String, in part: DocumentPart, _ expectation: String) {
        errors.append(
            DefinitionError(
                path: part.member(name, .null).path, value: "missing", expectation: expectation))
    }

    /// The members of an object; keys that it may not have are refused.
    mutating func members(
        _ part: DocumentPart, _ keys: [String], _ what: String
    ) -> DocumentMembers? {
        guard let members = part.value.objectValue else {
            refuse(part, "an object with \(quotedList(keys))")
            return nil
        }
        var values: [String: JSON] = [:]
        for member in members {
            guard keys.contains(member.name) else {
                let synonym = DefinitionKeys.synonyms[member.name.lowercased()]
                let suggestion =
                    Spelling.nearest(to: member.name, among: keys)
                    ?? synonym.flatMap { keys.contains($0) ? $0 : nil }
                errors.append(
                    DefinitionError(
                        path: part.member(member.name, member.value).path,
                        value: "unknown key \(JSON.string(member.name).text)",
                        expectation: "only \(quotedList(keys)) in \(what)",
                        suggestion: suggestion.map { "\"\($0)\"" }))
                continue
            }
            if member.value != .null { values[member.name] = member.value }
        }
        return DocumentMembers(part, values)
    }

    func quotedList(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }

    mutating func list(_ part: DocumentPart, _ what: String) -> [DocumentPart]? {
        guard let elements = part.value.arrayValue else {
            refuse(part, "a list of \(what)")
            return nil
        }
        return elements.enumerated().map { part.element($0, $1) }
    }

    mutating func string(_ part: DocumentPart, _ what: String) -> String? {
        guard let text = part.value.stringValue else {
            refuse(part, what)
            return nil
        }
        return text
    }

    /// The longest name, bytes.
    static let nameLimit = 100

    /// A name of letters, digits and underscores that does not start with a digit.
    mutating func name(_ part: DocumentPart, _ what: String, alsoAllowing: String = "") -> String? {
        let signs = alsoAllowing.map { ", \"\($0)\"" }.joined()
        let expectation =
            "\(what): a letter or \"_\", then letters, digits, \"_\"\(signs); "
            + "at most \(Self.nameLimit) characters"
        guard let text = string(part, expectation) else { return nil }
        let plain = text.utf8.filter { !alsoAllowing.utf8.contains($0) }
        guard let first = text.utf8.first, CharacterClass.isNameStart(first),
            plain.allSatisfy(CharacterClass.isNamePart), text.utf8.count <= Self.nameLimit
        else {
            refuse(part, expectation)
            return nil
        }
        return text
    }

    /// The `name` member.
    mutating func name(
        of members: DocumentMembers, _ what: String, alsoAllowing: String = ""
    ) -> String? {
        guard let part = members["name"] else {
            refuseMissing("name", in: members.part, what)
            return nil
        }
        return name(part, what, alsoAllowing: alsoAllowing)
    }

    /// The longest duration, in microseconds: sums of a few stay far inside Int64.
    static let durationLimit: Int64 = 36_500 * 86_400_000_000

    mutating func duration(_ part: DocumentPart, atLeast least: Int64) -> Int64? {
        guard let text = part.value.stringValue,
            let duration = DurationText.microseconds(text)
        else {
            let number = part.value.integerValue.map { "\"\($0)s\"" }
            refuse(part, DurationText.examples, suggestion: number)
            return nil
        }
        guard (least...Self.durationLimit).contains(duration) else {
            refuse(
                part,
                "a duration from \(DurationText.text(least)) to "
                    + "\(DurationText.text(Self.durationLimit))")
            return nil
        }
        return duration
    }

    /// One of a few words.
    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ part: DocumentPart, _: Choice.Type
    ) -> Choice? {
        let words = Choice.allCases.map(\.rawValue)
        if let text = part.value.stringValue, let choice = Choice(rawValue: text) { return choice }
        let near = part.value.stringValue.flatMap { Spelling.nearest(to: $0, among: words) }
        refuse(
            part, words.map { "\"\($0)\"" }.joined(separator: " or "),
            suggestion: near.map { "\"\($0)\"" })
        return nil
    }

    // MARK: Fields and expressions

    private static let typeSynonyms = [
        "boolean": "bool", "int": "int64", "integer": "int64", "long": "int64", "int32": "int64",
        "bigint": "int64", "float": "float64", "double": "float64", "float32": "float64",
        "number": "float64", "real": "float64", "decimal": "float64", "str": "string",
        "text": "string", "varchar": "string", "utf8": "string", "datetime": "timestamp",
        "date": "timestamp", "time": "timestamp", "timestamptz": "timestamp",
    ]

    /// An object of field names and types.
    mutating func fields(
        _ part: DocumentPart, _ what: String, nullable: Bool, emptyAllowed: Bool = false
    ) -> [Field]? {
        guard let members = part.value.objectValue, emptyAllowed || !members.isEmpty else {
            refuse(part, "\(what): an object such as {\"origin\": \"string\"}")
            return nil
        }
        let before = errors.count
        var fields: [Field] = []
        for member in members {
            let place = part.member(member.name, .string(member.name))
            guard name(place, "a field's name") != nil else { continue }
            if let field = field(
                member.name, part.member(member.name, member.value), nullable: nullable)
            {
                fields.append(field)
            }
        }
        return errors.count == before ? fields : nil
    }

    private mutating func field(_ name: String, _ part: DocumentPart, nullable: Bool) -> Field? {
        let types = ValueType.allCases.map(\.rawValue)
        let expectation =
            "a type: \(quotedList(types))" + (nullable ? ", with \"?\" if it may be null" : "")
        guard let text = string(part, expectation) else { return nil }
        let isNullable = text.hasSuffix("?")
        let word = isNullable ? String(text.dropLast()) : text
        guard let type = ValueType(rawValue: word) else {
            let near =
                Self.typeSynonyms[word.lowercased()] ?? Spelling.nearest(to: word, among: types)
            refuse(
                part, expectation, suggestion: near.map { "\"\($0)\(isNullable ? "?" : "")\"" })
            return nil
        }
        if isNullable, !nullable {
            refuse(
                part, "a type without \"?\": this field is never null", suggestion: "\"\(word)\"")
            return nil
        }
        return Field(name: name, type: type, isNullable: isNullable)
    }

    /// The name of one of the fields.
    mutating func fieldName(_ part: DocumentPart, _ fields: [Field], _ what: String) -> Field? {
        let names = fields.map(\.name)
        guard let text = part.value.stringValue,
            let field = fields.first(where: { $0.name == text })
        else {
            let near = part.value.stringValue.flatMap { Spelling.nearest(to: $0, among: names) }
            refuse(
                part, "\(what): one of \(shortList(names))", suggestion: near.map { "\"\($0)\"" })
            return nil
        }
        return field
    }

    /// At most ten names.
    func shortList(_ names: [String]) -> String {
        let shown = quotedList(Array(names.prefix(10)))
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }

    /// An expression over a scope, of a certain type if asked for.
    mutating func expression(
        _ part: DocumentPart, _ scope: [Field], as type: ValueType? = nil, _ what: String
    ) -> Expression? {
        guard let text = part.value.stringValue else {
            refuse(part, "\(what), in quotes")
            return nil
        }
        do {
            let expression = try Expression(parsing: text, scope: scope)
            if let type, expression.type != type {
                refuse(part, "\(what) of type \(type.rawValue), not \(expression.type.rawValue)")
                return nil
            }
            return expression
        } catch {
            refuse(
                part,
                "\(error.expected) at line \(error.line), column \(error.column), "
                    + "not \(error.found)",
                suggestion: error.suggestion)
            return nil
        }
    }
}
