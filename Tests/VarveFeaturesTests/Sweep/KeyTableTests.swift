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
}
