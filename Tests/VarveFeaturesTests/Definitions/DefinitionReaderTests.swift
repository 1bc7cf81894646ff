import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveTestSupport

struct DefinitionReaderTests {
    @Test("the example of the design is read")
    func example() throws {
        let definitions = try Documents.read(Documents.design)
        let stream = try #require(definitions.stream("departures"))
        #expect(stream.fields.map(\.typeText) == ["timestamp", "string", "string", "float64?"])
        #expect(stream.eventTime == .field("time"))
        #expect(stream.knownTime == .field("time"))
        #expect(stream.key == ["origin"])
        #expect(stream.id == nil)
        #expect(stream.policy == .reject)
        let view = try #require(definitions.view("airport_traffic"))
        #expect(view.streamName == "departures")
        #expect(view.maxAge == nil)
        #expect(!view.includesCutoff)
        #expect(view.features.map(\.name) == ["departures_1h", "mean_delay_6h", "late_share_24h"])
        #expect(view.features.map(\.type) == [.int64, .float64, .float64])
        guard case .derived(let source) = view.source else {
            Issue.record("the view is not derived")
            return
        }
        #expect(source.filter?.text == "dep_delay is not null")
        #expect(source.features[0].argument == nil)
        #expect(source.features[0].window == .length(3_600_000_000, lag: 0, hop: 0))
        #expect(source.features[2].argument?.text == "if(dep_delay > 15, 1.0, 0.0)")
        #expect(definitions.view("weather")?.streamName == "varve.features.weather")
        let service = try #require(definitions.service("arrival_delay"))
        #expect(
            service.features.map(\.field.name) == [
                "airport_traffic.departures_1h", "airport_traffic.mean_delay_6h",
                "airport_traffic.late_share_24h", "weather.visibility", "log_distance",
            ])
        #expect(service.views == ["airport_traffic", "weather"])
    }

    @Test("every form is read")
    func everyForm() throws {
        let definitions = try Documents.read(Documents.full)
        let stream = try #require(definitions.stream("flights.v1-eu"))
        #expect(stream.eventTime == .count("ts", .milliseconds))
        #expect(stream.knownTime == .after(7_200_000_000))
        #expect(stream.id == "id")
        #expect(stream.policy == .quarantine)
        #expect(
            stream.expectations.map { "\($0.name): \($0.expression.text)" } == [
                "price is sane: price < 1000000.0 and price >= 0", "seats min: seats >= 1",
                "seats max: seats <= 853", "in not_null: `in` is not null",
                "in in: `in` in ('a', 'it''s')",
                "not too old: at >= to_timestamp('2013-01-01T00:00:00+01:00')",
                "late in: late in (true)",
            ])
        #expect(definitions.stream("clicks")?.eventTime == .record)
        #expect(definitions.stream("clicks")?.knownTime == .ingest)
        #expect(definitions.stream("views")?.eventTime == .field("t"))
        let view = try #require(definitions.view("airport"))
        #expect(view.includesCutoff)
        #expect(view.maxAge == 172_800_000_000)
        guard case .derived(let source) = view.source else {
            Issue.record("the view is not derived")
            return
        }
        #expect(
            source.features.map(\.window) == [
                .length(3_600_000_000, lag: 86_400_000_000, hop: 60_000_000), .lifetime,
                .lastFacts(10), .lastFacts(3), .length(1_209_600_000_000, lag: 0, hop: 0),
                .length(1_500_000, lag: 0, hop: 0), .length(604_800_000_000, lag: 0, hop: 0),
                .lifetime, .lifetime,
            ])
        #expect(
            source.features.map(\.type) == [
                .int64, .int64, .int64, .timestamp, .float64, .float64, .float64, .string, .int64,
            ])
        #expect(source.features[1].filter?.text == "seats > 100")
    }

    @Test(
        "a definition reads back from its canonical form",
        arguments: [
            Documents.design, Documents.full,
        ])
    func canonicalForm(_ text: String) throws {
        let definitions = try Documents.read(text)
        let again = try Definitions(reading: definitions.canonical)
        #expect(again == definitions)
        #expect(again.canonical == definitions.canonical)
        #expect(again.digest == definitions.digest)
        let parsed = try JSON(parsing: definitions.canonical.pretty)
        #expect(try Definitions(reading: parsed) == definitions)
        for service in definitions.services {
            let closure = try #require(definitions.closure(ofService: service.name))
            #expect(try Definitions(reading: closure.canonical) == closure)
        }
    }

    /// A change of these bytes changes the version of every definition there is.
    @Test("the canonical form does not change")
    func goldenCanonicalForm() throws {
        let definitions = try Documents.read(Documents.full)
        let text = definitions.canonical.pretty + definitions.digest.description + "\n"
        try Fixture.expectGolden(Array(text.utf8), "golden/definitions/canonical.txt")
    }

    @Test("spelling and defaults do not change the digest, meaning does")
    func digests() throws {
        let plain = try Documents.read(Documents.design).digest
        func digest(_ old: String, _ new: String) throws -> Digest {
            let text = Documents.design.split(separator: old, omittingEmptySubsequences: false)
                .joined(separator: new)
            #expect(text != Documents.design)
            return try Documents.read(text).digest
        }
        #expect(try digest("\"6h\"", "\"360m\"") == plain)
        #expect(try digest("dep_delay > 15, 1.0", "dep_delay>(15),  1.0") == plain)
        #expect(try digest("\"window\": \"1h\"", "\"window\": \"1h\", \"lag\": \"0s\"") == plain)
        #expect(try digest("\"key\"", "\"policy\": \"reject\", \"id\": null, \"key\"") == plain)
        #expect(try digest("\"6h\"", "\"7h\"") != plain)
        #expect(try digest("> 15", "> 16") != plain)
        #expect(try digest("\"key\"", "\"policy\": \"quarantine\", \"key\"") != plain)
    }

    @Test("definitions refer to those in force")
    func inForce() throws {
        let base = try Documents.read(Documents.design)
        let added = try Documents.read(
            """
            { "views": [ { "name": "carriers", "entity": { "carrier": "string" },
                "source": "departures",
                "features": [ { "name": "n", "count": "*", "window": "lifetime" } ] } ],
              "services": [ { "name": "both", "features": [ "carriers.n", "weather.*" ] } ] }
            """, over: base)
        #expect(added.streams.isEmpty)
        #expect(added.service("both")?.views == ["carriers", "weather"])
        let all = base.applying(added)
        #expect(all.views.map(\.name) == ["airport_traffic", "weather", "carriers"])
        #expect(all.services.map(\.name) == ["arrival_delay", "both"])
        #expect(all.applying(added) == all)
        #expect(try Documents.read(Documents.design, over: base) == base)
    }

    @Test("a view keeps what services in force use")
    func viewsInForce() throws {
        let base = try Documents.read(Documents.design)
        func view(_ entity: String, _ values: String) -> String {
            "{ \"views\": [ { \"name\": \"weather\", \"entity\": { \(entity) }, "
                + "\"values\": { \(values) } } ] }"
        }
        let wider = view(
            "\"origin\": \"string\"", "\"wind\": \"float64\", \"visibility\": \"float64\"")
        #expect(throws: Never.self) { try Documents.read(wider, over: base) }
        for (text, message) in [
            (
                view("\"origin\": \"string\"", "\"wind\": \"float64\""),
                #"views[0].name: "weather": expected a feature "visibility" of type float64, "#
                    + #"which the service "arrival_delay" in force uses"#
            ),
            (
                view("\"origin\": \"int64\"", "\"visibility\": \"float64\""),
                #"views[0].entity: {"origin":"int64"}: expected the entity {"origin":"string"}, "#
                    + #"which the service "arrival_delay" in force uses; "#
                    + "make a view of another name"
            ),
        ] {
            let error = #expect(throws: DefinitionErrors.self) {
                try Documents.read(text, over: base)
            }
            #expect(error?.description == message)
        }
    }
}
