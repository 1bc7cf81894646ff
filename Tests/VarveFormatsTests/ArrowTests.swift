import Testing
import VarveBytes
import VarveFormats

extension Table {
    /// The table as JSON, for people and for `tools/peers/arrow_check.py`: timestamps as
    /// microseconds.
    fileprivate var json: JSON {
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
    fileprivate var json: JSON {
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
    fileprivate static func sample() -> Table {
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

@Suite struct ArrowWriterTests {
    @Test func `the bytes of a file and a stream stay as they are`() throws {
        try Fixture.expectGolden(
            ArrowFile.encode(.sample(), rowsPerBatch: 4), "golden/arrow/varve.arrow")
        try Fixture.expectGolden(ArrowStream.encode(.sample()), "golden/arrow/varve.arrows")
        try Fixture.expectGolden(Array(Table.sample().json.pretty.utf8), "golden/arrow/varve.json")
    }

    @Test(arguments: [1, 2, 3, 4])
    func `a table comes back as it was written`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for rows in [0, 1, 7, 8, 9, 64, 130] {
            var table = random.table(rows: rows)
            if rows > 7 { table.metadata = [("key", random.text()), (random.text(), "")] }
            for batch in [1, 5, 8, 64, 65_536] {
                let file = ArrowFile.encode(table, rowsPerBatch: batch)
                #expect(try ArrowFile.decode(file.raw) == table, "seed \(seed), \(rows) rows")
                let stream = ArrowStream.encode(table, rowsPerBatch: batch)
                #expect(try ArrowStream.decode(stream.raw) == table, "seed \(seed), \(rows) rows")
                if rows == 130, batch == 64 {
                    try Fixture.writeForPeers(file, "random-\(seed).arrow")
                    try Fixture.writeForPeers(stream, "random-\(seed).arrows")
                    try Fixture.writeForPeers(
                        Array(table.json.text.utf8), "random-\(seed).json")
                }
            }
        }
    }

    @Test func `a table without columns is written and read`() throws {
        let file = ArrowFile.encode(Table())
        #expect(try ArrowFile.decode(file.raw) == Table())
    }
}

@Suite struct ArrowReaderTests {
    @Test(arguments: ["pyarrow.arrow", "pyarrow.arrows", "pyarrow-lz4.arrow"])
    func `files written by pyarrow are read`(name: String) throws {
        let bytes = try Fixture.bytes("golden/arrow/\(name)")
        let dump = try Fixture.bytes("golden/arrow/pyarrow.json")
        let expected = try JSON(parsing: dump.raw)
        if name.hasSuffix("s") {
            #expect(try ArrowStream.decode(bytes.raw).json == expected)
        } else {
            #expect(try ArrowFile.decode(bytes.raw).json == expected)
        }
    }

    @Test(arguments: [
        ("dictionary", "dictionary encoded"), ("zstd", "compressed with zstd"),
        ("naive", "column c holds times without a zone"), ("decimal", "column c holds decimal"),
        ("list", "column c holds list"), ("uint64", "column c holds 9223372036854775808"),
        ("nanoseconds", "column c holds a time of 1 nanoseconds"),
        ("float16", "column c holds float16"),
        ("twice", "two columns are named c"),
    ])
    func `what has no type here is refused with its column`(name: String, reason: String) throws {
        let bytes = try Fixture.bytes("golden/arrow/refused-\(name).arrows")
        let error = #expect(throws: ArrowError.self) { try ArrowStream.decode(bytes.raw) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `a stream cut at any byte is refused`() {
        let stream = ArrowStream.encode(.sample(), rowsPerBatch: 6)
        for end in 0..<stream.count {
            let cut = Array(stream[..<end])
            #expect(throws: ArrowError.self, "cut at \(end)") { try ArrowStream.decode(cut.raw) }
        }
        let longer = stream + [0]
        #expect(throws: ArrowError.self) { try ArrowStream.decode(longer.raw) }
    }

    @Test func `a file cut at any byte is refused`() {
        let file = ArrowFile.encode(.sample(), rowsPerBatch: 6)
        for end in 0..<file.count {
            let cut = Array(file[..<end])
            #expect(throws: ArrowError.self, "cut at \(end)") { try ArrowFile.decode(cut.raw) }
        }
    }

    @Test(arguments: [1, 2])
    func `damaged bytes are read as something or refused, but never crash`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let lz4 = try Fixture.bytes("golden/arrow/pyarrow-lz4.arrow")
        for file in [ArrowFile.encode(.sample(), rowsPerBatch: 4), lz4] {
            for _ in 0..<1500 {
                var damaged = file
                for _ in 0...random.below(3) {
                    let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
                    damaged[random.below(file.count)] = extremes[random.below(5)]
                }
                _ = try? ArrowFile.decode(damaged.raw)
            }
        }
    }
}
