public import VarveFormats

/// A JSON Schema of definition documents, for editors that complete and check while one types. It
/// knows the shape only; names, types and expressions are checked by the reader.
public enum DefinitionSchema {
    /// The schema (draft 2020-12).
    public static var json: JSON {
        [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Varve definitions",
            "description": "Streams, feature views and feature services, for `varve apply`.",
            "type": "object",
            "properties": [
                "$schema": ["type": "string", "description": "Where this schema is."],
                "streams": list(of: stream, "What is known about records.", least: 0),
                "views": list(of: view, "Features of entities.", least: 0),
                "services": list(of: service, "What models consume.", least: 0),
            ],
            "additionalProperties": false,
        ]
    }

    // MARK: Words

    private static let namePattern = "^[a-zA-Z_][a-zA-Z0-9_]*$"
    private static let durationPattern =
        "[0-9]+(" + DurationText.units.map(\.name).joined(separator: "|") + ")"

    private static func text(
        _ description: String, pattern: String? = nil, optional: Bool = false
    ) -> JSON {
        var members: [JSON.Member] = [
            .init("type", optional ? ["string", "null"] : "string"),
            .init("description", .string(description)),
        ]
        if let pattern { members.append(.init("pattern", .string(pattern))) }
        return .object(members)
    }

    private static func name(_ description: String) -> JSON {
        text(description, pattern: namePattern)
    }

    private static func duration(_ description: String) -> JSON {
        text(description, pattern: "^\(durationPattern)$", optional: true)
    }

    private static let listLimit = Int64(DefinitionReader.listLimit)

    private static func number(_ description: String, most: Int64) -> JSON {
        [
            "type": ["number", "null"], "description": .string(description), "minimum": 0,
            "maximum": .integer(most),
        ]
    }

    private static func choice(_ words: [String], _ description: String) -> JSON {
        [
            "enum": .array(words.map(JSON.string) + [.null]),
            "description": .string(description),
        ]
    }

    private static func list(of item: JSON, _ description: String, least: Int64) -> JSON {
        [
            "type": ["array", "null"], "description": .string(description), "items": item,
            "minItems": .integer(least),
        ]
    }

    /// An object of names and types.
    private static func fields(
        _ description: String, nullable: Bool, optional: Bool = false
    ) -> JSON {
        let types = ValueType.allCases.map(\.rawValue)
        let all = nullable ? types + types.map { $0 + "?" } : types
        return [
            "type": optional ? ["object", "null"] : "object",
            "description": .string(description),
            "additionalProperties": ["enum": .array(all.map(JSON.string))],
            "propertyNames": ["pattern": .string(namePattern)],
        ]
    }

    private static func object(
        _ properties: [JSON.Member], required: [String], _ description: String,
        dependent: [(name: String, needs: String)] = []
    ) -> JSON {
        var members: [JSON.Member] = [
            .init("type", "object"), .init("description", .string(description)),
            .init("properties", .object(properties)),
            .init("required", .array(required.map(JSON.string))),
        ]
        if !dependent.isEmpty {
            let needs = dependent.map { JSON.Member($0.name, .array([.string($0.needs)])) }
            members.append(.init("dependentRequired", .object(needs)))
        }
        return .object(members + [.init("additionalProperties", false)])
    }

    // MARK: Streams

    private static var stream: JSON {
        object(
            [
                .init(
                    "name", text("The stream's name.", pattern: "^[a-zA-Z_][a-zA-Z0-9_.-]*$")),
                .init(
                    "fields",
                    fields(
                        "The fields of a record; `?` marks those that may be null.", nullable: true)
                ),
                .init("event_time", eventTime),
                .init(
                    "known_at",
                    text(
                        "The field that says since when a fact is known; without it, since the "
                            + "log accepted it.", optional: true)),
                .init("known_after", duration("How long after its event time a fact is known.")),
                .init(
                    "key",
                    list(
                        of: ["type": "string"], "The fields that say whom a record is about.",
                        least: 0)),
                .init(
                    "id",
                    text(
                        "The field that names the fact; a later record with the same value "
                            + "replaces it.", optional: true)),
                .init(
                    "expectations",
                    list(
                        of: ["anyOf": [expectation, fieldExpectation]],
                        "Rules that right records keep.", least: 0)),
                .init(
                    "policy",
                    choice(
                        StreamDefinition.Policy.allCases.map(\.rawValue),
                        "What happens to records that break a rule; reject by default.")),
                .init("retention", retention),
            ], required: ["name", "fields"], "A stream of records.")
    }

    private static var retention: JSON {
        var retention = object(
            [
                .init("age", duration("Records that the log accepted longer ago may go.")),
                .init(
                    "bytes",
                    [
                        "type": ["integer", "null"], "minimum": 0,
                        "description": "Records before the newest ones of this size may go.",
                    ]),
            ], required: [], "How long records are kept; without it for good.")
        if case .object(var members) = retention {
            members.removeAll { $0.name == "type" }
            members.insert(.init("type", ["object", "null"]), at: 0)
            retention = .object(members + [.init("minProperties", 1)])
        }
        return retention
    }

    private static var eventTime: JSON {
        [
            "description": "When a fact happened; without it, the record's own timestamp.",
            "anyOf": [
                ["type": ["string", "null"]],
                object(
                    [
                        .init("field", text("A field of type int64 or timestamp.")),
                        .init(
                            "unit",
                            choice(
                                StreamDefinition.TimeUnit.allCases.map(\.rawValue),
                                "What an int64 field counts since 1970 UTC.")),
                    ], required: ["field"], "A field that counts time."),
            ],
        ]
    }

    private static var expectation: JSON {
        object(
            [
                .init("name", text("The rule's name in messages.")),
                .init("expr", text("A condition that is true or null for right records.")),
            ], required: ["name", "expr"], "A rule as an expression.")
    }

    private static var fieldExpectation: JSON {
        let values: JSON = ["type": ["boolean", "number", "string"]]
        return object(
            [
                .init("name", text("The rule's name in messages.", optional: true)),
                .init("field", text("The field that the rule is about.")),
                .init("not_null", ["enum": [true, .null]]),
                .init("min", ["type": ["number", "string", "null"]]),
                .init("max", ["type": ["number", "string", "null"]]),
                .init("in", list(of: values, "The values it may have.", least: 1)),
            ], required: ["field"], "A rule about one field.")
    }

    // MARK: Views and services

    private static var view: JSON {
        object(
            [
                .init("name", name("The view's name.")),
                .init("entity", fields("The key of what the features describe.", nullable: false)),
                .init("source", text("The stream to compute from.", optional: true)),
                .init("where", text("The condition for records to count.", optional: true)),
                .init("features", list(of: feature, "What is computed.", least: 1)),
                .init(
                    "values",
                    fields("Pushed values, instead of a source.", nullable: true, optional: true)),
                .init("max_age", duration("How old a value may be before it is expired.")),
                .init(
                    "at_cutoff",
                    choice(
                        ["include", "exclude"],
                        "Whether a fact at exactly the asked time counts; exclude by default.")),
            ], required: ["name", "entity"], "Features of one kind of entity.")
    }

    private static var feature: JSON {
        let aggregations = DefinitionKeys.aggregations.map { name in
            JSON.Member(name, text("What to aggregate: an expression, or * for the facts."))
        }
        let windows = "^(lifetime|last [0-9]+( facts)?|\(durationPattern))$"
        return object(
            [.init("name", name("The feature's name."))] + aggregations + [
                .init(
                    "k",
                    number("How many values first_k, last_k and top_k list.", most: listLimit)),
                .init("q", number("Which quantile: from 0 to 1.", most: 1)),
                .init(
                    "by",
                    text("What facts are told apart by: a map of values.", optional: true)),
                .init("where", text("The condition for facts to count.", optional: true)),
                .init(
                    "window",
                    text("A length such as 6h, `lifetime`, or `last 10`.", pattern: windows)),
                .init("lag", duration("How far before the asked time the window ends.")),
                .init("hop", duration("A step that the window's far edge is rounded down to.")),
            ], required: ["name", "window"], "An aggregation over a window.",
            dependent: [
                ("first_k", "k"), ("last_k", "k"), ("top_k", "k"), ("quantile", "q"),
            ])
    }

    private static var service: JSON {
        let onDemand = object(
            [
                .init("name", name("The feature's name.")),
                .init("expr", text("An expression over inputs and view features.")),
            ], required: ["name", "expr"], "A feature computed when asked for.")
        let column: JSON = [
            "anyOf": [
                text("`view.*`, `view.feature`, `inputs.*`, or an input's name."), onDemand,
            ]
        ]
        return object(
            [
                .init("name", name("The service's name.")),
                .init("inputs", fields("What a request brings.", nullable: true, optional: true)),
                .init("features", list(of: column, "The columns, in order.", least: 1)),
            ], required: ["name", "features"], "The features that one model consumes.")
    }
}
