import Testing
import VarveBytes

@testable import VarveFormats

@Suite struct ColumnNumberingTests {
    /// Zeros and nulls, which have the same word, beside each other, few nulls or most of all;
    /// floats as their bits, integers close to each other, from the least on, or far apart.
    private static func column(
        _ random: inout SplitMix64, _ type: ColumnType, rows: Int, distinct: Int, hasNulls: Bool
    ) -> Column {
        var column = Column(name: "x", type: type)
        let nulls = [1, 25, 80, 100][random.below(4)]
        let start = [0, UInt64.max - 20, 1 << 63][random.below(3)]
        let gap = [1, 1, 900][random.below(3)]
        for _ in 0..<rows {
            if hasNulls, random.below(100) < nulls {
                column.appendNull()
            } else {
                let number = random.below(distinct)
                let word = start &+ UInt64(number * gap)
                let float = number % 7 == 3 ? -0.0 : Double(number) - 2
                column.append(word: type == .float64 ? float.bitPattern : word)
            }
        }
        return column
    }

    @Test(arguments: [ColumnType.int64, .timestamp, .float64], [false, true])
    func `cells are numbered by their bits, nulls are not`(type: ColumnType, hasNulls: Bool) throws {
        for seed in 0..<20 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let column = Self.column(
                &random, type, rows: 1 + random.below(600), distinct: 1 + random.below(40),
                hasNulls: hasNulls)
            let numbering = try #require(ColumnNumbering(column, limit: 50))
            #expect(numbering.numbers.count == column.count)
            #expect(Set(numbering.words).count == numbering.words.count)
            for (row, number) in numbering.numbers.enumerated() {
                #expect((number == -1) == column.isNull(row), "seed \(seed), row \(row)")
                if number >= 0 { #expect(numbering.words[Int(number)] == column.words[row]) }
            }
            for (number, count) in numbering.counts.enumerated() {
                #expect(count == numbering.numbers.count { Int($0) == number }, "seed \(seed)")
            }
        }
    }

    @Test func `a column of more distinct cells has none, and no column of texts or booleans`() {
        func numbers(_ count: Int, nulls: Int) -> Column {
            let numbers = (1...count).map { Column.Cell.int64(Int64($0)) }
            return Column(
                name: "x", type: .int64, cells: numbers + Array(repeating: .null, count: nulls))
        }
        #expect(ColumnNumbering(numbers(9, nulls: 0), limit: 9) != nil)
        #expect(ColumnNumbering(numbers(9, nulls: 2), limit: 9) != nil)
        #expect(ColumnNumbering(numbers(10, nulls: 0), limit: 9) == nil)
        #expect(ColumnNumbering(numbers(11, nulls: 2), limit: 9) == nil)
        #expect(ColumnNumbering(numbers(9, nulls: 30), limit: 9) != nil)
        #expect(ColumnNumbering(numbers(10, nulls: 30), limit: 9) == nil)
        for cell in [Column.Cell.bool(true), .string("x")] {
            let column = Column(name: "x", type: cell.type ?? .bool, cells: [cell])
            #expect(ColumnNumbering(column, limit: 9) == nil)
        }
    }

    @Test(arguments: [2046, 2047, 2048, 2049, 4095, 4096, 5000] as [Int64], [-1, 1] as [Int64])
    func `cells as far apart as a table reaches, or farther, are numbered`(
        gap: Int64, sign: Int64
    ) throws {
        for first in [0, 5000, Int64.max, Int64.min] {
            let cells = [first, first &+ sign * gap, first &+ sign, first, first &+ sign * gap]
            let column = Column(name: "x", type: .int64, cells: cells.map { .int64($0) })
            let numbering = try #require(ColumnNumbering(column, limit: 3))
            #expect(numbering.words == cells.prefix(3).map { UInt64(bitPattern: $0) })
            #expect(numbering.numbers == [0, 1, 2, 0, 1])
            #expect(numbering.counts == [2, 2, 1])
            #expect(ColumnNumbering(column, limit: 2) == nil)
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a file is the same whether its columns were numbered before or not`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let rows = 1 + random.below(900)
        var columns: [Column] = []
        for type in [ColumnType.int64, .timestamp, .float64] {
            for hasNulls in [false, true] {
                let cells = Self.column(
                    &random, type, rows: rows, distinct: 1 + random.below(200), hasNulls: hasNulls)
                var column = Column(name: "\(type.rawValue)-\(hasNulls)", type: type)
                column.append(cells)
                columns.append(column)
            }
        }
        let table = Table(columns: columns)
        // Some are not known; row groups begin anywhere.
        var numberings: [String: ColumnNumbering] = [:]
        for column in columns where random.below(4) > 0 {
            numberings[column.name] = ColumnNumbering(column, limit: 1000)
        }
        for group in [8, 40, 121, 1000] {
            for usesDifferences in [false, true] {
                let options = ParquetFile.Options(
                    rowsPerGroup: group, compression: .none, usesDifferences: usesDifferences)
                let encoding = ParquetFile.Encoding(table, options, numberings: numberings)
                var assembly = encoding.assembly()
                var file = ParquetFile.magic
                for number in 0..<encoding.chunkCount {
                    file += assembly.add(encoding.chunk(number))
                }
                file += assembly.end()
                #expect(file == ParquetFile.encode(table, options), "seed \(seed), \(group) rows")
                #expect((try? ParquetFile.decode(file.raw)) == table)
            }
        }
    }
}
