import Testing
import VarveBytes
import VarveFormats

/// Columns whose pages alone were fetched.
@Suite struct ParquetSelectionTests {
    /// The columns, read from the ranges that a selection asks for and from no other byte.
    private static func read(
        _ columns: Set<String>, _ file: [UInt8], tail: [UInt8]
    ) throws -> Table {
        let selection = try ParquetSelection(
            columns, ParquetLayout(tail: tail.raw, fileSize: Int64(file.count)))
        var bytes = [UInt8](repeating: 0xEE, count: selection.firstOffset)
        for range in selection.ranges {
            bytes += file[Int(range.lowerBound)..<Int(range.upperBound)]
        }
        #expect(bytes.count == selection.byteCount)
        return try selection.decode(bytes.raw)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any columns are those of the whole file`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for rows in [0, 1, 9, 130] {
            let table = random.table(rows: rows)
            let names = table.columns.map(\.name)
            for group in [8, 64] {
                let file = ParquetFile.encode(table, .init(rowsPerGroup: group))
                let size = ParquetFile.footerBytes(file.raw) ?? 0
                for tail in [file, Array(file.suffix(size)), Array(file.suffix(size + 7))] {
                    let wanted = Set(names.filter { _ in random.below(2) == 0 })
                    let found = try Self.read(wanted, file, tail: tail)
                    let expected = try ParquetFile.decode(file.raw, columns: wanted)
                    #expect(found == expected, "seed \(seed), \(rows) rows, \(wanted)")
                }
            }
        }
    }

    @Test func `neighbouring pages are one range`() throws {
        let file = ParquetFile.encode(.sample(), .init(rowsPerGroup: 100))
        let all = Set(Table.sample().columns.map(\.name))
        let selection = try ParquetSelection(
            all, ParquetLayout(tail: file.raw, fileSize: Int64(file.count)))
        #expect(selection.ranges.count == 1, "\(selection.ranges)")
        let one = try ParquetSelection(
            ["time"], ParquetLayout(tail: file.raw, fileSize: Int64(file.count)))
        #expect(one.ranges.count == 1 && one.byteCount < selection.byteCount / 2)
    }

    @Test func `a damaged end is an error, never a stop`() {
        let file = ParquetFile.encode(.sample(), .init(rowsPerGroup: 4))
        let size = ParquetFile.footerBytes(file.raw) ?? 0
        let tail = Array(file.suffix(size))
        for cut in 0..<tail.count {
            #expect(throws: ParquetError.self, "cut at \(cut)") {
                _ = try Self.read(["time"], file, tail: Array(tail[cut...].dropLast()))
            }
        }
        var random = SplitMix64(seed: 11)
        for _ in 0..<3000 {
            var damaged = tail
            damaged[random.below(damaged.count)] = UInt8(truncatingIfNeeded: random.next())
            // Whatever it says: it ends.
            _ = try? Self.read(["time", "count"], file, tail: damaged)
        }
    }
}
