import VarveBytes

/// The rows of a spine, put together by key and in order of time within each.
public struct KeyedRows: Sendable {
    public let keys: KeyTable
    /// Rows that have a key.
    public let order: [Int32]
    /// T of each of `order`.
    public let times: [Int64]
    /// Where the rows of each key begin in `order`, and where the last ones end.
    public let starts: [Int]
    /// Rows whose key has a null.
    public let keyless: [Int32]

    /// Calls a function with each number below a count and answers the results in that order: what
    /// a caller with threads to spare does on several of them.
    public typealias Mapping = (Int, @escaping @Sendable (Int) -> Part) -> [Part]

    /// The rows of some neighbouring keys, in order.
    public struct Part: Sendable {
        fileprivate var rows: [TimedRow]
        /// Rows of each key.
        fileprivate var counts: [Int]
    }

    fileprivate struct TimedRow: AnyBits {
        let time: Int64
        let row: Int32
        let key: Int32
    }

    /// Parts at most: rows are put into so many places at once without leaving the caches.
    private static let partsMax = 64

    /// - Parameters:
    ///   - times: T of every row that `keys` numbers.
    ///   - map: orders parts; nil does it one after the other.
    public init(_ keys: KeyTable, times: [Int64], map: Mapping? = nil) {
        self.keys = keys
        var shift = 0
        while keys.count >> shift > Self.partsMax { shift += 1 }
        let count = keys.count == 0 ? 0 : ((keys.count - 1) >> shift) + 1
        let (parted, ends, keyless) = Self.parted(keys.numbers, times, shift, count)
        let width = 1 << shift
        let order: @Sendable (Int) -> Part = { part in
            let first = part * width
            return Part(
                parted[ends[part]..<ends[part + 1]],
                keys: first..<min(first + width, keys.count))
        }
        let parts = map?(count, order) ?? (0..<count).map(order)
        var starts = [0]
        starts.reserveCapacity(keys.count + 1)
        for part in parts {
            for count in part.counts { starts.append(starts[starts.count - 1] + count) }
        }
        (self.starts, self.keyless) = (starts, keyless)
        self.order = Self.each(parts, parted.count) { $0.row }
        self.times = Self.each(parts, parted.count) { $0.time }
    }

    @inline(__always)
    private static func each<Element: BitwiseCopyable>(
        _ parts: [Part], _ count: Int, _ value: (TimedRow) -> Element
    ) -> [Element] {
        [Element](capacity: count) { (elements: inout OutputSpan<Element>) in
            for part in parts {
                let rows = part.rows.span
                for index in rows.indices { elements.append(value(rows[index])) }
            }
        }
    }

    /// Rows by part, in their order within each, where parts begin and the last one ends, and rows
    /// without a key.
    private static func parted(
        _ numbers: [Int32], _ times: [Int64], _ shift: Int, _ count: Int
    ) -> (rows: [TimedRow], starts: [Int], keyless: [Int32]) {
        let shift = Int32(shift)
        var starts = Array(repeating: 0, count: count + 1)
        for number in numbers where number >= 0 { starts[Int(number >> shift) + 1] += 1 }
        for part in 0..<count { starts[part + 1] += starts[part] }
        var keyless: [Int32] = []
        let rows = [TimedRow](count: starts[count]) { rows in
            var next = starts
            var places = next.mutableSpan
            let (numbers, times) = (numbers.span, times.span)
            for row in numbers.indices {
                let number = numbers[row]
                if number < 0 {
                    keyless.append(Int32(truncatingIfNeeded: row))
                    continue
                }
                let part = Int(number >> shift)
                rows[places[part]] = TimedRow(
                    time: times[row], row: Int32(truncatingIfNeeded: row), key: number)
                places[part] += 1
            }
        }
        return (rows, starts, keyless)
    }
}

extension KeyedRows.Part {
    /// Puts rows of some keys together by key.
    fileprivate init(_ parted: ArraySlice<KeyedRows.TimedRow>, keys: Range<Int>) {
        counts = Array(repeating: 0, count: keys.count)
        let first = keys.lowerBound
        for row in parted { counts[Int(row.key) - first] += 1 }
        var next: [Int] = []
        var start = 0
        for count in counts {
            next.append(start)
            start += count
        }
        rows = [KeyedRows.TimedRow](count: parted.count) { rows in
            var places = next.mutableSpan
            let parted = parted.span
            for index in parted.indices {
                let row = parted[index]
                let key = Int(row.key) - first
                rows[places[key]] = row
                places[key] += 1
            }
        }
        start = 0
        for count in counts {
            TimeOrder.sort(&rows, start..<(start + count)) { $0.time }
            start += count
        }
    }
}
