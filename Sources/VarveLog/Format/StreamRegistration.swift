import VarveBytes
import VarveFormats

/// The catalog record that gives a stream its number, written before the stream's first frame:
///
///     {"kind": "stream", "name": "departures", "partition": 0, "id": 7}
///
/// Numbers are given in the order of these records, from 1; the catalog itself is 0.
enum StreamRegistration {
    static func record(_ name: StreamName, id: Int, time: Timestamp) -> Record {
        let value = JSON.object([
            .init("kind", "stream"), .init("name", .string(name.name)),
            .init("partition", .integer(Int64(name.partition))), .init("id", .integer(Int64(id))),
        ])
        return Record(
            key: Array("stream/\(name.name)/\(name.partition)".utf8),
            value: Array(value.text.utf8),
            timestamp: time.microseconds.flooredDivision(by: 1000).quotient)
    }

    /// The streams that a catalog batch registers. Batches that do not decode register none: what
    /// they hold is for the catalog's projection to judge.
    static func names(in batch: RawSpan) -> [StreamName] {
        var names: [StreamName] = []
        var scratch: [UInt8] = []
        try? RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
            guard let bytes = record.value, let value = try? JSON(parsing: bytes),
                value["kind"]?.stringValue == "stream", let name = value["name"]?.stringValue,
                let partition = value["partition"]?.integerValue
            else { return }
            names.append(StreamName(name: name, partition: Int32(truncatingIfNeeded: partition)))
        }
        return names
    }
}
