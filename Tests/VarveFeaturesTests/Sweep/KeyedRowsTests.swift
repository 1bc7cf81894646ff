import Testing
import VarveBytes
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

@Suite struct KeyedRowsTests {
    /// Pieces from the last one to the first, as threads may do them.
    private struct Backwards: Workers {
        func map<Piece: Sendable>(
            _ count: Int, _ piece: @escaping @Sendable (Int) -> Piece
        ) -> [Piece] {
            (0..<count).reversed().map(piece).reversed()
        }
    }

    private static func column(
        _ random: inout SplitMix64, _ type: ColumnType, rows: Int, distinct: Int, nulls: Int
    ) -> Column {
        var column = Column(name: type.rawValue, type: type, capacity: rows)
        for _ in 0..<rows {
            let number = random.below(distinct)
            if random.chance(nulls) {
                column.appendNull()
            } else if type == .string {
                column.append("key \(number)")
            } else {
                column.append(word: UInt64(number) << [0, 33][number % 2])
            }
        }
        return column
    }

    /// Few rows are one part, many are several, and more than one chunk of them.
    @Test(arguments: [[ColumnType.int64], [.string], [.int64, .string]], [0, 1, 50, 9000, 140_000])
    func `rows lie by key in order of hash, and by time within each`(
        types: [ColumnType], rows: Int
    ) throws {
        for (distinct, nulls) in [(1, 0), (40, 10), (rows + 1, 0), (3, 100)] {
            var random = SplitMix64(seed: UInt64(rows + distinct))
            let columns = types.map {
                Self.column(&random, $0, rows: rows, distinct: distinct, nulls: nulls)
            }
            var times = Column(name: "at", type: .timestamp, capacity: rows)
            for row in 0..<rows { times.append(word: UInt64(row / 2 + random.below(9))) }
            let found = KeyedRows(columns, times: times)
            let numbers = found.keys.numbers(columns, rows: rows)
            // By key, time and row: the slow and obvious way.
            let expected = numbers.indices.filter { numbers[$0] >= 0 }.sorted {
                (numbers[$0], times.words[$0], $0) < (numbers[$1], times.words[$1], $1)
            }
            #expect(found.order == expected.map { Int32($0) })
            #expect(found.times == expected.map { Int64(times.words[$0]) })
            #expect(found.keyless == numbers.indices.filter { numbers[$0] < 0 }.map { Int32($0) })
            #expect(found.numbers(rows: rows) == numbers)
            try #require(found.starts.count == found.keys.count + 1)
            var starts = [0]
            for row in expected.indices.dropFirst()
            where numbers[expected[row]] != numbers[expected[row - 1]] { starts.append(row) }
            #expect(found.starts == (expected.isEmpty ? [0] : starts + [expected.count]))
            let hashes = KeyTable.hashes(columns, rows: rows)
            let inOrder = expected.compactMap { hashes[$0] }
            #expect(zip(inOrder, inOrder.dropFirst()).allSatisfy { $0 <= $1 })
            let other = KeyedRows(columns, times: times, workers: Backwards())
            #expect(other.order == found.order && other.times == found.times)
            #expect(other.starts == found.starts && other.keyless == found.keyless)
        }
    }

    @Test func `rows of keys that only share their hash lie apart`() {
        // Two integers are folded one after the other: the second makes up for the first. Others
        // come before and after them in order of hash.
        let start: UInt64 = 0x9e37_79b9_7f4a_7c15
        let rows = 400
        let firsts = (0..<rows).map { UInt64($0 * 7 % 41) }
        let seconds = firsts.map { first in
            first < 5 ? KeyHash.mixed(start ^ first) ^ 77 : first % 3
        }
        let columns = [firsts, seconds].map { words in
            Column(name: "k", type: .int64, cells: words.map { .int64(Int64(bitPattern: $0)) })
        }
        let times = Column(
            name: "at", type: .timestamp,
            cells: (0..<rows).map { .timestamp(Timestamp(microseconds: Int64($0 % 11))) })
        let found = KeyedRows(columns, times: times)
        #expect(found.keys.count == 41)
        let hashes = Set(KeyTable.hashes(columns, rows: rows))
        #expect(hashes.count == 37)
        let numbers = found.keys.numbers(columns, rows: rows)
        var byFirst: [UInt64: Int32] = [:]
        for (first, number) in zip(firsts, numbers) {
            #expect(byFirst[first] ?? number == number && number >= 0)
            byFirst[first] = number
        }
        #expect(Set(byFirst.values).count == 41)
        #expect(found.numbers(rows: rows) == numbers)
        let expected = (0..<rows).sorted {
            (numbers[$0], $0 % 11, $0) < (numbers[$1], $1 % 11, $1)
        }
        #expect(found.order == expected.map { Int32($0) })
    }
}
