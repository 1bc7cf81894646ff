import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveTestSupport

/// A node from the outside: what a request changes, and what is left after a restart without
/// projections.
@Suite struct NodeTests {
    private let node: TestNode

    init() throws { node = try TestNode() }

    // MARK: A small world

    /// Orders of shops; the service has the eight columns that `logistic.onnx` takes.
    private static func document(
        sums: String = "amount", columns: [Int] = Array(0..<8), rename: [Int: String] = [:]
    ) -> String {
        let names = (0..<8).map { rename[$0] ?? "f\($0)" }
        let features = (0..<8).map { number in
            number < 4
                ? #"{"name": "\#(names[number])", "sum": "\#(sums)", "window": "\#(number + 1)h"}"#
                : #"{"name": "\#(names[number])", "count": "*", "window": "\#(number)h"}"#
        }
        let list = columns.map { "\"orders.\(names[$0])\"" }
        return """
            {"streams": [{"name": "orders", "id": "id", "event_time": "time", "key": ["shop"],
               "fields": {"id": "int64", "shop": "string", "amount": "float64",
                          "time": "timestamp"}}],
             "views": [{"name": "orders", "entity": {"shop": "string"}, "source": "orders",
               "features": [\(features.joined(separator: ",\n"))]}],
             "services": [{"name": "risk", "features": [\(list.joined(separator: ", "))]}]}
            """
    }

    private static func order(_ id: Int, _ amount: Double, minute: Int, shop: String = "a")
        -> String
    {
        let minutes = (minute < 10 ? "0" : "") + "\(minute)"
        return #"{"id": \#(id), "shop": "\#(shop)", "amount": \#(amount), "time": "2020-09-13T12:\#(minutes):00Z"}"#
            + "\n"
    }

    private static let noon = "2020-09-13T13:00:00Z"

    /// Definitions, three orders, a model and one prediction.
    private func predictOnce() throws -> JSON {
        try node.json("POST", "/v1/definitions", Self.document())
        try node.json(
            "POST", "/v1/streams/orders/records",
            (1...3).map { Self.order($0, Double($0), minute: $0) }.joined())
        let response = try node.send(
            "POST", "/v1/models/risk/versions?service=risk",
            try Fixture.bytes("onnx/logistic.onnx"))
        try #require(response.status == .created, "\(String(decoding: response.body, as: UTF8.self))")
        try node.json("PUT", "/v1/models/risk/aliases/champion?version=1")
        try node.settle()
        return try predict(id: "p1")
    }

    private func predict(id: String) throws -> JSON {
        try node.json(
            "POST", "/v1/predict",
            #"{"model": "risk@champion", "keys": {"shop": "a"}, "at": "\#(Self.noon)", "id": "\#(id)"}"#)
    }

    private func read(_ feature: String) throws -> JSON? {
        try node.settle()
        return try node.json(
            "POST", "/v1/views/orders/read", #"{"keys": {"shop": "a"}, "at": "\#(Self.noon)"}"#)[
                "features"]?[feature]
    }

    // MARK: Predictions

    @Test func `a prediction is audited bit for bit, also after a restart without projections`()
        throws
    {
        let before = try predictOnce()
        for removes in [nil, "projections"] {
            try node.restart(removing: removes)
            try node.settle()
            #expect(
                try node.json("POST", "/v1/predictions/p1/audit")["verdict"]?.stringValue
                    == "identical")
            let again = try predict(id: removes ?? "p2")
            #expect(again["score"] == before["score"])
        }
        let all = try node.json("POST", "/v1/audit")
        #expect(all["audited"]?.integerValue == 3 && all["different"]?.integerValue == 0)
    }

    @Test func `a prediction's id is used once, also after a restart`() throws {
        _ = try predictOnce()
        for _ in 0..<2 {
            let failure = try node.failure(
                "POST", "/v1/predict",
                #"{"model": "risk@champion", "keys": {"shop": "a"}, "id": "p1"}"#)
            #expect(failure.status == 409)
            #expect(failure.message == "prediction id p1 is used already")
            try node.restart()
        }
    }

    @Test func `a model is not served columns that changed places or names`() throws {
        _ = try predictOnce()
        let request = #"{"model": "risk:1", "keys": {"shop": "a"}}"#
        try node.json("POST", "/v1/definitions", Self.document(columns: [1, 0, 2, 3, 4, 5, 6, 7]))
        var failure = try node.failure("POST", "/v1/predict", request)
        #expect(failure.status == 409)
        #expect(
            failure.message.contains("column 1 was orders.f0 when it was registered, is orders.f1"))
        try node.json("POST", "/v1/definitions", Self.document(columns: [0, 1, 2, 3, 4, 5, 6]))
        failure = try node.failure("POST", "/v1/predict", request)
        #expect(failure.message.contains("registered for 8 columns, there are 7"))
        // The old predictions keep their proof.
        #expect(
            try node.json("POST", "/v1/predictions/p1/audit")["verdict"]?.stringValue
                == "identical")
        try node.json("POST", "/v1/definitions", Self.document())
        #expect(try node.json("POST", "/v1/predict", request)["definitions_match"] == true)
    }

    // MARK: Corrections

    @Test func `an amended record counts once, a retracted one not at all`() throws {
        try node.json("POST", "/v1/definitions", Self.document())
        try node.json(
            "POST", "/v1/streams/orders/records",
            Self.order(1, 1, minute: 1) + Self.order(2, 2, minute: 2)
                + Self.order(1, 10, minute: 1))
        #expect(try read("f3") == 12.0)
        let retraction = try RecordBatch.encode([
            Record(key: Array("2".utf8), value: nil, timestamp: 0)
        ])
        let log = node.node.log
        let id = try #require(log.stream(StreamName(name: "orders", partition: 0))?.id)
        _ = try log.append(retraction, to: id)
        #expect(try read("f3") == 10.0)
        #expect(try read("f7") == 1)
    }

    // MARK: Rebuilds

    @Test func `a swap outlives the projections, and can be rolled back`() throws {
        _ = try predictOnce()
        let right = try read("f3")
        try node.json("POST", "/v1/definitions", Self.document(sums: "amount * 2.0"))
        #expect(try read("f3") == right)
        let report = try node.json("POST", "/v1/rebuild/online?swap=true")
        #expect(report["generation"]?.integerValue == 2)
        #expect(report["affected"]?["predictions"]?.integerValue == 1)
        let wrong = try read("f3")
        #expect(wrong != right)
        for removes in [nil, "projections"] {
            try node.restart(removing: removes)
            #expect(try read("f3") == wrong)
        }
        try node.json("POST", "/v1/rebuild/online?swap=true&rollback=true")
        for removes in [nil, "projections"] {
            try node.restart(removing: removes)
            #expect(try read("f3") == right)
        }
        #expect(
            try node.json("GET", "/v1/status")["online_generation"]?.integerValue == 3)
    }

    @Test func `there is nothing to roll back to at first`() throws {
        let failure = try node.failure("POST", "/v1/rebuild/online?rollback=true")
        #expect(failure.status == 400)
        #expect(failure.message.contains("has had one generation"))
    }

    // MARK: Bad input

    @Test(arguments: [
        (#"{"id": 1, "shop": "a", "amount": "x", "time": "2020-09-13T12:00:00Z"}"#,
         "field `amount` is \"x\", expected a value of type float64"),
        (#"{"id": 1, "shop": "a", "time": "2020-09-13T12:00:00Z"}"#,
         "field `amount` is null or missing"),
        (#"{"id": 1, "shop": "a", "amount": 1, "time": "noon"}"#, "a time with a zone such as"),
        (#"{"id": 1, "shop": "a", "amount": 1, "tme": 0}"#, "field `tme` is not declared"),
        ("[1]", "expected an object"), ("{", "not JSON"),
    ])
    func `a record that does not fit is refused with field, value and rule`(
        record: String, message: String
    ) throws {
        try node.json("POST", "/v1/definitions", Self.document())
        let before = node.node.log.commitPosition
        let failure = try node.failure(
            "POST", "/v1/streams/orders/records", Self.order(7, 1, minute: 0) + record + "\n")
        #expect(failure.status == 400 || failure.status == 422, "\(failure)")
        #expect(failure.message.contains(message), "\(failure.message)")
        #expect(node.node.log.commitPosition == before, "all of it is refused")
    }
}
