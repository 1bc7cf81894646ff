import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

@Suite struct CatalogTests {
    private static let first = Sample.document(
        streams: [Sample.stream()], views: [Sample.view(Sample.count)],
        services: [Sample.service("one", "v.n")])
    private static let second = Sample.document(
        views: [Sample.view("\(Sample.count), \(Sample.sum)")])

    @Test func `versions count from 1 for each name, and an unchanged definition makes none`()
        throws
    {
        let log = try TemporaryLog()
        let created = try log.apply(Self.first)
        #expect(created.steps.map(\.change) == [.created, .created, .created])
        #expect(created.steps.map(\.version) == [1, 1, 1])
        let again = try log.apply(Self.first)
        #expect(again.changes.isEmpty)
        #expect(again.steps.map(\.version) == [1, 1, 1])
        let changed = try log.apply(Self.second)
        #expect(changed.steps.map(\.change) == [.changed])
        #expect(changed.steps.map(\.version) == [2])
        // Back to what it was: a third version with the digest of the first.
        let back = try log.apply(Self.first)
        #expect(back.changes.map(\.version) == [3])
        let history = try log.catalog().history(.view, "v")
        #expect(history.map(\.number) == [1, 2, 3])
        #expect(history[0].digest == history[2].digest && history[0].digest != history[1].digest)
        #expect(try log.catalog().history(.stream, "s").map(\.number) == [1])
        #expect(try log.catalog().history(.view, "nobody").isEmpty)
    }

    @Test func `the definitions at a position are those applied before it`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        let afterFirst = log.log.commitPosition
        try log.append([#"{"key": "a"}"#], to: "s")
        let beforeSecond = log.log.commitPosition
        try log.apply(Self.second)
        let catalog = try log.catalog()
        #expect(catalog.inForce(at: Position(0)).isEmpty)
        #expect(try catalog.definitions(at: Position(0)) == Definitions())
        for position in [afterFirst, beforeSecond] {
            let view = try catalog.definitions(at: position).view("v")
            #expect(view?.features.map(\.name) == ["n"])
        }
        #expect(try catalog.definitions().view("v")?.features.map(\.name) == ["n", "total"])
        #expect(catalog.inForce().map(\.name) == ["s", "v", "one"])
        // Every record of the catalog makes one more definition.
        let positions = catalog.inForce(at: afterFirst).map(\.position)
        for (count, position) in positions.enumerated() {
            #expect(catalog.inForce(at: position).count == count)
        }
    }

    @Test func `a document with mistakes changes nothing and lists them all`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        let end = log.log.commitPosition
        let wrong = Sample.document(
            streams: [#"{"name": "t", "fields": {"a": "int65"}}"#],
            views: [
                Sample.view(Sample.count),
                #"{"name": "w", "entity": {"key": "string"}, "source": "nowhere", "features": []}"#,
            ], services: [Sample.service("two", "v.m")])
        let errors = #expect(throws: DefinitionErrors.self) { try log.apply(wrong) }
        let paths = errors?.errors.map { "\($0)" } ?? []
        #expect(paths.count >= 3, "\(paths)")
        for part in ["streams[0].fields.a", "views[1].source", "services[0].features[0]"] {
            #expect(paths.contains { $0.contains(part) }, "\(part) in \(paths)")
        }
        #expect(log.log.commitPosition == end)
    }

    @Test func `a view that a service in force could not use is refused, naming the service`()
        throws
    {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        for view in [
            Sample.view(Sample.sum),
            Sample.view(Sample.feature("n", #""mean": "x""#)),
        ] {
            let errors = #expect(throws: DefinitionErrors.self) {
                try log.apply(Sample.document(views: [view]))
            }
            #expect(errors?.errors.contains { "\($0)".contains(#"service "one""#) } == true)
        }
        // Together with a service that no longer uses it, it is one.
        #expect(throws: Never.self) {
            try log.apply(
                Sample.document(
                    views: [Sample.view("\(Sample.count), \(Sample.sum)")],
                    services: [Sample.service("one", "v.total")]))
        }
    }

    @Test func `a stream changes only by gaining fields that may be null`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        let errors = #expect(throws: DefinitionErrors.self) {
            try log.apply(Sample.document(streams: [Sample.stream(#", "y": "int64""#)]))
        }
        #expect(errors?.errors.first.map { "\($0)" }?.contains("streams[0]") == true)
        let plan = try log.apply(Sample.document(streams: [Sample.stream(#", "y": "int64?""#)]))
        #expect(plan.changes.map(\.version) == [2])
    }

    @Test func `a service's versions find its definitions again, whatever was applied since`()
        throws
    {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        let service = try #require(
            try PinnedDefinitions(newest: log.catalog()).services["one"])
        let versions = service.versions
        #expect(ServiceVersions(versions.json) == versions)
        try log.apply(Self.second)
        try log.apply(Sample.document(streams: [Sample.stream(#", "y": "int64?""#)]))
        let catalog = try log.catalog()
        #expect(try catalog.definitions(versions) == service.definitions)
        // The new version of the view has what the service uses unchanged: its D is the same.
        let newer = try #require(try PinnedDefinitions(newest: catalog).services["one"])
        #expect(newer.versions.digest == versions.digest)
        #expect(newer.versions != versions)
        // Versions that do not exist, or that are not what they were.
        func edited(_ edit: (String) -> String) throws -> ServiceVersions {
            try #require(
                ServiceVersions(try JSON(parsing: edit(versions.json.text))))
        }
        let missing = try edited { $0.replacing("\"v\":1", with: "\"v\":9") }
        #expect(try catalog.definitions(missing) == nil)
        let digest = versions.digest.description
        let other = try edited {
            $0.replacing(digest, with: String(digest.reversed()))
        }
        #expect(try catalog.definitions(other) == nil)
        #expect(ServiceVersions(.object([])) == nil)
    }

    @Test func `a catalog record that makes no sense is an error with its position`() throws {
        let log = try TemporaryLog()
        try log.apply(Self.first)
        let position = try log.append(
            [#"{"kind": "definition", "type": "planet", "name": "x"}"#], to: "varve.catalog")
        let error = #expect(throws: CatalogError.self) { try log.catalog() }
        #expect(describe(error).contains("position \(position) "))
    }
}
