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

    /// - Parameter times: T of every row that `keys` numbers.
    public init(_ keys: KeyTable, times all: [Int64]) {
        var starts = Array(repeating: 0, count: keys.count + 1)
        for number in keys.numbers where number >= 0 { starts[Int(number) + 1] += 1 }
        for key in 0..<keys.count { starts[key + 1] += starts[key] }
        var keyless: [Int32] = []
        var ordered = [TimedRow](count: starts[keys.count]) { ordered in
            var next = starts
            var places = next.mutableSpan
            let (numbers, all) = (keys.numbers.span, all.span)
            for row in numbers.indices {
                let number = Int(numbers[row])
                if number < 0 {
                    keyless.append(Int32(truncatingIfNeeded: row))
                    continue
                }
                let place = places[number]
                places[number] = place + 1
                ordered[place] = TimedRow(time: all[row], row: row)
            }
        }
        for key in 0..<keys.count {
            TimeOrder.sort(&ordered, starts[key]..<starts[key + 1]) { $0.time }
        }
        self.keys = keys
        order = ordered.map { Int32(truncatingIfNeeded: $0.row) }
        times = ordered.map(\.time)
        (self.starts, self.keyless) = (starts, keyless)
    }
    private struct TimedRow: AnyBits {
        let time: Int64
        let row: Int
    }
}
