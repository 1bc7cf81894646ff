import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

@Suite struct StandingRecordsTests {
    private static func stream(id: String?) -> StreamDefinition {
        StreamDefinition(
            name: "s",
            fields: [
                Field(name: "id", type: .int64), Field(name: "x", type: .int64, isNullable: true),
            ], eventTime: .record, knownTime: .ingest, key: [], id: id, expectations: [],
            policy: .reject)
    }

    /// The values of `x` that stand, in order.
    private static func standing(
        _ log: TemporaryLog, id: String?, upTo end: Position? = nil
    ) throws -> (values: [Value], unreadable: RecordReader.Unreadable?) {
        var values: [Value] = []
        let unreadable = try StandingRecords(
            stream(id: id), log.log, upTo: end ?? log.log.commitPosition
        ).forEach { slots, _, _ in values.append(slots[1]) }
        return (values, unreadable)
    }

    @Test func `amended and retracted records do not stand`() throws {
        let log = try TemporaryLog()
        try log.append(
            [#"{"id": 1, "x": 10}"#, #"{"id": 2, "x": 20}"#, #"{"id": 3, "x": 30}"#], to: "s")
        let before = log.log.commitPosition
        try log.append([#"{"id": 1, "x": 11}"#], to: "s")
        try log.append([Record(key: Array("2".utf8), value: nil, timestamp: 0)], to: "s")
        try log.append(
            [
                Record(
                    key: nil, value: Array(#"{"id": 3}"#.utf8),
                    headers: [.init(name: "varve-retract", value: nil)], timestamp: 0)
            ], to: "s")
        #expect(try Self.standing(log, id: "id").values == [.int64(11)])
        #expect(
            try Self.standing(log, id: "id", upTo: before).values
                == [.int64(10), .int64(20), .int64(30)])
        try log.append([#"{"id": 3, "x": 31}"#], to: "s")
        #expect(try Self.standing(log, id: "id").values == [.int64(11), .int64(31)])
    }

    @Test func `without an id every fact stands, and a retraction is counted as unreadable`() throws {
        let log = try TemporaryLog()
        try log.append([#"{"id": 1, "x": 10}"#, #"{"id": 1, "x": 11}"#], to: "s")
        try log.append([Record(key: Array("1".utf8), value: nil, timestamp: 0)], to: "s")
        let found = try Self.standing(log, id: nil)
        #expect(found.values == [.int64(10), .int64(11)])
        #expect(found.unreadable?.count == 1)
        #expect(found.unreadable?.reason.contains("declares no id") == true)
    }

    @Test func `records that cannot be read are counted, batches that cannot be decoded too`()
        throws
    {
        let log = try TemporaryLog()
        try log.append([#"{"id": 1, "x": 10}"#], to: "s")
        try log.append(["not JSON"], to: "s")
        let bad = log.log.commitPosition
        try log.appendUndecodable(count: 3, to: "s")
        try log.append([#"{"id": 2, "x": 20}"#], to: "s")
        let found = try Self.standing(log, id: "id")
        #expect(found.values == [.int64(10), .int64(20)])
        #expect(found.unreadable?.count == 4)
        #expect(found.unreadable?.position == Position(bad.value - 1))
        let rows = try StreamRows.read(
            log.log, Self.stream(id: "id"), Position(0)..<log.log.commitPosition)
        #expect(rows.unreadable == 4 && rows.table.rowCount == 2)
        // The fold goes on behind them, counts the same, and stops counting within them.
        let definitions = try Definitions(
            reading: JSON(
                parsing: """
                    {"streams": [{"name": "s", "fields": {"id": "int64", "x": "int64?"}}],
                     "views": [{"name": "v", "entity": {"id": "int64"}, "source": "s",
                       "features": [{"name": "n", "count": "*", "window": "lifetime"}]}]}
                    """))
        var fold = FeatureFold(definitions)
        try fold.fold(log.log, upTo: Position(bad.value + 1))
        #expect(fold.unreadable["s"]?.count == 2)
        try fold.fold(log.log, from: Position(bad.value + 1), upTo: log.log.commitPosition)
        #expect(fold.unreadable["s"]?.count == 4)
        #expect(fold.views[0].keyCount == 2)
    }
}
