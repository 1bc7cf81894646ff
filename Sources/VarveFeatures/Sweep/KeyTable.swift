import VarveBytes
public import VarveFormats

/// The distinct keys of a table's rows, numbered in ascending order of their hashes, as entity runs
/// have them: what facts of other tables are looked up in.
public struct KeyTable: Sendable {
    private let areWords: Bool
    private let keys: KeyStretch
    /// The words of `keys`, each once.
    private let words: WordNumbers
    /// By the number of a word that several keys share, as a hash: the first of them. Empty where
    /// none do.
    private let firsts: [Int32]

    /// - Parameter areWords: see `KeyCells.areWords`.
    init(_ keys: KeyStretch, areWords: Bool) {
        self.keys = keys
        self.areWords = areWords
        let all = keys.words
        let firsts = all.indices.filter { $0 == 0 || all[$0] != all[$0 - 1] }
        if areWords || firsts.count == all.count {
            words = WordNumbers(distinct: all)
            self.firsts = []
        } else {
            words = WordNumbers(distinct: firsts.map { all[$0] })
            self.firsts = firsts.map { Int32(truncatingIfNeeded: $0) }
        }
    }

    /// Distinct keys.
    public var count: Int { keys.words.count }

    /// The numbers of the keys in all rows of another table; -1 where a key is not here or a field is
    /// null.
    /// - Parameter columns: the key's fields, of the same types as those that were numbered.
    func numbers(_ columns: [Column], rows: Int) -> [Int32] {
        precondition(
            columns.allSatisfy { $0.count == rows }, "\(columns.map(\.count)) cells of \(rows) rows")
        let cells = KeyCells(columns)
        let asked = cells.words(0..<rows)
        var found = words.numbers(of: asked.words)
        for row in asked.nulls { found[Int(row)] = -1 }
        if areWords { return found }
        var scratch = ByteWriter()
        for row in found.indices where found[row] >= 0 {
            scratch.bytes.removeAll(keepingCapacity: true)
            cells.write(row, to: &scratch)
            found[row] = number(withHash: found[row], scratch.bytes)
        }
        return found
    }

    /// The key among those that share a hash; -1 when it is none of them.
    private func number(withHash place: Int32, _ bytes: [UInt8]) -> Int32 {
        let first = firsts.isEmpty ? Int(place) : Int(firsts[Int(place)])
        var number = first
        while number < count, keys.words[number] == keys.words[first] {
            let key = keys.bytes.raw.extracting(keys.ends[number]..<keys.ends[number + 1])
            if key.equals(bytes.raw) { return Int32(truncatingIfNeeded: number) }
            number += 1
        }
        return -1
    }

    /// The first number whose key's hash is no less than one.
    func firstNumber(from hash: UInt64) -> Int {
        keys.words.partitioningIndex { (areWords ? KeyHash.mixed($0) : $0) >= hash }
    }
}

extension KeyTable {
    /// The hash of each row's key, the same in every process; nil where a field is null.
    /// - Parameter columns: the key's fields.
    public static func hashes(_ columns: [Column], rows: Int) -> [UInt64?] {
        let cells = KeyCells(columns)
        let found = cells.words(0..<rows)
        var hashes = found.words.map { Optional(cells.hash(ofWord: $0)) }
        for row in found.nulls { hashes[Int(row)] = nil }
        return hashes
    }

    /// Neighbouring rows of another table that have the same key.
    struct Groups {
        /// Where each begins, and where the last one ends.
        var starts: [Int]
        /// The number of each group's key; -1 where it is not here or a field is null.
        var numbers: [Int32]
    }

    /// The groups of a table's rows.
    /// - Parameter columns: as for `numbers`.
    func groups(_ columns: [Column], rows: Int) -> Groups {
        var starts: [Int] = []
        if areWords, columns[0].nullCount == 0 {
            let found = KeyCells(columns).words(0..<rows).words
            let all = found.span
            for row in 0..<rows where row == 0 || all[row] != all[row - 1] { starts.append(row) }
            return Groups(
                starts: starts + [rows], numbers: words.numbers(of: starts.map { found[$0] }))
        }
        starts = (0..<rows).filter { row in
            row == 0 || columns.contains { !$0.isSame(row, row - 1) }
        }
        let first = starts.map { Int32(truncatingIfNeeded: $0) }
        let numbers = numbers(columns.map { $0.taking(first) }, rows: starts.count)
        return Groups(starts: starts + [rows], numbers: numbers)
    }
}

extension Column {
    /// Whether two rows have the same bits, or are null both.
    fileprivate func isSame(_ one: Int, _ other: Int) -> Bool {
        guard isNull(one) == isNull(other) else { return false }
        switch type {
        case .string: return text(one, equals: utf8(other))
        case .bool: return bool(one) == bool(other)
        case .int64, .float64, .timestamp: return words[one] == words[other]
        }
    }
}
