import Synchronization
import Testing
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem
import VarveTestSupport

@testable import VarveNode
@testable import VarveProjections

/// Sorting the offline store by entity, asked for and by itself.
@Suite(.timeLimit(.minutes(2))) struct OptimizeTests {
    private static let definitions = """
        {"streams": [
           {"name": "orders", "fields": {"customer": "string", "shop": "int64?", "amount": "float64"},
            "key": ["customer"]},
           {"name": "amended", "fields": {"id": "int64", "customer": "string"}, "id": "id",
            "key": ["customer"]}],
         "views": [
           {"name": "spend", "entity": {"customer": "string"}, "source": "orders", "features": [
             {"name": "total", "sum": "amount", "window": "lifetime"}]},
           {"name": "sales", "entity": {"shop": "int64"}, "source": "orders", "features": [
             {"name": "n", "count": "*", "window": "lifetime"}]},
           {"name": "changes", "entity": {"customer": "string"}, "source": "amended", "features": [
             {"name": "n", "count": "*", "window": "lifetime"}]}],
         "services": [{"name": "offer", "features": ["spend.total"]}]}
        """
    private let node: TestNode

    init() throws {
        node = try TestNode()
        try node.json("POST", "/v1/definitions", Self.definitions)
    }

    private func append(_ count: Int) throws {
        let records = (0..<count).map { row in
            #"{"customer": "c\#(row % 7)", "amount": \#(row)"#
                + (row % 2 == 0 ? #", "shop": 1}"# : "}")
        }
        try node.json(
            "POST", "/v1/streams/orders/records", records.joined(separator: "\n") + "\n")
        try node.json(
            "POST", "/v1/streams/amended/records", #"{"id": 1, "customer": "c1"}"# + "\n")
        try node.settle()
        // The keeper counts rows of files.
        try node.node.offline.refresh()
    }

    /// The runs that an answer lists.
    private func runs(_ json: JSON) -> [String] {
        (json["runs"]?.arrayValue ?? []).map { run in
            let key = (run["key"]?.arrayValue ?? []).compactMap(\.stringValue)
            return "\(run["stream"]?.stringValue ?? "") by \(key.joined(separator: ",")): "
                + "\(run["rows"]?.integerValue ?? -1) rows"
        }
    }

    @Test func `the answer lists the runs that were made, then none`() throws {
        #expect(try runs(node.json("POST", "/v1/optimize")) == [], "no records")
        try append(20)
        // Streams that are amended have none.
        let made = try node.json("POST", "/v1/optimize")
        #expect(runs(made) == ["orders by customer: 20 rows", "orders by shop: 10 rows"])
        let end = made["runs"]?.arrayValue?.first?["end"]?.stringValue
        #expect(end == node.node.log.id.text(of: node.node.offline.position))
        #expect(try runs(node.json("POST", "/v1/optimize")) == [])
        try append(6)
        #expect(
            try runs(node.json("POST", "/v1/optimize")) == [
                "orders by customer: 26 rows", "orders by shop: 13 rows",
            ])
        try node.restart()
        #expect(try runs(node.json("POST", "/v1/optimize")) == [], "they are found again")
        #expect(try node.node.offline.runs.count == 2)
    }

    private func trainingSet() throws -> String {
        let spine = "customer,time\nc1,2100-01-01T00:00:00Z\nc9,2100-01-01T00:00:00Z\n"
        let response = try node.send("POST", "/v1/training-sets?service=offer&format=csv", spine)
        return String(decoding: response.body, as: UTF8.self)
    }

    @Test func `training sets are the same with runs, and a damaged one is named`() throws {
        try append(30)
        let before = try trainingSet()
        #expect(before.contains("c1"), "\(before)")
        try node.json("POST", "/v1/optimize")
        #expect(try trainingSet() == before)
        try append(1)
        let after = try trainingSet()
        try node.json("POST", "/v1/optimize")
        #expect(try trainingSet() == after)
        let run = try #require(try node.node.offline.runs.first)
        let directory = "projections/offline-by-entity/1/orders/customer"
        let name = try #require(
            try node.disk.list("\(node.root.path)/\(directory)").first { $0.hasSuffix(".parquet") })
        try node.restart(replacing: "\(directory)/\(name)", with: [1, 2, 3])
        #expect(try node.node.offline.runs.count == 2 && run.rowCount == 31)
        #expect(try trainingSet().contains("\(directory)/\(name)"))
        // Without it, the set takes longer, and the next sorting makes it anew.
        try node.restart(removing: "\(directory)/\(name)")
        #expect(try trainingSet() == after)
        #expect(try runs(node.json("POST", "/v1/optimize")) == ["orders by customer: 31 rows"])
        #expect(try trainingSet() == after)
    }

    @Test func `a keeper sorts what is due, and nothing else`() throws {
        try append(20)
        let reports = Monitor<[String]>([])
        let keeper = RunKeeper(node.node, every: .milliseconds(1), rowsMin: 15) { report in
            reports.withLock { $0.append(report) }
        }
        while try node.node.offline.runs.count < 2 { keeper.yield() }
        try append(14)
        // 14 are too few, 16 are enough.
        try append(2)
        while try node.node.offline.runs.reduce(0, { $0 + $1.rowCount }) < 36 + 18 { keeper.yield() }
        keeper.stop()
        #expect(reports.withLock { $0 } == [])
        try append(100)
        #expect(try node.node.offline.runs.map(\.rowCount).sorted() == [18, 36])
        let numbers = try node.node.offline.runs.map(\.number)
        #expect(numbers == [2, 2], "14 rows were not sorted alone")
    }

    @Test func `what a keeper cannot do it reports, and goes on`() throws {
        try append(20)
        node.disk.fault.withLock { $0 = .full }
        let reports = Monitor<[String]>([])
        let keeper = RunKeeper(node.node, every: .milliseconds(1), rowsMin: 1) { report in
            reports.withLock { $0.append(report) }
        }
        defer { keeper.stop() }
        while reports.withLock({ $0.isEmpty }) { keeper.yield() }
        let report = reports.withLock { $0[0] }
        #expect(report.hasPrefix("the offline store could not be sorted by entity: "))
        #expect(report.contains("No space left"), "\(report)")
        #expect(try node.node.offline.runs.isEmpty)
        node.disk.fault.withLock { $0 = .none }
        while try node.node.offline.runs.count < 2 { keeper.yield() }
    }
}

extension RunKeeper {
    /// Lets its thread work for a moment.
    fileprivate func yield() {
        _ = Monitor(false).wait(until: { $0 }, timeout: .milliseconds(1)) { $0 }
    }
}

extension OfflineStore {
    /// The runs of all streams that views read.
    var runs: [EntityRun] {
        get throws {
            try Set(runPlans.map(\.stream.name)).sorted().flatMap { try runs(of: $0) }
        }
    }
}
