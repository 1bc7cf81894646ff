import Testing
import VarveBytes
import VarveFeatures
import VarveFormats

struct ServiceTests {
    @Test("on-demand features are computed in a row of inputs, view features and their own")
    func evaluation() throws {
        let service = try #require(try Documents.read(Documents.full).service("delay"))
        #expect(
            service.scope.map(\.name) == [
                "distance", "memo", "user.age", "airport.n", "airport.priced", "airport.total",
                "airport.first_at", "airport.cheapest", "airport.spread", "airport.late_share",
                "airport.latest_in", "airport.idle", "ratio", "log_ratio",
            ])
        #expect(
            service.features.map(\.field.name) == service.columnSlots.map { service.scope[$0].name }
        )
        var row = [Value](repeating: .null, count: service.scope.count)
        row[0] = .float64(2)
        row[5] = .int64(2)
        service.computeOnDemand(&row)
        #expect(row[12] == .float64(1))
        #expect(row[13] == .float64(0))
        row[5] = .null
        service.computeOnDemand(&row)
        #expect(row[13] == .null)
    }

    @Test("a plan's on-demand features see those before them")
    func plan() throws {
        let definitions = try Documents.read(
            """
            { "services": [ { "name": "s", "inputs": { "x": "float64" }, "features": [
              { "name": "a", "expr": "x + 1" }, "x", { "name": "b", "expr": "a * a" },
              { "name": "c", "expr": "b - a" } ] } ] }
            """)
        let plan = ServicePlan(definitions.services[0], definitions)
        let visibility = Visibility(cutoff: Timestamp(microseconds: 0))
        let row = plan.row([], keys: [], inputs: [.float64(2)], visibility)
        #expect(row.map(\.value) == [.float64(3), .float64(2), .float64(9), .float64(6)])
    }

    @Test("a closure has what the service uses and nothing else")
    func closure() throws {
        let definitions = try Documents.read(Documents.full)
        let text = """
            { "services": [
              { "name": "small", "inputs": {}, "features": [ "airport.cheapest" ] } ] }
            """
        let all = definitions.applying(try Documents.read(text, over: definitions))
        let closure = try #require(all.closure(ofService: "small"))
        #expect(closure.streams.map(\.name) == ["flights.v1-eu"])
        #expect(closure.views.map { $0.features.map(\.name) } == [["cheapest"]])
        // Key, id, event time, expectations, `where`, and the price.
        #expect(
            closure.streams[0].fields.map(\.name) == [
                "id", "ts", "origin", "seats", "price", "late", "in", "at",
            ])
        guard case .derived(let source) = closure.views[0].source else {
            Issue.record("the view is not derived")
            return
        }
        let argument = try #require(source.features[0].argument)
        #expect(closure.streams[0].fields[argument.reads[0]].name == "price")
        #expect(all.closure(ofService: "delay")?.views.map(\.name) == ["airport", "user"])
        #expect(all.closure(ofService: "none") == nil)
        #expect(try Definitions(reading: closure.canonical) == closure)
    }

    @Test("D changes only when a value may")
    func version() throws {
        let base = try Documents.read(Documents.design)
        let known = try #require(base.digest(ofService: "arrival_delay")).description
        func version(_ old: String, _ new: String) throws -> String? {
            let text = Documents.design.split(separator: old, omittingEmptySubsequences: false)
                .joined(separator: new)
            #expect(text != Documents.design)
            return try Documents.read(text).digest(ofService: "arrival_delay")?.description
        }
        #expect(try version("\"float64?\" }", "\"float64?\", \"tail\": \"string?\" }") == known)
        #expect(try version("\"visibility\":", "\"wind\": \"float64\", \"visibility\":") == known)
        #expect(try version("\"carrier\": \"string\",", "") == known)
        #expect(try version("log(distance + 1)", "log(distance+2)") != known)
        #expect(try version("\"1h\"", "\"2h\"") != known)
        #expect(try version("\"known_at\": \"time\",", "") != known)
        #expect(try version("is not null", "> 0") != known)
        // A service over the whole view sees what is added to it.
        #expect(
            try version(
                "[\n      { \"name\": \"departures_1h\"",
                "[ { \"name\": \"d\", \"count\": \"*\", \"window\": \"1h\" },"
                    + " { \"name\": \"departures_1h\""
            ) != known)
    }
}
