import Testing
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

@Suite struct KeyTableTests {
    @Test(arguments: [1, 3, 500, 5000])
    func `numbers of whole columns are those of single rows`(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        // Few and many keys, zero and the extremes among them; some bits are always the same.
        func cell() -> Column.Cell {
            let word = Int64(truncatingIfNeeded: random.next()) % Int64(count)
            return [.null, .int64(word << 20), .int64(word), .int64(-word), .int64(.max)][
                Int(random.next() % 5)]
        }
        let known = (0..<count).map { _ in cell() }
        let asked = (0..<(2 * count)).map { _ in cell() }
        let table = KeyTable([Column(name: "k", type: .int64, cells: known)], rows: count)
        // In order of first appearance; a null has none.
        var first: [Column.Cell: Int32] = [:]
        for (row, cell) in known.enumerated() {
            if cell != .null, first[cell] == nil { first[cell] = Int32(first.count) }
            #expect(table.numbers[row] == first[cell] ?? -1, "\(cell) in row \(row)")
        }
        #expect(table.count == first.count)
        let numbers = table.numbers(
            [Column(name: "k", type: .int64, cells: asked)], rows: asked.count)
        for (number, cell) in zip(numbers, asked) {
            let first = cell == .null ? nil : known.firstIndex(of: cell)
            #expect(number == first.map { table.numbers[$0] } ?? -1, "\(cell)")
        }
    }

    @Test func `zeros of either sign are one key, and so are equal booleans`() {
        func numbers(_ type: ColumnType, _ cells: [Column.Cell], _ asked: [Column.Cell]) -> [[Int32]] {
            let table = KeyTable([Column(name: "k", type: type, cells: cells)], rows: cells.count)
            let found = table.numbers(
                [Column(name: "k", type: type, cells: asked)], rows: asked.count)
            return [table.numbers, found]
        }
        let floats: [Column.Cell] = [.float64(-0.0), .null, .float64(1.5), .float64(0), .float64(1.5)]
        #expect(
            numbers(.float64, floats, [.float64(0), .float64(-1.5), .null, .float64(1.5)])
                == [[0, -1, 1, 0, 1], [0, -1, -1, 1]])
        #expect(
            numbers(.bool, [.bool(true), .null, .bool(true)], [.bool(false), .bool(true), .null])
                == [[0, -1, 0], [-1, 0, -1]])
    }
}
