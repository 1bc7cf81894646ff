import Testing
import VarveBytes
import VarveFormats

/// Row groups that the writer is told, and one of them read alone.
@Suite struct ParquetGroupTests {
    private static func encode(_ table: Table, _ ends: [Int]?) -> [UInt8] {
        let options = ParquetFile.Options(
            rowsPerGroup: 11, compression: .lz4Sparingly, usesDifferences: true)
        return ParquetFile.encode(table, options, groupEnds: ends)
    }

    /// The columns of a row group, read from the ranges that are asked for and no other byte.
    private static func read(
        _ columns: Set<String>, _ file: [UInt8], group: Int?
    ) throws -> Table {
        let layout = try ParquetLayout(tail: file.raw, fileSize: Int64(file.count))
        let selection = try ParquetSelection(columns, layout, group: group)
        var bytes = [UInt8](repeating: 0xEE, count: selection.firstOffset)
        for range in selection.ranges {
            bytes += file[Int(range.lowerBound)..<Int(range.upperBound)]
        }
        #expect(bytes.count == selection.byteCount)
        return try selection.decode(bytes.raw)
    }

    /// Some ends of row groups, the last of which is the table's.
    private static func ends(_ random: inout SplitMix64, rows: Int) -> [Int] {
        var ends: [Int] = []
        while ends.last ?? 0 < rows {
            ends.append(
                min(rows, (ends.last ?? 0) + 1 + random.below(random.below(4) == 0 ? 60 : 9)))
        }
        return ends
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `each row group is that stretch of the table, and all are the table`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for rows in [0, 1, 9, 130] {
            let table = random.table(rows: rows)
            let ends = Self.ends(&random, rows: rows)
            let file = Self.encode(table, ends)
            #expect(try ParquetFile.decode(file.raw).columns == table.columns)
            #expect(
                try Self.read(Set(table.columns.map(\.name)), file, group: nil).columns
                    == table.columns)
            let layout = try ParquetLayout(tail: file.raw, fileSize: Int64(file.count))
            #expect(layout.columns.map(\.name) == table.columns.map(\.name))
            #expect(layout.columns.map(\.type) == table.columns.map(\.type))
            #expect(
                layout.groupRows == zip([0] + ends, ends).map { Int64($1 - $0) }, "seed \(seed)")
            var start = 0
            for (group, end) in ends.enumerated() {
                let wanted = Set(table.columns.map(\.name).filter { _ in random.below(3) > 0 })
                let found = try Self.read(wanted, file, group: group)
                let rows = (start..<end).map { Int32($0) }
                let expected = table.columns.filter { wanted.contains($0.name) }.map {
                    $0.taking(rows)
                }
                #expect(found.columns == expected, "seed \(seed), rows \(start)..<\(end)")
                start = end
            }
        }
    }

    @Test func `without ends, groups have rows as the options say`() throws {
        var random = SplitMix64(seed: 6)
        let table = random.table(rows: 40)
        let layout = Self.encode(table, nil)
        let groups = try ParquetLayout(tail: layout.raw, fileSize: Int64(layout.count)).groupRows
        #expect(groups == [11, 11, 11, 7])
        #expect(Self.encode(table, [11, 22, 33, 40]) == layout, "the same bytes")
    }

    @Test(arguments: [-1, 2, .max])
    func `a row group that is not there is an error`(group: Int) throws {
        let file = Self.encode(.sample(), [4, Table.sample().rowCount])
        let error = #expect(throws: ParquetError.self) {
            try Self.read(["time"], file, group: group)
        }
        #expect("\(try #require(error))".contains("2 row groups, expected more than \(group)"))
    }

    @Test func `ends that go back, or stop short, stop the program`() async {
        await #expect(processExitsWith: .failure) { _ = Self.encode(.sample(), [4, 4, 11]) }
        await #expect(processExitsWith: .failure) { _ = Self.encode(.sample(), [4, 10]) }
        await #expect(processExitsWith: .failure) { _ = Self.encode(.sample(), []) }
    }

    @Test func `a damaged end is an error, never a stop`() {
        let file = Self.encode(.sample(), [4, 9, Table.sample().rowCount])
        let size = ParquetFile.footerBytes(file.raw) ?? 0
        let start = file.count - size
        var random = SplitMix64(seed: 12)
        for _ in 0..<3000 {
            var damaged = file
            damaged[start + random.below(size)] = UInt8(truncatingIfNeeded: random.next())
            // Whatever it says: it ends.
            _ = try? Self.read(["time", "count", "late"], damaged, group: random.below(4))
        }
    }
}
