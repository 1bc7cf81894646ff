import Testing
import VarveBytes
import VarveFormats

@Suite struct ParquetWriterTests {
    @Test func `the bytes of a file stay as they are`() throws {
        let file = ParquetFile.encode(
            .sample(), .init(rowsPerGroup: 8, compression: .none, required: ["count", "time"]))
        try Fixture.expectGolden(file, "golden/parquet/varve.parquet")
        try Fixture.expectGolden(
            Array(Table.sample().json.pretty.utf8), "golden/parquet/varve.json")
    }

    @Test(arguments: [1, 2, 3, 4])
    func `a table comes back as it was written`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for rows in [0, 1, 7, 8, 9, 64, 130] {
            var table = random.table(rows: rows)
            if rows > 7 { table.metadata = [("key", random.text()), (random.text(), "")] }
            for group in [1, 5, 8, 64, 65_536] {
                for compression in [ParquetFile.Options.Compression.none, .lz4] {
                    let file = ParquetFile.encode(
                        table, .init(rowsPerGroup: group, compression: compression))
                    #expect(
                        try ParquetFile.decode(file.raw) == table, "seed \(seed), \(rows) rows")
                    if rows == 130, group == 64 {
                        try Fixture.writeForPeers(file, "random-\(seed)-\(compression).parquet")
                        try Fixture.writeForPeers(
                            Array(table.json.text.utf8), "random-\(seed)-\(compression).json")
                    }
                }
            }
        }
    }

    @Test(arguments: [5, 6])
    func `runs, repeats and long columns come back as they were written`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let rows = 50_000
        var few = Column(name: "few", type: .string)
        var runs = Column(name: "runs", type: .int64)
        var many = Column(name: "many", type: .float64)
        var sparse = Column(name: "sparse", type: .timestamp)
        var flags = Column(name: "flags", type: .bool)
        var long = Column(name: "long", type: .string)
        var (run, value) = (0, Int64(0))
        for row in 0..<rows {
            few.append(["", "LGA", "JFK", "EWR", "\u{20ac}"][random.below(5)])
            if run == 0 { (run, value) = (random.below(60), Int64(random.below(300))) } else {
                run -= 1
            }
            runs.append(value)
            many.append(random.double())
            if random.below(10) == 0 {
                sparse.append(Timestamp(microseconds: random.integer()))
            } else {
                sparse.appendNull()
            }
            if random.below(3) == 0 { flags.appendNull() } else { flags.append(row & 4 == 0) }
            long.append(String(repeating: "\(row)", count: random.below(30)))
        }
        let table = Table(columns: [few, runs, many, sparse, flags, long])
        let file = ParquetFile.encode(table)
        #expect(try ParquetFile.decode(file.raw) == table, "seed \(seed)")
        #expect(file.count < 50_000 * 60)
        try Fixture.writeForPeers(file, "long-\(seed).parquet")
        try Fixture.writeForPeers(Array(table.json.text.utf8), "long-\(seed).json")
    }

    @Test func `only the columns that are asked for are read`() throws {
        let file = ParquetFile.encode(.sample())
        let table = try ParquetFile.decode(file.raw, columns: ["time", "late"])
        #expect(table.columns.map(\.name) == ["late", "time"])
        #expect(table["time"] == Table.sample()["time"])
        #expect(try ParquetFile.footer(file.raw).rowCount == 11)
        #expect(try ParquetFile.footer(file.raw).metadata("varve.view") == "airport_traffic")
    }
}

@Suite struct ParquetReaderTests {
    /// Written by `tools/peers/parquet_check.py --write`.
    static let peers = [
        "pyarrow", "pyarrow-v2", "pyarrow-plain", "pyarrow-delta", "pyarrow-split", "pandas",
        "polars", "duckdb", "duckdb-v2",
    ]

    @Test(arguments: peers)
    func `files written by other programs are read`(name: String) throws {
        let bytes = try Fixture.bytes("golden/parquet/\(name).parquet")
        let dump = try Fixture.bytes("golden/parquet/\(name).json")
        let expected = try JSON(parsing: dump.raw)
        var table = try ParquetFile.decode(bytes.raw)
        table.metadata = []
        #expect(table.json == expected)
    }

    @Test(arguments: [
        ("zstd", "compressed with zstd, expected snappy, LZ4_RAW or none: write it with"),
        ("polars-default", "compressed with zstd"), ("gzip", "compressed with gzip"),
        ("naive", "column c holds times without a zone"), ("decimal", "column c holds values of"),
        ("list", "column c holds lists or structs"), ("struct", "column c holds lists or structs"),
        ("uint64", "column c holds 9223372036854775808"),
        ("nanoseconds", "column c holds a time of 1 units"), ("bytes", "column c holds bytes"),
        ("twice", "two columns are named c"),
    ])
    func `what has no type here is refused with its column`(name: String, reason: String) throws {
        let bytes = try Fixture.bytes("golden/parquet/refused-\(name).parquet")
        let error = #expect(throws: ParquetError.self) { try ParquetFile.decode(bytes.raw) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `times without a zone are read as UTC when asked for`() throws {
        let bytes = try Fixture.bytes("golden/parquet/refused-naive.parquet")
        let table = try ParquetFile.decode(bytes.raw, zonelessTimesAreUTC: true)
        #expect(table.columns[0].cell(0) == .timestamp(Timestamp(microseconds: 1)))
    }

    @Test func `columns that are not asked for may hold anything`() throws {
        let bytes = try Fixture.bytes("golden/parquet/nested.parquet")
        let table = try ParquetFile.decode(bytes.raw, columns: ["x"])
        #expect(table.columns[0].cell(1) == .int64(2))
    }

    @Test func `a file cut at any byte is refused`() {
        let file = ParquetFile.encode(.sample(), .init(rowsPerGroup: 6))
        for end in 0..<file.count {
            let cut = Array(file[..<end])
            #expect(throws: ParquetError.self, "cut at \(end)") {
                try ParquetFile.decode(cut.raw)
            }
        }
    }

    @Test(arguments: peers + ["varve", "varve-differences"])
    func `damaged bytes are read as something or refused, but never crash`(name: String) throws {
        var random = SplitMix64(seed: UInt64(name.utf8.count))
        let file = try Fixture.bytes("golden/parquet/\(name).parquet")
        for round in 0..<400 {
            var damaged = file
            for _ in 0...random.below(3) {
                let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, UInt8(random.below(256))]
                // Half of the damage goes to the footer.
                let place =
                    round & 1 == 0
                    ? random.below(file.count)
                    : max(0, file.count - 1 - random.below(min(file.count, 2000)))
                damaged[place] = extremes[random.below(6)]
            }
            _ = try? ParquetFile.decode(damaged.raw, limit: 1 << 22)
        }
    }

    @Test func `a group of fewer children than none is refused`() {
        // A root of one child, and a group whose count of children is the least int64.
        var footer: [UInt8] = [0x29, 0x2c, 0x48, 1, 0x72, 0x15, 2, 0, 0x48, 1, 0x63, 0x15]
        footer += [UInt8](repeating: 0xff, count: 9) + [1, 0, 0x16, 0, 0]
        let magic = Array("PAR1".utf8)
        let file = magic + footer + [UInt8(footer.count), 0, 0, 0] + magic
        let error = #expect(throws: ParquetError.self) { try ParquetFile.decode(file.raw) }
        #expect(error?.description.contains("-9223372036854775808") == true)
    }

    @Test func `a file that claims more rows than the limit is refused`() {
        var column = Column(name: "c", type: .int64)
        for _ in 0..<100_000 { column.appendNull() }
        let file = ParquetFile.encode(Table(columns: [column]))
        #expect(file.count < 20_000)
        #expect(throws: ParquetError.self) { try ParquetFile.decode(file.raw, limit: 100_000) }
        #expect(throws: Never.self) { try ParquetFile.decode(file.raw, limit: 1_000_000) }
    }
}
