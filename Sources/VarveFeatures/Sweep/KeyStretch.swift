import VarveBytes

/// The distinct keys of some rows in order of their hashes: a stretch of those of a `KeyTable`.
struct KeyStretch: Sendable {
    /// What `KeyCells.words` says of each.
    private(set) var words: [UInt64] = []
    /// Of keys that are no words: where each begins in `bytes`, and where the last one ends.
    private(set) var ends: [Int] = [0]
    private(set) var bytes: [UInt8] = []

    /// No keys.
    init() {}

    /// The keys of some rows.
    /// - Parameters:
    ///   - rows: none of them has a null; not looked at where keys are words.
    ///   - words: those of the rows.
    ///   - numbers: is set to the number of each row's key.
    init(_ cells: KeyCells, _ rows: [Int32], _ words: [UInt64], _ numbers: inout [Int32]) {
        var distinct = WordNumbers()
        let limit = Int(Int32.max)
        guard let found = distinct.add(words.span, limit: limit) else {
            preconditionFailure("more than \(limit) distinct keys")
        }
        numbers = found
        self.words = distinct.words
        let examples = cells.areWords ? [] : tellApart(cells, rows, &numbers)
        let order = RadixSort.order(of: self.words.map { cells.hash(ofWord: $0) })
        let ranks = order.inverse
        numbers = numbers.map { ranks[Int($0)] }
        self.words = order.map { self.words[Int($0)] }
        if cells.areWords { return }
        var writer = ByteWriter()
        for number in order {
            cells.write(examples[Int(number)], to: &writer)
            ends.append(writer.count)
        }
        bytes = writer.bytes
    }

    /// Gives keys that only share their hash numbers of their own.
    /// - Returns: by number a row that has the key.
    private mutating func tellApart(
        _ cells: KeyCells, _ rows: [Int32], _ numbers: inout [Int32]
    ) -> [Int] {
        // Numbers ascend in order of first appearance.
        var examples: [Int] = []
        for (row, number) in zip(rows, numbers) where Int(number) == examples.count {
            examples.append(Int(row))
        }
        var others: [Int32: [Int32]] = [:]
        for (index, row) in rows.enumerated() {
            let number = numbers[index]
            if cells.areEqual(Int(row), examples[Int(number)]) { continue }
            if let known = others[number]?.first(where: {
                cells.areEqual(Int(row), examples[Int($0)])
            }) {
                numbers[index] = known
                continue
            }
            let new = Int32(truncatingIfNeeded: examples.count)
            others[number, default: []].append(new)
            numbers[index] = new
            words.append(words[Int(number)])
            examples.append(Int(row))
        }
        return examples
    }

    /// Adds keys whose hashes are no less than those of the last one.
    mutating func append(_ other: KeyStretch) {
        words += other.words
        let first = bytes.count
        if other.ends.count > 1 { ends += other.ends.dropFirst().map { first + $0 } }
        bytes += other.bytes
    }
}
