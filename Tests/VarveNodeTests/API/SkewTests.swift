import Testing
import VarveFormats
import VarveNode
import VarveTestSupport

/// `varve check skew`, and reads as of earlier positions, through the node's own interface.
@Suite struct SkewTests {
    private let node: TestNode

    init() throws {
        node = try TestNode()
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
}
