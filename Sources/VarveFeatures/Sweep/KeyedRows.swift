import VarveBytes
public import VarveFormats

/// The rows of a spine, put together by key and in order of time within each.
///
/// Rows are parted by the highest bits of their keys' hashes, a chunk of them at a time; then each
/// part's keys are numbered and its rows put in order. Both goes on as many threads as there are.
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

    fileprivate struct HashedRow: AnyBits {
        let word: UInt64
        let time: Int64
        let row: Int32
        /// No gap: see `AnyBits`.
        var unused: Int32 = 0
    }

    private static let rowsPerChunk = 1 << 16
    /// Parts are two to this power at most: rows are put into so many places at once without leaving
    /// the caches.
    private static let partBitsMax = 6
    /// Rows of a part at least, about.
    private static let partBits = 12

    /// - Parameters:
    ///   - columns: the key's fields.
    ///   - times: T of every row.
    public init(_ columns: [Column], times: Column, workers: some Workers = OneWorker()) {
        let rows = times.count
        var bits = 0
        while bits < Self.partBitsMax, rows >> (Self.partBits + bits) > 0 { bits += 1 }
        let parting = Parting(bits: bits)
        let cells = KeyCells(columns)
        let starts = Array(stride(from: 0, to: rows, by: Self.rowsPerChunk))
        let chunks = workers.map(starts.count) { number in
            let start = starts[number]
            return Chunk(cells, times, start..<min(rows, start + Self.rowsPerChunk), parting)
        }
        let parts = workers.map(parting.count) { Part(cells, chunks, $0) }
        self.init(parts, keyless: chunks.flatMap(\.keyless), areWords: cells.areWords)
    }

    private init(_ parts: [Part], keyless: [Int32], areWords: Bool) {
        var (keys, starts) = (KeyStretch(), [0])
        for part in parts {
            keys.append(part.keys)
            for count in part.counts { starts.append(starts[starts.count - 1] + count) }
        }
        self.keys = KeyTable(keys, areWords: areWords)
        (self.starts, self.keyless) = (starts, keyless)
        var (order, times): ([Int32], [Int64]) = ([], [])
        order.reserveCapacity(starts[starts.count - 1])
        times.reserveCapacity(starts[starts.count - 1])
        for part in parts {
            order += part.order
            times += part.times
        }
        (self.order, self.times) = (order, times)
    }

    @inline(__always)
    fileprivate static func each<Element: BitwiseCopyable>(
        _ slices: [ArraySlice<HashedRow>], _ count: Int, _ value: (HashedRow) -> Element
    ) -> [Element] {
        [Element](capacity: count) { (elements: inout OutputSpan<Element>) in
            for slice in slices {
                let rows = slice.span
                for index in rows.indices { elements.append(value(rows[index])) }
            }
        }
    }

    /// For each row of the spine the number of its key; -1 where that has a null.
    /// - Parameter count: rows of the spine.
    public func numbers(rows count: Int) -> [Int32] {
        var numbers = Array(repeating: Int32(-1), count: count)
        for key in 0..<(starts.count - 1) {
            for place in starts[key]..<starts[key + 1] {
                numbers[Int(order[place])] = Int32(truncatingIfNeeded: key)
            }
        }
        return numbers
    }
}

extension KeyedRows {
    /// Into which part a hash belongs.
    fileprivate struct Parting: Sendable {
        let bits: Int

        var count: Int { 1 << bits }

        /// In two steps, as a shift by all 64 bits is none.
        @inline(__always)
        func part(_ hash: UInt64) -> Int {
            Int(truncatingIfNeeded: (hash &>> 1) &>> UInt64(63 - bits))
        }
    }

    /// Some neighbouring rows of the spine by part, in their order within each.
    fileprivate struct Chunk: Sendable {
        let rows: [HashedRow]
        /// Where each part begins, and where the last one ends.
        let starts: [Int]
        let keyless: [Int32]

        init(_ cells: KeyCells, _ times: Column, _ range: Range<Int>, _ parting: Parting) {
            let found = cells.words(range)
            let isWord = cells.areWords
            var starts = Array(repeating: 0, count: parting.count + 1)
            // Between rows whose key has a null.
            var stretches: [Range<Int>] = []
            var next = 0
            for null in found.nulls + [Int32(range.count)] {
                stretches.append(next..<Int(null))
                next = Int(null) + 1
            }
            for stretch in stretches {
                let words = found.words.span
                var counts = starts.mutableSpan
                for index in stretch {
                    let hash = isWord ? KeyHash.mixed(words[index]) : words[index]
                    counts[parting.part(hash) + 1] += 1
                }
            }
            for part in 0..<parting.count { starts[part + 1] += starts[part] }
            rows = [HashedRow](count: starts[parting.count]) { rows in
                var free = starts
                var places = free.mutableSpan
                let (words, times) = (found.words.span, times.words.span)
                for stretch in stretches {
                    for index in stretch {
                        let word = words[index]
                        let part = parting.part(isWord ? KeyHash.mixed(word) : word)
                        let row = range.lowerBound + index
                        rows[places[part]] = HashedRow(
                            word: word, time: Int64(bitPattern: times[row]),
                            row: Int32(truncatingIfNeeded: row))
                        places[part] += 1
                    }
                }
            }
            self.starts = starts
            keyless = found.nulls.map { Int32(truncatingIfNeeded: range.lowerBound) + $0 }
        }
    }

    /// The rows of some neighbouring keys, by key and in order of time.
    fileprivate struct Part: Sendable {
        let keys: KeyStretch
        /// Rows of each key.
        let counts: [Int]
        let order: [Int32]
        let times: [Int64]

        init(_ cells: KeyCells, _ chunks: [Chunk], _ part: Int) {
            let slices = chunks.map { $0.rows[$0.starts[part]..<$0.starts[part + 1]] }
            let count = slices.reduce(0) { $0 + $1.count }
            var numbers: [Int32] = []
            keys = KeyStretch(
                cells, cells.areWords ? [] : KeyedRows.each(slices, count) { $0.row },
                KeyedRows.each(slices, count) { $0.word }, &numbers)
            var counts = Array(repeating: 0, count: keys.words.count)
            for number in numbers { counts[Int(number)] += 1 }
            var next: [Int] = []
            var start = 0
            for count in counts {
                next.append(start)
                start += count
            }
            var rows = [HashedRow](count: count) { rows in
                var places = next.mutableSpan
                let numbers = numbers.span
                var first = 0
                for slice in slices {
                    let parted = slice.span
                    for index in parted.indices {
                        let key = Int(numbers[first + index])
                        rows[places[key]] = parted[index]
                        places[key] += 1
                    }
                    first += parted.count
                }
            }
            start = 0
            for count in counts {
                TimeOrder.sort(&rows, start..<(start + count)) { $0.time }
                start += count
            }
            self.counts = counts
            order = rows.map(\.row)
            times = rows.map(\.time)
        }
    }
}
