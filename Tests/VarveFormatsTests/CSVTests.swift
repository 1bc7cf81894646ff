import Testing
import VarveBytes
import VarveFormats

@Suite struct CSVReaderTests {
    private func rows(_ text: String, _ options: CSVOptions = CSVOptions()) throws -> [[String?]] {
        let bytes = Array(text.utf8)
        var reader = try CSVReader(bytes.raw, options: options)
        var rows: [[String?]] = [reader.header]
        while let row = try reader.nextRow() { rows.append(row) }
        return rows
    }

    private func check(
        _ text: String, _ expected: [[String?]], _ options: CSVOptions = CSVOptions(),
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try rows(text, options) == expected, sourceLocation: location)
    }

    @Test func `cells come out with quotes, separators and line ends resolved`() throws {
        try check("a,b\n1,2\n", [["a", "b"], ["1", "2"]])
        try check("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]])
        try check("a,b\n1,2", [["a", "b"], ["1", "2"]])
        try check("\u{feff}a\n\"x\"", [["a"], ["x"]])
        try check("a,b\n\"x,\"\"y\"\"\n\",\" z \"\n", [["a", "b"], ["x,\"y\"\n", " z "]])
        try check("a;b\n1;2,3\n", [["a", "b"], ["1", "2,3"]], CSVOptions(separator: ";"))
        try check("a,b\n\n1,2\n\r\n3,4\n\n", [["a", "b"], ["1", "2"], ["3", "4"]])
    }

    @Test func `an empty cell is null and a quoted empty cell is the empty text`() throws {
        try check("a,b\n,\"\"\n", [["a", "b"], [nil, ""]])
        try check("a\n\n1\n", [["a"], [nil], ["1"]])
        try check("a,b\nNA,\"NA\"\n", [["a", "b"], [nil, "NA"]], CSVOptions(nulls: ["NA"]))
    }

    @Test(arguments: [
        ("", "line 1: the text is empty, expected a header row"),
        ("a,,b\n", "line 1: column 2 of the header has no name, expected one for each column"),
        ("a,b,a\n", "line 1: the header names column a twice"),
        ("a,b\n1,2\n1,2,3\n", "line 3: found 3 cells, expected 2 as in the header"),
        ("a,b\n\"x\ny\",2\n1\n", "line 4: found 1 cells, expected 2 as in the header"),
        (
            "a\nx\"y\n",
            "line 2: a quote inside an unquoted cell, expected the whole cell in quotes"
        ),
        ("a\n\"x\"y\n", "line 2: text after a closing quote, expected a separator or line end"),
        ("a\n1\n\"x\n\n", "line 3: the quoted cell that begins here does not end"),
        ("a\nx\ry\n", "line 2: a carriage return without a line feed after it"),
    ])
    func `a malformed text is refused with its line`(text: String, message: String) {
        let error = #expect(throws: CSVError.self) { try rows(text) }
        #expect(error?.description == message)
    }

    @Test func `a cell that is not UTF-8 is refused with line and column`() throws {
        let bytes = Array("a,b\n1,x".utf8) + [0xff]
        var reader = try CSVReader(bytes.raw)
        do {
            _ = try reader.nextRow()
            Issue.record("expected an error")
        } catch {
            #expect(error.description == "line 2, column b: the cell is not UTF-8")
        }
    }

    @Test func `a text cut at any byte reads or is refused, but never crashes`() {
        let text = Array("a,b,c\r\n1,\"x\"\"y\",\n\"\u{20ac}\n\",2,\"\"\n".utf8)
        for end in 0...text.count {
            let cut = Array(text[..<end])
            _ = try? Table(csv: cut.raw)
        }
    }
}

@Suite struct CSVWriterTests {
    @Test func `only cells that need quotes have them`() {
        var writer = CSVWriter(header: ["a", "b,c"])
        writer.row(["x y", nil])
        writer.row(["", "say \"hi\"\n"])
        writer.row(cells: [.float64(0.1), .int64(-7)])
        writer.row(cells: [.bool(true), .timestamp(Timestamp(microseconds: 1_500_000))])
        let text = String(decoding: writer.writer.bytes, as: UTF8.self)
        #expect(
            text == """
                a,"b,c"
                x y,
                "","say ""hi""
                "
                0.1,-7
                true,1970-01-01T00:00:01.500Z

                """)
    }

    @Test(arguments: [1, 2, 3])
    func `texts come back as they were written`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let header = (0...random.below(4)).map { "column \($0)" }
        let rows: [[String?]] = (0..<200).map { _ in
            header.map { _ in random.below(4) == 0 ? nil : random.text() }
        }
        var writer = CSVWriter(header: header)
        for row in rows { writer.row(row) }
        let bytes = writer.writer.bytes
        var reader = try CSVReader(bytes.raw)
        for row in rows { #expect(try reader.nextRow() == row, "seed \(seed)") }
        #expect(try reader.nextRow() == nil, "seed \(seed)")
    }

    @Test(arguments: [1, 2, 3])
    func `a table comes back as it was written, its types declared`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let table = random.table(rows: 150)
        let types = table.columns.map { ($0.name, $0.type) }
        let bytes = table.csv()
        let read = try Table(csv: bytes.raw, types: Dictionary(uniqueKeysWithValues: types))
        #expect(read == table, "seed \(seed)")
    }
}

@Suite struct CSVTableTests {
    private func table(_ text: String, _ types: [String: ColumnType] = [:]) throws -> Table {
        let bytes = Array(text.utf8)
        return try Table(csv: bytes.raw, types: types)
    }

    @Test func `types are guessed from all cells of a column`() throws {
        let table = try table(
            "integer,number,yes,time,code,mixed,nothing\n"
                + "1,1,true,2013-01-01T05:00:00Z,007,1,\n"
                + "-9223372036854775808,0.5,false,2013-01-01T05:00:00+01:00,100,x,\n")
        #expect(
            table.columns.map(\.type)
                == [.int64, .float64, .bool, .timestamp, .string, .string, .string])
        #expect(
            table.row(0) == [
                .int64(1), .float64(1), .bool(true),
                .timestamp(Timestamp(microseconds: 1_357_016_400_000_000)), .string("007"),
                .string("1"), .null,
            ])
    }

    @Test(arguments: [
        (ColumnType.int64, "1.5", "an integer of 64 bits"),
        (.int64, "9223372036854775808", "an integer of 64 bits"),
        (.float64, "nan", "a finite number"), (.float64, "0x1p3", "a finite number"),
        (.float64, "1e999", "a finite number"), (.float64, "1_000", "a finite number"),
        (.float64, " 1", "a finite number"), (.bool, "1", "true or false"),
        (
            .timestamp, "2013-01-01T05:00:00",
            "a time with its zone, such as 2013-03-10T07:30:00Z"
        ),
    ])
    func `a cell that is not of its column's type is refused`(
        type: ColumnType, cell: String, expected: String
    ) {
        let error = #expect(throws: CSVError.self) { try table("v\n\(cell)\n", ["v": type]) }
        #expect(error?.description == "line 2, column v: found \"\(cell)\", expected \(expected)")
    }

    @Test func `numbers in usual notations are read when their type is declared`() throws {
        #expect(try table("v\n007\n+1\n", ["v": .int64])["v"]?.int64(0) == 7)
        let column = try table("v\n.5\n1.\n-2E3\n1\n", ["v": .float64])["v"]
        #expect((0..<4).map { column?.float64($0) } == [0.5, 1, -2000, 1])
    }

    @Test func `a declared column that is missing is named`() {
        let error = #expect(throws: CSVError.self) { try table("a,b\n", ["c": .bool]) }
        #expect(
            error?.description == "line 1, column c: missing from the header, which has: a, b")
    }
}
