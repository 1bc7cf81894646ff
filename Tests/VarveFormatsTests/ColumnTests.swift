import Testing
import VarveBytes
import VarveFormats

extension SplitMix64 {
    /// A cell of the type, null once in four.
    mutating func cell(_ type: ColumnType) -> Column.Cell {
        if below(4) == 0 { return .null }
        switch type {
        case .bool: return .bool(below(2) == 0)
        case .int64: return .int64(integer())
        case .float64: return .float64(double())
        case .string: return .string(text())
        case .timestamp: return .timestamp(Timestamp(microseconds: integer() >> 8))
        }
    }

    /// A table with a column of every type and some more.
    mutating func table(rows: Int) -> Table {
        let types = ColumnType.allCases + (0..<below(4)).map { _ in ColumnType.allCases[below(5)] }
        let columns = types.enumerated().map { index, type in
            Column(
                name: "\(type.rawValue) \(index)", type: type,
                cells: (0..<rows).map { _ in cell(type) })
        }
        return Table(columns: columns)
    }
}

@Suite struct ColumnTests {
    @Test(arguments: ColumnType.allCases)
    func `cells come back as they were appended`(type: ColumnType) {
        var random = SplitMix64(seed: 11)
        let cells = (0..<300).map { _ in random.cell(type) }
        let column = Column(name: "c", type: type, cells: cells)
        #expect((0..<300).map { column.cell($0) } == cells)
        #expect((0..<300).map { column.isNull($0) } == cells.map { $0 == .null })
        #expect(column.nullCount == cells.filter { $0 == .null }.count)
        #expect(column.count == 300)
    }

    @Test func `typed access gives the value, and nil for null`() {
        let moment = Timestamp(microseconds: -5)
        #expect(Column(name: "c", type: .bool, cells: [.bool(true)]).bool(0) == true)
        #expect(Column(name: "c", type: .int64, cells: [.int64(-3)]).int64(0) == -3)
        #expect(Column(name: "c", type: .float64, cells: [.float64(0.1)]).float64(0) == 0.1)
        #expect(
            Column(name: "c", type: .timestamp, cells: [.timestamp(moment)]).timestamp(0) == moment)
        let texts = Column(
            name: "c", type: .string, cells: [.string("\u{e9}"), .null, .string("")])
        #expect(texts.string(0) == "\u{e9}")
        #expect(texts.string(1) == nil)
        #expect(texts.string(2) == "")
        #expect(texts.utf8(0).copied() == [0xc3, 0xa9])
    }

    @Test func `the digest depends on type, values and nulls, not on the name`() {
        func digest(_ name: String, _ type: ColumnType, _ cells: [Column.Cell]) -> Digest {
            Column(name: name, type: type, cells: cells).digest
        }
        let digests = [
            digest("a", .int64, [.int64(0)]), digest("a", .int64, [.null]),
            digest("a", .int64, []), digest("a", .float64, [.float64(0)]),
            digest("a", .float64, [.float64(-0.0)]), digest("a", .string, [.string("")]),
            digest("a", .string, [.string("ab"), .string("c")]),
            digest("a", .string, [.string("a"), .string("bc")]), digest("a", .bool, [.bool(false)]),
            digest("a", .bool, [.bool(true)]),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(digest("a", .int64, [.int64(0)]) == digest("b", .int64, [.int64(0)]))
        // Pinned: manifests of training sets hold these.
        #expect(
            digest("a", .string, [.string("ab"), .null]).description
                == "4ec82d55b192d44992d0130ef0d95a734d5a806b1ff59df63ace39160ae86499")
    }

    @Test func `a value of another type stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var column = Column(name: "c", type: .bool)
            column.append("text")
        }
    }

    @Test func `columns of different lengths make no table`() async {
        await #expect(processExitsWith: .failure) {
            _ = Table(columns: [
                Column(name: "a", type: .bool, cells: [.null]), Column(name: "b", type: .bool),
            ])
        }
    }

    @Test(arguments: [0, 1, 7, 8, 9, 64, 301])
    func `a column of words and marks is that of its cells`(count: Int) {
        var random = SplitMix64(seed: 12)
        for valid in [UInt8(0), 3, 127] {
            let marks = (0..<count).map { _ in [0, 1, 3, 64, 126, 127, valid][random.below(7)] }
            let words = marks.map { $0 == valid ? random.next() : 0 }
            let column = Column(
                name: "c", type: .int64, words: words, marks: marks, valid: valid)
            let cells = zip(words, marks).map { word, mark in
                mark == valid ? Column.Cell.int64(Int64(bitPattern: word)) : .null
            }
            #expect(column == Column(name: "c", type: .int64, cells: cells))
        }
    }

    @Test func `digests of two columns are those of each`() {
        var random = SplitMix64(seed: 13)
        for (rows, otherRows) in [(0, 0), (0, 9), (300, 300), (20_000, 300)] {
            let (one, other) = (random.table(rows: rows), random.table(rows: otherRows))
            for (left, right) in zip(one.columns, other.columns.reversed()) {
                let (digest, otherDigest) = Column.digests(left, right)
                #expect(digest == left.digest)
                #expect(otherDigest == right.digest)
            }
        }
    }
}
