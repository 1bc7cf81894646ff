import Testing
import VarveBytes
import VarveFormats
import VarveNode
import VarveProtocols
import VarveTestSupport

/// Training sets through the HTTP interface.
@Suite struct TrainingSetTests {
    private let node: TestNode

    init() throws {
        node = try TestNode()
        try node.json(
            "POST", "/v1/definitions",
            """
            {"streams": [{"name": "orders", "event_time": "time", "known_at": "time",
               "key": ["shop"],
               "fields": {"shop": "string", "amount": "float64", "time": "timestamp"}}],
             "views": [{"name": "orders", "entity": {"shop": "string"}, "source": "orders",
               "features": [{"name": "total", "sum": "amount", "window": "1h"}]}],
             "services": [{"name": "risk", "features": ["orders.total"]}]}
            """)
        try node.json(
            "POST", "/v1/streams/orders/records",
            (10..<30).map {
                #"{"shop": "a", "amount": \#($0), "time": "2020-09-13T12:\#($0):00Z"}"# + "\n"
            }.joined())
        try node.settle()
    }

    private static let spine = "shop,time\na,2020-09-13T12:12:00Z\nb,2020-09-13T12:20:00Z\n"

    /// Waits for a job; it ends by itself.
    private func end(of job: String) throws -> JSON {
        while true {
            let status = try node.json("GET", "/v1/jobs/\(job)")
            let phase = status["phase"]?.stringValue ?? ""
            if !["waiting", "running"].contains(phase) { return status }
        }
    }

    @Test func `a job builds the same set as a request that waits, and hands it out once`() throws {
        let waited = try node.send("POST", "/v1/training-sets?service=risk&threads=1", Self.spine)
        #expect(waited.status == .ok)
        let started = try node.send(
            "POST", "/v1/training-sets?service=risk&job=true&memory=1000000", Self.spine)
        #expect(started.status == .accepted)
        let ended = try end(of: "job-1")
        #expect(ended["phase"]?.stringValue == "done", "\(ended.text)")
        #expect(ended["facts"]?.integerValue == 20)
        #expect(ended["rows"]?.integerValue == 2)
        #expect(ended["rows_in_all"]?.integerValue == 2)
        let fetched = try node.send("GET", "/v1/jobs/job-1/set")
        #expect(fetched.body == waited.body)
        let id = ended["training_set"]?.stringValue ?? ""
        #expect(fetched.headers["Varve-Training-Set"] == id)
        #expect(try node.json("GET", "/v1/training-sets/\(id)")["rows"]?.integerValue == 2)
        let again = try node.failure("GET", "/v1/jobs/job-1/set")
        #expect(again.status == 409 && again.message.contains("reproduce \(id)"))
        #expect(try node.failure("GET", "/v1/jobs/job-7").status == 404)
        let formats = try ["csv", "arrow", "arrows", "parquet"].map { format in
            try node.send("POST", "/v1/training-sets/\(id)/reproduce?format=\(format)").body
        }
        let (file, stream, parquet) = (formats[1], formats[2], formats[3])
        let tables = [
            try ArrowFile.decode(file.raw), try ArrowStream.decode(stream.raw),
            try ParquetFile.decode(parquet.raw),
        ]
        #expect(tables[0] == tables[1] && tables[1].columns == tables[2].columns)
    }

    @Test func `a set may be fetched as soon as it is built, before its job is done`() throws {
        let spine =
            "shop,time\n"
            + (0..<20_000).map { "\($0 % 7 == 0 ? "a" : "b"),2020-09-13T12:\(10 + $0 % 50):00Z\n" }
            .joined()
        let waited = try node.send(
            "POST", "/v1/training-sets?service=risk&format=parquet", spine)
        try node.json("POST", "/v1/training-sets?service=risk&job=true&format=parquet", spine)
        while try node.json("GET", "/v1/jobs/job-1")["is_kept"]?.boolValue != true {}
        let fetched = try node.send("GET", "/v1/jobs/job-1/set")
        #expect(fetched.body == waited.body)
        // It is handed out once, whether it was whole by then or not.
        #expect(try node.failure("GET", "/v1/jobs/job-1/set").status == 409)
        let ended = try end(of: "job-1")
        #expect(ended["phase"]?.stringValue == "done")
        #expect(ended["is_kept"]?.boolValue == false)
    }

    @Test func `a job that fails says why, and a cancelled one leaves no manifest`() throws {
        try node.json("POST", "/v1/training-sets?service=risk&job=true", "shop\na\n")
        let failed = try end(of: "job-1")
        let error = failed["error"]?.stringValue ?? ""
        #expect(error.contains("time"), "\(failed.text)")
        #expect(try node.failure("GET", "/v1/jobs/job-1/set").status == 400)
        // The first holds the thread up; the second is stopped before its turn or during it.
        try node.json("POST", "/v1/training-sets?service=risk&job=true", Self.spine)
        try node.json("POST", "/v1/training-sets?service=risk&job=true&basis=9", Self.spine)
        try node.json("DELETE", "/v1/jobs/job-3")
        _ = try end(of: "job-2")
        let last = try end(of: "job-3")
        let isCancelled = last["phase"]?.stringValue == "cancelled"
        let known = try node.json("GET", "/v1/training-sets")["training_sets"]?.arrayValue ?? []
        #expect(known.count == (isCancelled ? 1 : 2))
        #expect(try node.json("GET", "/v1/jobs")["jobs"]?.arrayValue?.count == 3)
    }

    @Test func `a job's set is as it was asked for, and looking at it does not take it`() throws {
        try node.json("POST", "/v1/training-sets?service=risk&job=true&format=arrows", Self.spine)
        _ = try end(of: "job-1")
        let other = try node.failure("GET", "/v1/jobs/job-1/set?format=csv")
        #expect(other.status == 400 && other.message.contains("as arrows, not as csv"))
        let look = try #require(
            HTTPRequest(method: "HEAD", target: "/v1/jobs/job-1/set", headers: [:], body: []))
        let head = node.api.respond(look)
        #expect(head.stream?.byteCount ?? 0 > 0)
        let fetched = try node.send("GET", "/v1/jobs/job-1/set?format=arrows")
        #expect(head.headers == fetched.headers)
        #expect(try ArrowStream.decode(fetched.body.raw).rowCount == 2)
        #expect(try node.failure("HEAD", "/v1/jobs/job-1/set").status == 409)
    }

    @Test func `a build whose client has gone is given up, and leaves no manifest`() throws {
        let peer = HTTPPeer()
        peer.leave()
        let request = try #require(
            HTTPRequest(
                method: "POST", target: "/v1/training-sets?service=risk", headers: [:],
                body: Array(Self.spine.utf8)))
        #expect(node.api.respond(request, peer).status == .conflict)
        #expect(try node.json("GET", "/v1/training-sets")["training_sets"]?.arrayValue == [])
    }

    @Test func `a stream is a spine with labels, and T lies before what they tell`() throws {
        let csv = try node.send(
            "POST",
            "/v1/training-sets?service=risk&spine_stream=orders&label=amount%20%3E%2020.0"
                + "&label_delay=2m&split=2020-09-13T12:20:00Z&gap=1m")
        let text = String(decoding: csv.body, as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(lines[0] == "shop,amount,time,_time,label,orders.total,split", "\(text)")
        // At 12:12 for the order of 12:14: orders of 12:10 and 12:11 are known.
        #expect(lines[5].contains(",true,") == false)
        #expect(lines[5].hasSuffix(",false,21.0,train") || lines[5].hasSuffix(",false,21,train"))
        #expect(lines.count { $0.hasSuffix(",gap") } == 1)
        #expect(lines.count { $0.contains(",true,") } == 9)
        let id = csv.headers["Varve-Training-Set"] ?? ""
        let manifest = try node.json("GET", "/v1/training-sets/\(id)")
        #expect(
            manifest["spine"]?["label"]?.text
                == #"{"expression":"amount > 20.0","delay":"2m"}"#)
        #expect(manifest["split"]?["rows"]?["gap"]?.integerValue == 1)
        try node.restart(removing: "projections")
        let verified = try node.json("POST", "/v1/training-sets/\(id)/verify")
        #expect(verified["identical"]?.boolValue == true)
    }

    @Test func `what cannot be is refused with what is expected`() throws {
        for (query, body, message) in [
            ("split=now", Self.spine, "\"now\""), ("label=amount", Self.spine, "spine_stream"),
            ("spine_stream=orders&label_delay=1h", "", "label="),
            ("spine_stream=orders&label=amont", "", "amont"), ("memory=10", Self.spine, "limit is 10"),
            ("threads=0", Self.spine, "1 to 256"), ("job=yes", Self.spine, "true or false"),
        ] {
            let failure = try node.failure("POST", "/v1/training-sets?service=risk&\(query)", body)
            #expect(failure.status == 400, "\(query): \(failure)")
            #expect(failure.message.contains(message), "\(query): \(failure.message)")
        }
    }
}
