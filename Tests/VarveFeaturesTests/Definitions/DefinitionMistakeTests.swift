import Testing
import VarveFeatures
import VarveFormats
import VarveTestSupport

/// One mistake each, made in the document `Documents.design`: edits, one a line, `path = JSON` or
/// `path remove`.
private let mistakes: [(name: String, edits: String)] = [
    // The document.
    ("a document that is a list", " = []"),
    ("an unknown part", "feature_views = []"),
    ("streams that are no list", "streams = {}"),
    ("a stream that is no object", "streams[0] = \"departures\""),
    ("an unknown key with a known neighbour", "streams[0].event_tme = \"time\""),
    ("an unknown key that means another", "views[0].filter = \"dep_delay > 0\""),
    ("an unknown key that means nothing", "services[0].colour = \"red\""),
    // Names.
    ("a stream without a name", "streams[0].name remove"),
    ("a name that is a number", "streams[0].name = 7"),
    ("a stream's name with a slash", "streams[0].name = \"flights/departures\""),
    ("a view's name with a dash", "views[1].name = \"weather-now\""),
    ("a name that starts with a digit", "views[0].features[0].name = \"1h_departures\""),
    ("an empty name", "services[0].name = \"\""),
    ("a stream of Varve's own", "streams[0].name = \"varve.departures\""),
    ("a view named inputs", "views[1].name = \"inputs\""),
    ("two views of one name", "views[1].name = \"airport_traffic\""),
    ("two features of one name", "views[0].features[1].name = \"departures_1h\""),
    // Fields.
    ("a stream without fields", "streams[0].fields remove"),
    ("no fields", "streams[0].fields = {}"),
    ("fields as a list", "streams[0].fields = [\"time\", \"origin\"]"),
    ("a type of another language", "streams[0].fields.dep_delay = \"double?\""),
    ("a misspelt type", "streams[0].fields.origin = \"strng\""),
    ("a type that is unknown", "streams[0].fields.origin = \"vector<float32,3>\""),
    ("a type that is no text", "streams[0].fields.origin = 1"),
    ("a field's name with a space", "streams[0].fields.arr delay = \"float64\""),
    ("a field's name that Varve uses", "streams[0].fields._position = \"int64\""),
    // Times.
    ("an event time that is no field", "streams[0].event_time = \"tme\""),
    ("an event time of the wrong type", "streams[0].event_time = \"origin\""),
    ("an event time that may be null", "streams[0].fields.time = \"timestamp?\""),
    ("an int64 event time without a unit", "streams[0].fields.time = \"int64\""),
    ("an unknown unit", "streams[0].event_time = {\"field\": \"time\", \"unit\": \"min\"}"),
    ("a unit for a timestamp", "streams[0].event_time = {\"field\": \"time\", \"unit\": \"ms\"}"),
    ("an event time without a field", "streams[0].event_time = {\"unit\": \"ms\"}"),
    ("a known time that is no timestamp", "streams[0].known_at = \"dep_delay\""),
    ("two known times", "streams[0].known_after = \"2h\""),
    (
        "a known time in an unknown unit",
        "streams[0].known_at remove\nstreams[0].known_after = \"2hours\""
    ),
    (
        "a known time of 200 years",
        "streams[0].known_at remove\nstreams[0].known_after = \"73000d\""
    ),
    // Retention.
    ("a retention without limits", "streams[0].retention = {}"),
    ("a retention that is a duration", "streams[0].retention = \"30d\""),
    ("a retention of no time", "streams[0].retention = {\"age\": \"0s\"}"),
    ("a retention of bytes as text", "streams[0].retention = {\"bytes\": \"1 GB\"}"),
    // Key, id, policy.
    ("a key that is no list", "streams[0].key = \"origin\""),
    ("a key that is no field", "streams[0].key = [\"orign\"]"),
    ("a key with a field twice", "streams[0].key = [\"origin\", \"origin\"]"),
    ("a key of floats", "streams[0].key = [\"dep_delay\"]"),
    ("an id that is no field", "streams[0].id = \"uuid\""),
    ("an id that may be null", "streams[0].id = \"dep_delay\""),
    ("an unknown policy", "streams[0].policy = \"rejct\""),
    // Expectations.
    ("a rule without a name", "streams[0].expectations = [{\"expr\": \"dep_delay > -60\"}]"),
    ("a rule without an expression", "streams[0].expectations = [{\"name\": \"sane\"}]"),
    (
        "a rule that is no condition",
        "streams[0].expectations = [{\"name\": \"sane\", \"expr\": \"dep_delay + 1\"}]"
    ),
    (
        "two rules of one name",
        #"streams[0].expectations = [{"name": "a", "expr": "true"}, "#
            + #"{"name": "a", "expr": "dep_delay > 0"}]"#
    ),
    (
        "a regular expression",
        "streams[0].expectations = [{\"field\": \"carrier\", \"regex\": \"[A-Z]{2}\"}]"
    ),
    ("a bound without a field", "streams[0].expectations = [{\"min\": 0}]"),
    (
        "a bound of another type",
        "streams[0].expectations = [{\"field\": \"dep_delay\", \"min\": \"0\"}]"
    ),
    (
        "a time without a zone as a bound",
        "streams[0].expectations = [{\"field\": \"time\", \"min\": \"2013-01-01\"}]"
    ),
    ("a field without a rule", "streams[0].expectations = [{\"field\": \"dep_delay\"}]"),
    ("an empty set", "streams[0].expectations = [{\"field\": \"carrier\", \"in\": []}]"),
    (
        "a rule that allows null",
        "streams[0].expectations = [{\"field\": \"carrier\", \"not_null\": false}]"
    ),
    (
        "a misspelt rule",
        "streams[0].expectations = [{\"field\": \"dep_delay\", \"minimum\": 0, \"max\": 9}]"
    ),
    // Views.
    ("a view without an entity", "views[0].entity remove"),
    ("an entity as a list", "views[0].entity = [\"origin\"]"),
    ("an entity that may be null", "views[0].entity = {\"origin\": \"string?\"}"),
    ("an entity of floats", "views[1].entity = {\"latitude\": \"float64\"}"),
    ("an entity that the stream lacks", "views[0].entity = {\"orign\": \"string\"}"),
    ("an entity of another type", "views[0].entity = {\"origin\": \"int64\"}"),
    ("a view from nowhere", "views[0].source remove"),
    ("an unknown stream", "views[0].source = \"departure\""),
    ("a view without features", "views[0].features remove"),
    ("an empty list of features", "views[0].features = []"),
    ("a condition that is none", "views[0].where = \"dep_delay\""),
    ("a condition with a misspelt field", "views[0].where = \"dep_dely is not null\""),
    ("a condition that is no text", "views[0].where = true"),
    ("pushed values and a source", "views[1].source = \"departures\""),
    ("a pushed value named as the key", "views[1].values = {\"origin\": \"string\"}"),
    ("a maximum age in seconds", "views[0].max_age = 3600"),
    ("a maximum age of nothing", "views[0].max_age = \"0s\""),
    ("an unknown cutoff", "views[0].at_cutoff = \"included\""),
    // Features.
    (
        "a list without a length",
        #"views[0].features[0] = {"name": "a", "last_k": "carrier", "window": "1h"}"#
    ),
    (
        "a list of nothing",
        #"views[0].features[0] = {"name": "a", "top_k": "carrier", "k": 0, "window": "1h"}"#
    ),
    (
        "a quantile without a share",
        #"views[0].features[0] = {"name": "a", "quantile": "dep_delay", "window": "1h"}"#
    ),
    (
        "a quantile in percent",
        #"views[0].features[0] = {"name": "a", "quantile": "dep_delay", "q": 95, "window": "1h"}"#
    ),
    (
        "a quantile of texts",
        #"views[0].features[0] = {"name": "a", "quantile": "carrier", "q": 0.5, "window": "1h"}"#
    ),
    (
        "the most frequent floats",
        #"views[0].features[0] = {"name": "a", "top_k": "dep_delay", "k": 3, "window": "1h"}"#
    ),
    ("a length for a count", "views[0].features[0].k = 3"),
    ("a share for a mean", "views[0].features[1].q = 0.5"),
    ("categories of floats", "views[0].features[0].by = \"dep_delay\""),
    ("a misspelt category", "views[0].features[0].by = \"carier\""),
    (
        "categories of a list",
        #"views[0].features[0] = {"name": "a", "first_k": "carrier", "k": 2, "by": "carrier", "#
            + #""window": "1h"}"#
    ),
    (
        "a percentile",
        #"views[0].features[0] = {"name": "a", "percentile": "dep_delay", "window": "1h"}"#
    ),
    ("a feature without an aggregation", "views[0].features[0].count remove"),
    (
        "an unknown aggregation",
        "views[0].features[1].mean remove\nviews[0].features[1].average = \"dep_delay\""
    ),
    ("two aggregations", "views[0].features[1].max = \"dep_delay\""),
    ("a sum of facts", "views[0].features[1].mean remove\nviews[0].features[1].sum = \"*\""),
    ("a mean of texts", "views[0].features[1].mean = \"carrier\""),
    ("a mean of booleans", "views[0].features[1].mean = \"dep_delay > 15\""),
    ("a sum of times", "views[0].features[1].mean remove\nviews[0].features[1].sum = \"time\""),
    ("an aggregation of a misspelt field", "views[0].features[1].mean = \"dep_dealy\""),
    (
        "an aggregation with a syntax error",
        "views[0].features[2].mean = \"if(dep_delay > 15, 1.0, 0.0\""
    ),
    ("a feature's condition that is none", "views[0].features[0].where = \"carrier\""),
    // Windows.
    ("a feature without a window", "views[0].features[0].window remove"),
    ("a window in an unknown unit", "views[0].features[0].window = \"6x\""),
    ("a window of nothing", "views[0].features[0].window = \"0h\""),
    ("a window of seconds", "views[0].features[0].window = 3600"),
    ("a misspelt lifetime", "views[0].features[0].window = \"lifetme\""),
    ("a window of no facts", "views[0].features[0].window = \"last 0\""),
    ("a window of too many facts", "views[0].features[0].window = \"last 1000000\""),
    (
        "a lag of a lifetime",
        "views[0].features[0].window = \"lifetime\"\nviews[0].features[0].lag = \"1d\""
    ),
    ("a hop longer than the window", "views[0].features[0].hop = \"2h\""),
    ("a negative lag", "views[0].features[0].lag = \"-1h\""),
    // Services.
    ("a service without features", "services[0].features remove"),
    ("an empty service", "services[0].features = []"),
    ("a column that is a number", "services[0].features[1] = 5"),
    ("an unknown view", "services[0].features[0] = \"airport_trafic.*\""),
    ("an unknown feature", "services[0].features[1] = \"weather.visiblity\""),
    ("a feature without its view", "services[0].features[1] = \"visibility\""),
    ("a view without a star", "services[0].features[0] = \"airport_traffic\""),
    ("an unknown input", "services[0].features[1] = \"distnce\""),
    ("a column twice", "services[0].features[1] = \"airport_traffic.departures_1h\""),
    (
        "no inputs to pass",
        "services[0].inputs remove\nservices[0].features = [\"inputs.*\", \"weather.*\"]"
    ),
    ("an on-demand feature without a name", "services[0].features[2].name remove"),
    ("an on-demand feature without an expression", "services[0].features[2].expr remove"),
    ("an on-demand feature named as an input", "services[0].features[2].name = \"distance\""),
    ("an on-demand feature of a short name", "services[0].features[2].expr = \"log(visibility)\""),
    ("an on-demand feature of a text", "services[0].inputs.distance = \"string\""),
    (
        "an on-demand feature over one after it",
        "services[0].features[1] = {\"name\": \"double\", \"expr\": \"2 * log_distance\"}"
    ),
    ("an input as a list", "services[0].inputs = [\"distance\"]"),
    ("an input that is a key of another type", "services[0].inputs.origin = \"int64\""),
    ("keys of one name and two types", "views[1].entity = {\"origin\": \"int64\"}"),
    // Several at once; what depends on a mistake is not reported again.
    (
        "several mistakes",
        """
        streams[0].policy = "drop"
        views[0].where = "dep_dely > 0"
        views[0].features[2].window = "1 day"
        services[0].features[2].expr = "log(distnce)"
        """
    ),
]

struct DefinitionMistakeTests {
    @Test("every mistake has its message")
    func golden() throws {
        var text = """
            # Mistakes in definition documents, and what Varve says about them

            Each is made in the document below. Written by DefinitionMistakeTests.

            \(Documents.design)

            """
        var messages: Set<String> = []
        for mistake in mistakes {
            var document = try JSON(parsing: Documents.design)
            text += "\n## \(mistake.name)\n"
            for edit in mistake.edits.split(separator: "\n") {
                document = try JSON.edited(document, String(edit))
                text += "    \(edit.drop { $0 == " " })\n"
            }
            let found = #expect(throws: DefinitionErrors.self, "\(mistake.name)") {
                try Definitions(reading: document)
            }
            for error in found?.errors ?? [] {
                text += "\(error)\n"
                messages.insert(error.description)
                #expect(!error.path.isEmpty && !error.value.isEmpty && !error.expectation.isEmpty)
            }
        }
        #expect(messages.count >= mistakes.count)
        try Fixture.expectGolden(Array(text.utf8), "golden/definitions/mistakes.txt")
    }

    @Test("several mistakes are reported together, and once each")
    func several() throws {
        let error = #expect(throws: DefinitionErrors.self) {
            try Documents.read(
                """
                { "streams": [ { "name": "s", "fields": { "a": "txt" }, "event_time": "b" } ],
                  "views": [ { "name": "v", "entity": { "a": "string" }, "source": "s",
                    "where": "c > 1",
                    "features": [ { "name": "f", "sum": "c", "window": "x" } ] } ],
                  "services": [ { "name": "x", "features": [ "v.f", "w.f" ] } ] }
                """)
        }
        #expect(
            error?.errors.map(\.path) == [
                "streams[0].fields.a", "views[0].features[0].window", "services[0].features[1]",
            ])
    }

    @Test("mutated documents are read or refused, never more")
    func mutations() throws {
        var random = SplitMix64(seed: 6)
        let values: [JSON] = [
            .null, true, 0, -1, 1.5, "", "*", "x", "1h", "last 3", "v.*", [], ["a"], [:],
            ["name": "a"], .integer(.max),
        ]
        for _ in 0..<800 {
            var document = try JSON(parsing: Documents.full)
            for _ in 0...random.below(2) {
                document = document.mutated(&random, values)
            }
            do {
                let definitions = try Definitions(reading: document)
                #expect(try Definitions(reading: definitions.canonical) == definitions)
            } catch {
                #expect(!error.errors.isEmpty)
            }
        }
    }
}

extension JSON {
    /// The document with the value at a path replaced, added or removed.
    fileprivate static func edited(_ document: JSON, _ edit: String) throws -> JSON {
        if edit.hasSuffix(" remove") {
            return document.replacing(steps(String(edit.dropLast(7)))[...], nil) ?? .null
        }
        let split = try #require(edit.firstRange(of: " = "))
        let value = try JSON(parsing: String(edit[split.upperBound...]))
        return document.replacing(steps(String(edit[..<split.lowerBound]))[...], value) ?? .null
    }

    private static func steps(_ path: String) -> [String] {
        path.split { ".[]".contains($0) }.map(String.init)
    }

    private func replacing(_ steps: ArraySlice<String>, _ new: JSON?) -> JSON? {
        guard let step = steps.first else { return new }
        let rest = steps.dropFirst()
        switch self {
        case .array(var elements):
            guard let index = Int(step), elements.indices.contains(index) else { return self }
            if let value = elements[index].replacing(rest, new) {
                elements[index] = value
            } else {
                elements.remove(at: index)
            }
            return .array(elements)
        case .object(var members):
            let index = members.firstIndex { $0.name == step }
            let old = index.map { members[$0].value } ?? .object([])
            switch (index, old.replacing(rest, new)) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(step, value))
            case (nil, nil): break
            }
            return .object(members)
        default: return self
        }
    }

    /// The document with one value somewhere in it replaced, removed or renamed.
    fileprivate func mutated(_ random: inout SplitMix64, _ values: [JSON]) -> JSON {
        let other = values[random.below(values.count)]
        switch self {
        case .array(var elements) where !elements.isEmpty && random.below(6) > 0:
            let index = random.below(elements.count)
            switch random.below(8) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            default: elements[index] = elements[index].mutated(&random, values)
            }
            return .array(elements)
        case .object(var members) where !members.isEmpty && random.below(8) > 0:
            let index = random.below(members.count)
            switch random.below(10) {
            case 0: members.remove(at: index)
            case 1: members[index].name += "x"
            default: members[index].value = members[index].value.mutated(&random, values)
            }
            return .object(members)
        case .string(let text) where random.below(2) == 0:
            var scalars = Array(text.unicodeScalars)
            if !scalars.isEmpty { scalars.remove(at: random.below(scalars.count)) }
            return .string(String(String.UnicodeScalarView(scalars)))
        default: return other
        }
    }
}
