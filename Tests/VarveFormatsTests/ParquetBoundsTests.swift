import Testing
import VarveBytes

@testable import VarveFormats

@Suite struct ParquetBoundsTests {
    /// The bounds that a row group of doubles should state, by looking at one value after the other.
    private static func expected(_ values: [Double?]) -> (least: Double, most: Double)? {
        let present = values.compactMap(\.self)
        guard let first = present.first, !present.contains(where: \.isNaN) else { return nil }
        var (least, most) = (first, first)
        for value in present {
            if value < least { least = value }
            if value > most { most = value }
        }
        return (least == 0 ? -0.0 : least, most == 0 ? 0.0 : most)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `bounds of doubles hold all of them, zeros of either sign, and none holds for NaN`(
        seed: UInt64
    ) throws {
        var generator = SplitMix64(seed: seed)
        let pool: [Double] = [
            0.0, -0.0, 1.5, -1.5, .infinity, -.infinity, 1e-308, .leastNonzeroMagnitude,
            -.leastNonzeroMagnitude, 1e308,
        ]
        for count in 1..<40 {
            let hasNaN = generator.below(6) == 0
            let hasNulls = generator.below(2) == 0
            var values: [Double?] = (0..<count).map { _ in pool[generator.below(pool.count)] }
            if hasNaN { values[generator.below(count)] = .nan }
            if hasNulls {
                for index in values.indices where generator.below(3) == 0 { values[index] = nil }
            }
            var column = Column(name: "x", type: .float64)
            for value in values {
                if let value { column.append(value) } else { column.appendNull() }
            }
            let start = generator.below(count)
            let rows = start..<start + 1 + generator.below(count - start)
            let found = ParquetBounds.statistics(of: column, rows)
            let expected = Self.expected(Array(values[rows]))
            func bits(_ bytes: [UInt8]?) -> UInt64? { bytes.map { $0.raw.littleEndian(at: 0) } }
            #expect(
                bits(found.minimum) == expected?.least.bitPattern
                    && bits(found.maximum) == expected?.most.bitPattern,
                "seed \(seed): \(values[rows])")
            #expect(found.nullCount == Int64(values[rows].count { $0 == nil }))
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 9])
    func `chunks that are encoded in any order are the same file`(groups: Int) throws {
        var random = SplitMix64(seed: UInt64(groups))
        let table = random.table(rows: 10 * groups - 3)
        let options = ParquetFile.Options(rowsPerGroup: 10)
        let plain = ParquetFile.encode(table, options)
        let encoding = ParquetFile.Encoding(table, options)
        let backwards = (0..<encoding.chunkCount).reversed().map { encoding.chunk($0) }
        var assembly = encoding.assembly()
        var file = ParquetFile.magic
        for chunk in backwards.reversed() { file += assembly.add(chunk) }
        file += assembly.end()
        #expect(plain == file)
        #expect(try ParquetFile.decode(file.raw) == table)
    }

    @Test func `a file with chunks missing stops the program`() async {
        await #expect(processExitsWith: .failure) {
            let column = Column(name: "n", type: .int64, cells: [.int64(1)])
            let encoding = ParquetFile.Encoding(Table(columns: [column, column]), .init())
            var assembly = encoding.assembly()
            _ = assembly.add(encoding.chunk(0))
            _ = assembly.end()
        }
    }
}
