import Testing
import VarveFormats
import VarveLog
import VarveNode
import VarveProjections
import VarveSystem
import VarveTestSupport

/// `varve check skew`, and reads as of earlier positions, through the node's own interface.
@Suite struct SkewTests {
    private let node: TestNode

    init() throws {
        node = try TestNode()
        try Self.define(node)
    }

    private static func define(_ node: TestNode) throws {
        try node.json(
            "POST", "/v1/definitions",
            """
            {"streams": [{"name": "s", "id": "id", "event_time": "t", "key": ["k"],
               "fields": {"id": "int64", "k": "string", "x": "float64?", "t": "timestamp"}}],
             "views": [{"name": "v", "entity": {"k": "string"}, "source": "s", "features": [
               {"name": "total", "sum": "x", "window": "lifetime"},
               {"name": "parts", "sum": "x", "by": "id % 2", "window": "lifetime"}]}]}
            """)
    }

    private func append(_ id: Int, _ x: Double) throws -> String {
        try append(id, x, to: node)
    }

    @discardableResult
    private func append(_ id: Int, _ x: Double, to node: TestNode) throws -> String {
        let answer = try node.json(
            "POST", "/v1/streams/s/records",
            #"{"id": \#(id), "k": "a", "x": \#(x), "t": "2020-01-01T00:00:00Z"}"#)
        return answer["position"]?.stringValue ?? ""
    }

    @Test func `a store that folded the log has no skew`() throws {
        for id in 0..<20 { _ = try append(id % 7, Double(id)) }
        try node.settle()
        let found = try node.json("POST", "/v1/check/skew?sample=10")
        #expect(found["different"]?.integerValue == 0)
        #expect(found["reads"]?.integerValue == 2)
        #expect(try node.failure("POST", "/v1/check/skew?sample=-1").status == 400)
    }

    @Test func `a read as of a position says what was said then`() throws {
        let positions = try [1.5, 2.5, 4.0].map { try append(1, $0) }
        for (position, value) in zip(positions, [1.5, 2.5, 4.0]) {
            let read = try node.json(
                "POST", "/v1/views/v/read",
                #"{"keys": {"k": "a"}, "as_of": "\#(position)"}"#)
            #expect(read["features"]?["total"]?.doubleValue == value)
            #expect(read["features"]?["parts"]?.stringValue == "{\"1\":\(value)}")
            #expect(read["position"]?.stringValue == position)
        }
    }

    @Test func `a store that took in another record is found, with the first record that differs`()
        throws
    {
        // A snapshot of a log that differs in one record: what a fold with a fault would leave.
        let other = try TestNode()
        try Self.define(other)
        for id in 0..<20 {
            _ = try append(id, Double(id))
            try append(id, id == 12 ? 0.5 : Double(id), to: other)
        }
        let name = "projections/online/1/state.snapshot"
        try other.restart()
        try node.restart(
            replacing: name, with: try other.disk.contents(of: "\(other.root.path)/\(name)"))
        #expect(node.node.online.snapshotProblem == nil)
        let found = try node.json("POST", "/v1/check/skew?sample=10")
        #expect(found["different"]?.integerValue == 2)
        let mismatch = try #require(found["mismatches"]?.arrayValue?.first)
        #expect(mismatch["subject"]?.stringValue == "v:a")
        let records = node.node.log.streams().first { $0.name.name == "s" }
        let base = node.node.log.commitPosition.value - (records?.highWatermark ?? 0)
        #expect(mismatch["first_record"]?.integerValue == base + 12)
        #expect(
            mismatch["differences"]?.arrayValue?.compactMap(\.stringValue) == [
                "total is served as 178.5, replay gives 190.0",
                #"parts is served as {"0":78.5,"1":100.0}, replay gives {"0":90.0,"1":100.0}"#,
            ])
    }
}
