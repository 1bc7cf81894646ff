import Testing
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

@Suite struct PinnedDefinitionsTests {
    private let log: TemporaryLog

    init() throws {
        log = try TemporaryLog()
        try log.apply(
            Sample.document(
                streams: [Sample.stream()], views: [Sample.view(Sample.count)],
                services: [Sample.service("one", "v.n")]))
    }

    private func pinned(base: Int64, at position: Position = Position(.max)) throws
        -> PinnedDefinitions
    {
        try PinnedDefinitions(log.catalog(), base: Position(base), at: position)
    }

    private func versions(_ pinned: PinnedDefinitions) -> [String: Int] {
        Dictionary(
            uniqueKeysWithValues: pinned.versions.map { ("\($0.kind) \($0.name)", $0.number) })
    }

    @Test func `a changed view waits for a rebuild, a stream does not`() throws {
        try log.apply(
            Sample.document(
                streams: [Sample.stream(#", "y": "int64?""#)],
                views: [Sample.view("\(Sample.count), \(Sample.sum)")]))
        let live = try pinned(base: 0)
        #expect(versions(live) == ["stream s": 2, "view v": 1, "service one": 1])
        let rebuilt = try pinned(base: log.log.commitPosition.value)
        #expect(versions(rebuilt) == ["stream s": 2, "view v": 2, "service one": 1])
    }

    @Test func `a view that came after the base has its first version`() throws {
        let base = log.log.commitPosition.value
        let view = #"{"name": "w", "entity": {"key": "string"}, "source": "s", "features": [%]}"#
        for features in [Sample.count, "\(Sample.count), \(Sample.sum)"] {
            try log.apply(
                Sample.document(
                    views: [view.replacing("%", with: features)],
                    services: [Sample.service("two", "w.n")]))
        }
        #expect(versions(try pinned(base: base))["view w"] == 1)
        #expect(versions(try pinned(base: log.log.commitPosition.value))["view w"] == 2)
        #expect(try pinned(base: base).services.keys.sorted() == ["one", "two"])
    }

    @Test func `a new service over a feature of tomorrow's generation waits for it`() throws {
        try log.apply(
            Sample.document(
                views: [Sample.view("\(Sample.count), \(Sample.sum)")],
                services: [Sample.service("two", "v.n", "v.total")]))
        let live = try pinned(base: 0)
        #expect(live.services.keys.sorted() == ["one"])
        #expect(
            try pinned(base: log.log.commitPosition.value).services.keys.sorted()
                == ["one", "two"])
    }

    @Test func `a service that changed to such a feature keeps its newest version that fits`()
        throws
    {
        try log.apply(
            Sample.document(
                services: [
                    #"{"name": "one", "inputs": {"a": "float64"}, "features": ["v.n", "a"]}"#
                ]))
        try log.apply(
            Sample.document(
                views: [Sample.view("\(Sample.count), \(Sample.sum)")],
                services: [Sample.service("one", "v.n", "v.total")]))
        #expect(versions(try pinned(base: 0)) == ["stream s": 1, "view v": 1, "service one": 2])
        #expect(try pinned(base: 0).services["one"]?.plan.columns.map(\.name) == ["v.n", "a"])
    }

    @Test func `a generation folds anew with its own definitions from the first record on`() throws {
        let before = log.log.commitPosition
        try log.apply(
            Sample.document(
                streams: [Sample.stream(#", "y": "int64?""#)],
                views: [Sample.view(#"\#(Sample.count), \#(Sample.feature("m", #""max": "y""#))"#)],
                services: [Sample.service("one", "v.n", "v.m")]))
        let base = log.log.commitPosition.value
        // Version 2 of the view needs version 2 of the stream, which no record of then has.
        for position in [Position(0), before, Position(base)] {
            let pinned = try pinned(base: base, at: position)
            #expect(versions(pinned) == ["stream s": 2, "view v": 2, "service one": 2])
        }
    }
}
