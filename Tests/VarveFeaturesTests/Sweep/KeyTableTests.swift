import Testing
import VarveBytes
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

/// Keys in order of their hashes, as entity runs have them.
@Suite struct KeyTableTests {
    /// The fields of a key.
    enum Shape: String, CaseIterable {
        case int64, bool, timestamp, float64, text, textAndNumber, numberAndText, twoTexts

        var types: [ColumnType] {
            switch self {
            case .int64: [.int64]
            case .bool: [.bool]
            case .timestamp: [.timestamp]
            case .float64: [.float64]
            case .text: [.string]
            case .textAndNumber: [.string, .int64]
            case .numberAndText: [.timestamp, .string]
            case .twoTexts: [.string, .string]
            }
        }
    }

    /// Cells of few and many values, a null now and then.
    private static func column(
        _ random: inout SplitMix64, _ type: ColumnType, rows: Int, distinct: Int, nulls: Int
    ) -> Column {
        let cells = (0..<rows).map { _ -> Column.Cell in
            if random.chance(nulls) { return .null }
            let number = random.below(distinct)
            switch type {
            case .bool: return .bool(number % 2 == 0)
            case .int64: return .int64(Int64(number) << [0, 40][number % 2])
            case .float64: return .float64([0, -0.0, Double(number) / 3][number % 3])
            case .string: return .string(String(repeating: "k", count: number % 11) + "\(number)")
            case .timestamp: return .timestamp(Timestamp(microseconds: -Int64(number)))
            }
        }
        return Column(name: "k", type: type, cells: cells)
    }

    private static func columns(
        _ random: inout SplitMix64, _ shape: Shape, rows: Int, distinct: Int, nulls: Int
    ) -> [Column] {
        shape.types.map { column(&random, $0, rows: rows, distinct: distinct, nulls: nulls) }
    }

    /// A row's cells, zeros of either sign alike; nil where one is null.
    private static func key(_ columns: [Column], _ row: Int) -> [Column.Cell]? {
        let cells = columns.map { $0.cell(row) }
        if cells.contains(.null) { return nil }
        return cells.map { $0 == .float64(0) ? .float64(0) : $0 }
    }

    @Test(arguments: Shape.allCases, [0, 1, 40, 3000])
    func `numbers ascend by hash, and are those of the same keys`(shape: Shape, rows: Int) throws {
        var random = SplitMix64(seed: UInt64(rows))
        for (distinct, nulls) in [(3, 0), (3, 20), (rows + 1, 0), (rows + 1, 10)] {
            let known = Self.columns(
                &random, shape, rows: rows, distinct: distinct, nulls: nulls)
            let asked = Self.columns(
                &random, shape, rows: rows, distinct: 2 * distinct, nulls: nulls)
            let table = KeyTable(known, rows: rows)
            let own = table.numbers(known, rows: rows)
            let hashes = KeyTable.hashes(known, rows: rows)
            // By key its number and hash.
            var numbers: [[Column.Cell]: (number: Int32, hash: UInt64)] = [:]
            for row in 0..<rows {
                guard let key = Self.key(known, row) else {
                    #expect(own[row] == -1 && hashes[row] == nil)
                    continue
                }
                let hash = try #require(hashes[row])
                let found = numbers[key] ?? (own[row], hash)
                #expect(found == (own[row], hash), "\(key)")
                numbers[key] = found
            }
            #expect(Set(numbers.values.map(\.number)) == Set(0..<Int32(table.count)))
            let inOrder = numbers.values.sorted { $0.number < $1.number }.map(\.hash)
            #expect(zip(inOrder, inOrder.dropFirst()).allSatisfy { $0 <= $1 })
            // Others find them, and nothing else.
            let found = table.numbers(asked, rows: rows)
            for row in 0..<rows {
                let number = Self.key(asked, row).flatMap { numbers[$0]?.number } ?? -1
                #expect(found[row] == number)
            }
            for hash in inOrder + inOrder.map({ $0 &+ 1 }) + [0, .max] {
                let place = inOrder.firstIndex { $0 >= hash } ?? table.count
                #expect(table.firstNumber(from: hash) == place)
            }
        }
    }

    @Test(arguments: Shape.allCases, [0, 1, 2, 100])
    func `groups are neighbouring rows with one key`(shape: Shape, rows: Int) {
        var random = SplitMix64(seed: UInt64(rows) + 9)
        for nulls in [0, 15] {
            let keys = Self.columns(&random, shape, rows: 8, distinct: 3, nulls: 0)
            let table = KeyTable(keys, rows: 8)
            let asked = Self.columns(&random, shape, rows: rows, distinct: 4, nulls: nulls)
            let groups = table.groups(asked, rows: rows)
            #expect(groups.starts.last == rows && groups.starts.first == 0)
            #expect(groups.numbers.count == groups.starts.count - 1)
            let numbers = table.numbers(asked, rows: rows)
            var byGroup: [Int32] = []
            for (group, number) in groups.numbers.enumerated() {
                let start = groups.starts[group]
                #expect(start < groups.starts[group + 1])
                byGroup += repeatElement(number, count: groups.starts[group + 1] - start)
                // A row that looks like the one before it begins no group.
                let isSame = start > 0 && asked.allSatisfy { $0.cell(start) == $0.cell(start - 1) }
                #expect(!isSame || shape == .float64, "row \(start)")
            }
            #expect(byGroup == numbers)
        }
    }

    @Test func `keys that only share their hash are told apart`() throws {
        // Two integers are folded one after the other: the second makes up for the first.
        let start: UInt64 = 0x9e37_79b9_7f4a_7c15
        let firsts: [UInt64] = [1, 2, 3, 2, 1, 9]
        let seconds = firsts.map { first in
            first == 9 ? 5 : KeyHash.mixed(start ^ first) ^ 77
        }
        func columns(_ rows: [Int]) -> [Column] {
            [firsts, seconds].map { words in
                Column(
                    name: "k", type: .int64,
                    cells: rows.map { .int64(Int64(bitPattern: words[$0])) })
            }
        }
        let known = columns([0, 1, 3, 4, 5])
        #expect(Set(KeyTable.hashes(known, rows: 4)).count == 1)
        let table = KeyTable(known, rows: 5)
        #expect(table.count == 3)
        let numbers = table.numbers(columns([0, 1, 2, 3, 4, 5]), rows: 6)
        #expect(numbers[0] == numbers[4] && numbers[1] == numbers[3] && numbers[2] == -1)
        #expect(Set([numbers[0], numbers[1], numbers[5]]) == [0, 1, 2])
        let groups = table.groups(columns([0, 4, 1, 3, 2, 5]), rows: 6)
        #expect(groups.starts == [0, 2, 4, 5, 6])
        #expect(groups.numbers == [numbers[0], numbers[1], -1, numbers[5]])
    }

    @Test func `zeros of either sign are one key, and so are equal booleans`() {
        func numbers(_ type: ColumnType, _ cells: [Column.Cell], _ asked: [Column.Cell]) -> [Int] {
            let table = KeyTable([Column(name: "k", type: type, cells: cells)], rows: cells.count)
            let all = Column(name: "k", type: type, cells: cells + asked)
            let found = table.numbers([all], rows: all.count)
            // By their first row.
            return found.map { $0 < 0 ? -1 : found.firstIndex(of: $0) ?? -1 }
        }
        let floats: [Column.Cell] = [.float64(-0.0), .null, .float64(1.5), .float64(0), .float64(1.5)]
        #expect(
            numbers(.float64, floats, [.float64(0), .float64(-1.5), .null, .float64(1.5)])
                == [0, -1, 2, 0, 2, 0, -1, -1, 2])
        #expect(
            numbers(.bool, [.bool(true), .null, .bool(true)], [.bool(false), .bool(true), .null])
                == [0, -1, 0, -1, 0, -1])
    }

    /// Files of entity runs are in the order of these.
    @Test func `hashes are pinned`() {
        func hashes(_ cells: [[Column.Cell]]) -> [String] {
            let columns = cells.map { cells in
                Column(name: "k", type: cells.compactMap(\.type)[0], cells: cells)
            }
            return KeyTable.hashes(columns, rows: cells[0].count).map { hash in
                hash.map { String($0, radix: 16) } ?? "nil"
            }
        }
        let time = Timestamp(microseconds: 1_577_836_800_000_000)
        let texts: [Column.Cell] = [
            .string(""), .string("a"), .null, .string("eight by"), .string("caf\u{e9} au lait"),
        ]
        let numbers: [Column.Cell] = [.int64(0), .int64(1), .int64(-1), .null, .int64(.max)]
        #expect(
            hashes([numbers]) == [
                "850f9794d5108b4", "66996336cc1a94a0", "d440f67a4a6a0324", "nil", "5bd49190ab7412f",
            ])
        #expect(hashes([[.bool(false), .bool(true)]]) == ["850f9794d5108b4", "66996336cc1a94a0"])
        #expect(
            hashes([[.float64(0), .float64(-0.0), .float64(1.5)]]) == [
                "850f9794d5108b4", "850f9794d5108b4", "f9f4f3dd5e1335d1",
            ])
        #expect(hashes([[.timestamp(time)]]) == ["2b8027d9dfc76453"])
        #expect(
            hashes([texts]) == [
                "111800fa8b726d55", "dcf4d6043a077290", "nil", "7e6960ddeb7d034",
                "8f2dcb4358d70eca",
            ])
        #expect(
            hashes([texts, numbers]) == [
                "70babfb025a8319f", "2b3187fb7d32bd68", "nil", "nil", "ebf11cf623236789",
            ])
        #expect(
            hashes([numbers, texts]) == [
                "70babfb025a8319f", "3a0c4008edd2bab7", "nil", "nil", "62e18af88525c60c",
            ])
    }
}
