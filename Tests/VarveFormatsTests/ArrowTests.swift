import Testing
import VarveBytes
import VarveFormats

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
