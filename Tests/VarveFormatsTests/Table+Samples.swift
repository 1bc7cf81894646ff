import VarveBytes
import VarveFormats

extension Table {
    /// The table as JSON, for people and for `tools/peers/arrow_check.py`: timestamps as
    /// microseconds.
    var json: JSON {
        let columns = columns.map { column in
            JSON.object([
                .init("name", .string(column.name)), .init("type", .string(column.type.rawValue)),
                .init("cells", .array((0..<rowCount).map { column.cell($0).json })),
            ])
        }
        let metadata = metadata.map { JSON.array([.string($0.key), .string($0.value)]) }
        return .object([.init("columns", .array(columns)), .init("metadata", .array(metadata))])
    }
}

extension Column.Cell {
    var json: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .integer(value)
        case .float64(let value): .number(value)
        case .string(let value): .string(value)
        case .timestamp(let value): .integer(value.microseconds)
        }
    }
}

extension Table {
    /// A table with every type, nulls, edge values, and rows that do not fill bytes.
    static func sample() -> Table {
        let bits: [Bool?] = [true, nil, false, true, true, false, nil, true, true, true, false]
        var late = Column(name: "late", type: .bool)
        var count = Column(name: "count", type: .int64)
        var delay = Column(name: "delay", type: .float64)
        var carrier = Column(name: "carrier \u{e9}", type: .string)
        var time = Column(name: "time", type: .timestamp)
        var nothing = Column(name: "nothing", type: .string)
        for (index, bit) in bits.enumerated() {
            if let bit { late.append(bit) } else { late.appendNull() }
            count.append(Int64(index) - 5)
            if index == 3 { delay.appendNull() } else { delay.append(Double(index) / 8 - 0.1) }
            if index == 0 {
                carrier.appendNull()
            } else {
                carrier.append(String(repeating: "\u{20ac}x", count: index - 1))
            }
            time.append(Timestamp(microseconds: 1_357_016_400_000_001 * Int64(index - 2)))
            nothing.appendNull()
        }
        return Table(
            columns: [late, count, delay, carrier, time, nothing],
            metadata: [("varve.view", "airport_traffic"), ("note", "")])
    }
}
