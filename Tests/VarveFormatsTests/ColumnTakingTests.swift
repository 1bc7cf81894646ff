import Testing
import VarveBytes
import VarveFormats

@Suite struct ColumnTakingTests {
    @Test(arguments: ColumnType.allCases)
    func `rows that are taken have the cells they had`(type: ColumnType) {
        var random = SplitMix64(seed: 21)
        for count in [0, 1, 7, 8, 9, 200] {
            let cells = (0..<count).map { _ in random.cell(type) }
            let present = cells.map { cell in
                // Without a null, validity is made at once.
                cell == .null ? Column(name: "c", type: type).filler : cell
            }
            for cells in [cells, present] {
                let column = Column(name: "c", type: type, cells: cells)
                // All; none; backwards; some, also more than once.
                let choices: [[Int32]] = [
                    Array(0..<Int32(count)), [], Array((0..<Int32(count)).reversed()),
                    count == 0 ? [] : (0..<(2 * count)).map { _ in Int32(random.below(count)) },
                ]
                for rows in choices {
                    let expected = Column(
                        name: "c", type: type, cells: rows.map { cells[Int($0)] })
                    #expect(column.taking(rows) == expected, "\(rows.count) of \(count)")
                }
            }
        }
    }

    @Test(arguments: ColumnType.allCases)
    func `a column that was taken can grow`(type: ColumnType) {
        var random = SplitMix64(seed: 22)
        let cells = (0..<40).map { _ in random.cell(type) }
        let column = Column(name: "c", type: type, cells: cells)
        let rows: [Int32] = [3, 39, 0, 7, 7]
        var taken = column.taking(rows)
        taken.append(column)
        taken.append(column.taking(rows))
        let some = rows.map { cells[Int($0)] }
        #expect(taken == Column(name: "c", type: type, cells: some + cells + some))
    }
}

extension Column {
    /// A cell of its type that is no null.
    fileprivate var filler: Cell {
        switch type {
        case .bool: .bool(true)
        case .int64: .int64(-1)
        case .float64: .float64(0.5)
        case .string: .string("\u{20ac}")
        case .timestamp: .timestamp(Timestamp(microseconds: 7))
        }
    }
}
