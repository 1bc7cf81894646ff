import VarveFormats
public import VarveLog

/// How many records of a stream are no rows of the offline store, because the definition in force
/// when they were folded cannot read them.
///
///     {"stream": "trades", "records": 3, "first": 17, "definition": "<digest>"}
public struct UnreadableRecords: Sendable, Equatable {
    public private(set) var count = 0
    /// The position of the first.
    public let first: Position
    /// The digest of the definition that could not read them; nil when several could not.
    public private(set) var definition: String?

    init(first: Position, definition: String) {
        self.first = first
        self.definition = definition
    }

    mutating func add(_ records: Int, _ definition: String) {
        count += records
        if self.definition != definition { self.definition = nil }
    }

    func json(stream: String) -> JSON {
        .object([
            .init("stream", .string(stream)), .init("records", .integer(Int64(count))),
            .init("first", .integer(first.value)),
            .init("definition", definition.map { .string($0) } ?? .null),
        ])
    }

    static func read(_ json: JSON) -> (stream: String, records: UnreadableRecords)? {
        guard let stream = json["stream"]?.stringValue, let count = json["records"]?.integerValue,
            let first = json["first"]?.integerValue, count > 0
        else { return nil }
        var records = UnreadableRecords(first: Position(first), definition: "")
        records.definition = json["definition"]?.stringValue
        records.count = Int(count)
        return (stream, records)
    }
}
