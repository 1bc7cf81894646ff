import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProjections
import VarveProtocols
import VarveTestSupport

/// What made two training sets differ: definitions, records, or code.
@Suite struct TrainingDiffTests {
    private let node: TestNode

    private static func definitions(window: String) -> String {
        """
        {"streams": [{"name": "orders", "event_time": "time", "known_at": "time", "key": ["shop"],
           "fields": {"shop": "string", "amount": "float64", "time": "timestamp"}}],
         "views": [{"name": "orders", "entity": {"shop": "string"}, "source": "orders",
           "features": [{"name": "total", "sum": "amount", "window": "\(window)"},
                        {"name": "most", "max": "amount", "window": "lifetime"}]}],
         "services": [{"name": "risk", "features": ["orders.total", "orders.most"]}]}
        """
    }

    private static let spine = "shop,time\na,2020-09-13T12:12:00Z\na,2020-09-13T12:25:00Z\n"

    init() throws {
        node = try TestNode()
        try node.json("POST", "/v1/definitions", Self.definitions(window: "1h"))
        try order(10..<30)
    }

    /// Appends one order a minute.
    private func order(_ minutes: Range<Int>, amount: Int? = nil) throws {
        try node.json(
            "POST", "/v1/streams/orders/records",
            minutes.map {
                #"{"shop": "a", "amount": \#(amount ?? $0), "time": "2020-09-13T12:\#($0):00Z"}"#
                    + "\n"
            }.joined())
        try node.settle()
    }

    /// Builds a set; answers its id.
    private func build(_ spine: String = spine) throws -> String {
        let set = try node.send("POST", "/v1/training-sets?service=risk", spine)
        return try #require(set.headers["Varve-Training-Set"])
    }

    private func diff(_ one: String, _ other: String) throws -> JSON {
        try node.json("GET", "/v1/training-sets/\(one)/diff/\(other)")
    }

    @Test func `a set does not differ from itself`() throws {
        let set = try build()
        let found = try diff(set, set)
        #expect(found["columns"]?.arrayValue?.isEmpty == true, "\(found.text)")
        #expect(found["code_changed"]?.arrayValue?.isEmpty == true, "\(found.text)")
    }

    @Test func `a changed definition is told`() throws {
        let before = try build()
        try node.json("POST", "/v1/definitions", Self.definitions(window: "5m"))
        try node.settle()
        let found = try diff(before, try build())
        let columns = found["columns"]?.arrayValue ?? []
        #expect(columns.count == 1, "\(found.text)")
        #expect(columns.first?["name"]?.stringValue == "orders.total")
        #expect(columns.first?["rows"]?.integerValue == 1)
        #expect(columns.first?["by_definitions"]?.integerValue == 1)
        #expect(columns.first?["by_data"]?.integerValue == 0)
        #expect(columns.first?["first_row"]?.integerValue == 1)
        #expect(found["definitions"]?.arrayValue?.first != found["definitions"]?.arrayValue?.last)
        #expect(found["code_changed"]?.arrayValue?.isEmpty == true)
    }

    @Test func `a record that came in between is told, and tells apart from definitions`() throws {
        let before = try build()
        try order(20..<21, amount: 100)
        let late = try build()
        let found = try diff(before, late)
        let columns = found["columns"]?.arrayValue ?? []
        #expect(columns.compactMap { $0["name"]?.stringValue } == ["orders.total", "orders.most"])
        for column in columns {
            #expect(column["rows"]?.integerValue == 1, "\(found.text)")
            #expect(column["by_data"]?.integerValue == 1, "\(found.text)")
            #expect(column["by_definitions"]?.integerValue == 0, "\(found.text)")
        }
        try node.json("POST", "/v1/definitions", Self.definitions(window: "5m"))
        try node.settle()
        // Both at once: each is charged with its own.
        let both = try diff(before, try build())
        let total = both["columns"]?.arrayValue?.first
        #expect(total?["by_definitions"]?.integerValue == 1, "\(both.text)")
        #expect(total?["by_data"]?.integerValue == 1, "\(both.text)")
    }

    @Test func `a set of other code is told by what it promised`() throws {
        let set = try build()
        let manifest = try node.json("GET", "/v1/training-sets/\(set)")
        let digest = try #require(
            manifest["columns"]?.arrayValue?.first?["digest"]?.stringValue)
        let other = "ts-0123456789ab"
        let text = manifest.text.replacing(set, with: other)
            .replacing(#""code_version":1"#, with: #""code_version":0"#)
            .replacing(digest, with: String(repeating: "0", count: digest.count))
        try #require(text.contains(#""code_version":0"#))
        let batch = try RecordBatch.encode([
            Record(key: Array(other.utf8), value: Array(text.utf8), timestamp: 0)
        ])
        let stream = try #require(node.node.log.stream(Registry.trainingSetStream))
        _ = try node.node.log.append(batch, to: stream.id)
        try node.settle()
        let found = try diff(set, other)
        #expect(found["columns"]?.arrayValue?.isEmpty == true, "\(found.text)")
        #expect(found["code_versions"]?.text == "[1,0]")
        #expect(found["code_changed"]?.text == #"["\#(other): orders.total"]"#, "\(found.text)")
        let failure = try node.failure("POST", "/v1/training-sets/\(other)/verify")
        #expect(failure.message.contains("code version 0"), "\(failure.message)")
    }

    @Test func `sets of different spines have no rows in common`() throws {
        let found = try diff(try build(), try build("shop,time\nb,2020-09-13T12:12:00Z\n"))
        #expect(found["reason"]?.stringValue?.contains("spines differ") == true, "\(found.text)")
    }
}
