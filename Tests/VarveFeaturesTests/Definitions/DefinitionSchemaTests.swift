import Testing
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

struct DefinitionSchemaTests {
    private func complaints(_ text: String) throws -> [String] {
        SchemaCheck.complaints(try JSON(parsing: text), DefinitionSchema.json, "")
    }

    @Test(
        "the schema accepts what the reader reads",
        arguments: [
            Documents.design, Documents.full, "{}",
        ])
    func acceptance(_ text: String) throws {
        #expect(try complaints(text) == [])
        let canonical = try Documents.read(text).canonical
        #expect(try complaints(canonical.text) == [])
    }

    @Test(
        "the schema refuses mistakes of shape",
        arguments: [
            (#"{"stream": []}"#, ": stream"), (#"{"streams": {}}"#, "streams: type"),
            (#"{"views": [{"name": "a b", "entity": {}}]}"#, "views[0].name: pattern"),
            (#"{"views": [{"name": "a", "entity": {"k": "txt"}}]}"#, "views[0].entity.k: enum"),
            (#"{"services": [{"name": "a", "features": []}]}"#, "services[0].features: minItems"),
            (#"{"streams": [{"name": "a"}]}"#, "streams[0]: fields is missing"),
            (#"{"views": [{"name": "a", "entity": {}, "max_age": 3}]}"#, "views[0].max_age: type"),
            (
                #"{"views": [{"name": "a", "entity": {}, "features": [{"name": "b", "#
                    + #""quantile": "x", "window": "1h"}]}]}"#,
                "views[0].features[0]: quantile needs q"
            ),
        ])
    func refusals(_ text: String, _ complaint: String) throws {
        #expect(try complaints(text) == [complaint])
        #expect(throws: DefinitionErrors.self) { try Documents.read(text) }
    }

    @Test("the schema lists the reader's keys")
    func keys() {
        let json = DefinitionSchema.json
        let stream = json["properties"]?["streams"]?["items"]
        let view = json["properties"]?["views"]?["items"]
        let service = json["properties"]?["services"]?["items"]
        let rules = stream?["properties"]?["expectations"]?["items"]?["anyOf"]?.arrayValue
        let times = stream?["properties"]?["event_time"]?["anyOf"]?.arrayValue
        let columns = service?["properties"]?["features"]?["items"]?["anyOf"]?.arrayValue
        for (part, keys) in [
            (json, DefinitionKeys.document), (stream, DefinitionKeys.stream),
            (rules?[0], DefinitionKeys.expectation), (rules?[1], DefinitionKeys.fieldExpectation),
            (times?[1], DefinitionKeys.eventTime), (view, DefinitionKeys.view),
            (view?["properties"]?["features"]?["items"], DefinitionKeys.feature),
            (service, DefinitionKeys.service), (columns?[1], DefinitionKeys.onDemand),
        ] {
            #expect(part?["properties"]?.objectValue?.map(\.name) == keys)
        }
    }

    @Test("the schema is kept for editors")
    func golden() throws {
        try Fixture.expectGolden(
            Array(DefinitionSchema.json.pretty.utf8), "golden/definitions/schema.json")
    }
}

/// As much of JSON Schema as `DefinitionSchema` uses.
private enum SchemaCheck {
    static func complaints(_ value: JSON, _ schema: JSON, _ path: String) -> [String] {
        var found: [String] = []
        if let types = schema["type"] {
            let names = types.arrayValue ?? [types]
            if !names.contains(.string(type(value))) { return ["\(path): type"] }
        }
        if let values = schema["enum"]?.arrayValue, !values.contains(value) {
            found.append("\(path): enum")
        }
        if let pattern = schema["pattern"]?.stringValue, let text = value.stringValue,
            let regex = try? Regex(pattern), text.wholeMatch(of: regex) == nil
        {
            found.append("\(path): pattern")
        }
        if let options = schema["anyOf"]?.arrayValue,
            !options.contains(where: { complaints(value, $0, path).isEmpty })
        {
            found.append("\(path): anyOf")
        }
        if let elements = value.arrayValue {
            if let least = schema["minItems"]?.integerValue, elements.count < least {
                found.append("\(path): minItems")
            }
            for (index, element) in elements.enumerated() {
                found += schema["items"].map { complaints(element, $0, "\(path)[\(index)]") } ?? []
            }
        }
        if let members = value.objectValue { found += object(members, schema, path) }
        return found
    }

    private static func object(
        _ members: [JSON.Member], _ schema: JSON, _ path: String
    ) -> [String] {
        var found: [String] = []
        for name in schema["required"]?.arrayValue ?? []
        where !members.contains(where: { .string($0.name) == name }) {
            found.append("\(path): \(name.stringValue ?? "") is missing")
        }
        for (name, needs) in (schema["dependentRequired"]?.objectValue ?? []).map({
            ($0.name, $0.value.arrayValue ?? [])
        }) where members.contains(where: { $0.name == name }) {
            for need in needs where !members.contains(where: { .string($0.name) == need }) {
                found.append("\(path): \(name) needs \(need.stringValue ?? "")")
            }
        }
        for member in members {
            let inner = path.isEmpty ? member.name : "\(path).\(member.name)"
            if let known = schema["properties"]?[member.name] {
                found += complaints(member.value, known, inner)
            } else if schema["additionalProperties"] == false {
                found.append("\(path): \(member.name)")
            } else if let other = schema["additionalProperties"] {
                found += complaints(member.value, other, inner)
            }
            if let names = schema["propertyNames"] {
                found += complaints(.string(member.name), names, inner)
            }
        }
        return found
    }

    private static func type(_ value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
