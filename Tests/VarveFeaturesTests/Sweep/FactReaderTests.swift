import Testing
import VarveFormats

@testable import VarveFeatures

@Suite struct FactReaderTests {
    /// `region` came after records were written; it is null in those.
    private static let document = """
        { "streams": [ { "name": "orders",
            "fields": { "time": "timestamp", "amount": "int64", "region": "string?" },
            "event_time": "time", "key": ["region"] } ],
          "views": [ { "name": "sales", "entity": { "region": "string" }, "source": "orders",
            "features": [ { "name": "sum", "sum": "amount", "window": "lifetime" } ] } ],
          "services": [] }
        """

    private static func words(_ name: String, _ type: ColumnType, _ words: [UInt64]) -> Column {
        Column(
            name: name, type: type, words: words, marks: words.map { _ in 0 }, valid: 0)
    }

    private static func texts(_ name: String, _ texts: [String]) -> Column {
        var column = Column(name: name, type: .string, capacity: texts.count)
        for text in texts { column.append(text) }
        return column
    }

    @Test func `records from before a field of the key are facts of nobody`() throws {
        let definitions = try Definitions(reading: JSON(parsing: Self.document))
        let keys = KeyTable([Self.texts("region", ["north", "south"])], rows: 2)
        let reader = FactReader(
            definitions.views[0], definitions.streams[0], keepsOrder: false)
        let times: [UInt64] = [10, 20, 30]
        let old = Table(columns: [
            Self.words("_event_time", .timestamp, times),
            Self.words("_known_time", .timestamp, times),
            Self.words("amount", .int64, [1, 2, 3]),
        ])
        var new = old
        new = Table(columns: new.columns + [Self.texts("region", ["south", "west", "north"])])
        let none = reader.batch([FactReader.Records(old, basis: nil)], keys, partitionShift: 0)
        #expect(none.count == 0)
        let batch = reader.batch(
            [FactReader.Records(old, basis: nil), FactReader.Records(new, basis: nil)], keys,
            partitionShift: 0)
        #expect(batch.entries.map(\.entity) == [0, 1])
        #expect(batch.entries.map(\.eventTime) == [30, 10])
        #expect(batch.entries.map { batch.words[Int($0.row)] } == [3, 1])
        #expect(batch.starts == [0, 1, 2])
    }
}
