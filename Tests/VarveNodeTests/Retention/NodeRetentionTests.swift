import Testing
import VarveFormats
import VarveLog
import VarveNode
import VarveSystem
import VarveTestSupport

/// What goes from the log of a node, and what does not.
@Suite struct NodeRetentionTests {
    private let node: TestNode

    /// Visits, which are kept for an hour, and orders, of which a view is made.
    init() throws {
        node = try TestNode(segmentBytes: 4096)
        try node.json("POST", "/v1/definitions", Self.document(ordersKept: nil))
    }

    private static func document(ordersKept: String?) -> String {
        let retention = ordersKept.map { #", "retention": \#($0)"# } ?? ""
        return #"""
            {"streams": [
               {"name": "visits", "fields": {"page": "string"}, "retention": {"age": "1h"}},
               {"name": "orders", "key": ["shop"], "fields": {"shop": "string", "amount": "float64"}
                \#(retention)}],
             "views": [{"name": "shops", "entity": {"shop": "string"}, "source": "orders",
               "features": [{"name": "total", "sum": "amount", "window": "lifetime"}]}]}
            """#
    }

    private func visit(_ times: Int) throws {
        let page = String(repeating: "p", count: 500)
        for number in 0..<times {
            try node.json(
                "POST", "/v1/streams/visits/records", #"{"page": "\#(number) \#(page)"}"# + "\n")
        }
    }

    private func order(_ amount: Int) throws {
        try node.json(
            "POST", "/v1/streams/orders/records",
            #"{"shop": "a", "amount": \#(amount)}"# + "\n")
    }

    /// Removes what may go, once projections can do without it.
    private func retain() throws -> JSON {
        try node.restart()
        return try node.json("POST", "/v1/retention")
    }

    private func total() throws -> Double? {
        try node.settle()
        // What happened at the time asked for does not count.
        node.clock.advance(byMicroseconds: 1000)
        return try node.json("POST", "/v1/views/shops/read", #"{"keys": {"shop": "a"}}"#)["features"]?[
            "total"]?.doubleValue
    }

    private func start(_ stream: String) -> Int64? {
        node.node.log.stream(StreamName(name: stream, partition: 0))?.startOffset
    }

    @Test func `records of a stream go by their age, those that a view needs do not`() throws {
        try order(1)
        try visit(40)
        try order(2)
        try visit(40)
        #expect(try retain()["removed_segments"] == 0)
        node.clock.advance(byMicroseconds: 2 * 3600 * 1_000_000)
        try order(4)
        let report = try retain()
        #expect(try #require(report["removed_segments"]?.integerValue) > 10)
        let reasons = (report["kept"]?.arrayValue ?? []).compactMap { $0["reason"]?.stringValue }
        #expect(reasons.contains("stream orders/0 is needed: view shops is computed from it"))
        #expect(reasons.contains("stream varve.catalog/0 is kept for good"))
        #expect(start("visits") ?? 0 > 60)
        #expect(start("orders") == 0)
        #expect(try node.json("GET", "/v1/status")["retention"] == report)
        // Everything folded is folded again from what is left.
        try node.restart(removing: "projections")
        #expect(try total() == 7)
        #expect(try LogVerifier(directory: node.root.path).verify().isSound)
    }

    @Test func `a view keeps its stream whatever the definition says`() throws {
        try node.json(
            "POST", "/v1/definitions", Self.document(ordersKept: #"{"age": "1s", "bytes": 0}"#))
        for number in 0..<200 { try order(number) }
        node.clock.advance(byMicroseconds: 3600 * 1_000_000)
        let report = try retain()
        #expect(report["removed_segments"] == 0)
        #expect(try total() == Double((0..<200).reduce(0, +)))
    }

    @Test func `what a projection has not saved stays`() throws {
        try visit(40)
        node.clock.advance(byMicroseconds: 2 * 3600 * 1_000_000)
        let report = try node.json("POST", "/v1/retention")
        #expect(report["removed_segments"] == 0)
        let reasons = (report["kept"]?.arrayValue ?? []).compactMap { $0["reason"]?.stringValue }
        #expect(reasons == ["a restart needs the log from position 0 on"])
    }
}
