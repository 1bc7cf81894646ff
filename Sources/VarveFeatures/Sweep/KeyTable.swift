import VarveBytes
public import VarveFormats

/// The distinct keys of a table's rows, numbered in order of first appearance or of their hashes:
/// what facts of other tables are looked up in.
///
/// Keys are equal when `EntityKey` says so. A key of one field that is no text is its 64 bits; any
/// other is its bytes, a text among several fields with its length.
public struct KeyTable: Sendable {
    private let types: [ColumnType]
    /// Keys of one field that is no text; all others are below.
    private var single = WordNumbers()
    /// Open addressing, at most half full: 0 is free, else 1 + a key's number.
    private var slots: [UInt32] = Array(repeating: 0, count: 1024)
    private var hashes: [UInt64] = []
    /// Where each key begins in `bytes`, and where the last one ends.
    private var ends: [Int] = [0]
    private var bytes: [UInt8] = []
    /// For each row of the table its key's number; -1 where a field is null.
    public private(set) var numbers: [Int32] = []

    /// Numbers the keys of all rows.
    /// - Parameter isByHash: in ascending order of their hashes, as entity runs have them.
    public init(_ columns: [Column], rows: Int, isByHash: Bool = false) {
        types = columns.map(\.type)
        if isWord { numberWords(columns[0]) } else { numberBytes(columns, rows) }
        if isByHash { renumberByHash() }
    }

    /// Numbers keys that are texts or have several fields.
    private mutating func numberBytes(_ columns: [Column], _ rows: Int) {
        numbers.reserveCapacity(rows)
        var scratch = ByteWriter()
        for row in 0..<rows {
            guard let hash = Self.hash(columns, row, &scratch) else {
                numbers.append(-1)
                continue
            }
            if let known = find(hash, columns, row, scratch.bytes) {
                numbers.append(Int32(known))
            } else {
                numbers.append(Int32(add(hash, columns, row, scratch.bytes)))
            }
        }
    }

    /// Distinct keys.
    public var count: Int { isWord ? single.count : hashes.count }

    /// The numbers of the keys in all rows of another table; -1 where a key is not here or a field is
    /// null.
    /// - Parameter columns: the key's fields, of the same types as those that were numbered.
    func numbers(_ columns: [Column], rows: Int) -> [Int32] {
        guard isWord else {
            var scratch = ByteWriter()
            return (0..<rows).map { row in
                guard let hash = Self.hash(columns, row, &scratch),
                    let number = find(hash, columns, row, scratch.bytes)
                else { return -1 }
                return Int32(number)
            }
        }
        let column = columns[0]
        precondition(column.count == rows, "\(column.count) cells of \(rows) rows")
        var found = single.numbers(of: Self.words(column))
        if column.nullCount > 0 {
            for row in 0..<rows where column.isNull(row) { found[row] = -1 }
        }
        return found
    }

    /// Numbers the cells of a column that is no text.
    private mutating func numberWords(_ column: Column) {
        let limit = Int(Int32.max)
        let words = Self.words(column)
        let present =
            column.nullCount == 0
            ? nil : words.indices.filter { !column.isNull($0) }
        let keys = present.map { $0.map { words[$0] } } ?? words
        guard let found = single.add(keys.span, limit: limit) else {
            preconditionFailure("more than \(limit) distinct keys")
        }
        guard let present else {
            numbers = found
            return
        }
        numbers = Array(repeating: -1, count: column.count)
        for (row, number) in zip(present, found) { numbers[row] = number }
    }

    private var isWord: Bool { types.count == 1 && types[0] != .string }
    private var isText: Bool { types.count == 1 && types[0] == .string }

    /// The hash of a row's key, whose bytes go to `scratch` when it has several fields; nil where
    /// one is null.
    private static func hash(
        _ columns: [Column], _ row: Int, _ scratch: inout ByteWriter
    ) -> UInt64? {
        if columns.count == 1 {
            if columns[0].isNull(row) { return nil }
            return columns[0].type == .string
                ? columns[0].textHash(row) : KeyHash.mixed(word(columns[0], row))
        }
        scratch.bytes.removeAll(keepingCapacity: true)
        for column in columns {
            if column.isNull(row) { return nil }
            if column.type == .string {
                column.writeText(row, to: &scratch)
            } else {
                scratch.integer(Self.word(column, row))
            }
        }
        return KeyHash.hash(scratch.bytes.raw)
    }

    private func find(
        _ hash: UInt64, _ columns: [Column], _ row: Int, _ scratch: [UInt8]
    ) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if hashes[number] == hash, equals(number, columns, row, scratch) { return number }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func equals(
        _ number: Int, _ columns: [Column], _ row: Int, _ scratch: [UInt8]
    ) -> Bool {
        let key = bytes.raw.extracting(ends[number]..<ends[number + 1])
        return isText ? columns[0].text(row, equals: key) : key.equals(scratch.raw)
    }

    private mutating func add(
        _ hash: UInt64, _ columns: [Column], _ row: Int, _ scratch: [UInt8]
    ) -> Int {
        let number = hashes.count
        precondition(number < Int(Int32.max), "\(number) distinct keys")
        hashes.append(hash)
        if isText {
            columns[0].appendText(row, to: &bytes)
            ends.append(bytes.count)
        } else {
            bytes += scratch
            ends.append(bytes.count)
        }
        if 2 * hashes.count > slots.count {
            Self.grow(&slots, hashes)
        } else {
            Self.place(number, hash, &slots)
        }
        return number
    }

    private static func grow(_ slots: inout [UInt32], _ hashes: [UInt64]) {
        slots = Array(repeating: 0, count: 4 * slots.count)
        for known in hashes.indices { place(known, hashes[known], &slots) }
    }

    private static func place(_ number: Int, _ hash: UInt64, _ slots: inout [UInt32]) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(number + 1)
    }

    /// The bits of all cells, as `word` has them; integers and times are those of the column.
    private static func words(_ column: Column) -> [UInt64] {
        switch column.type {
        case .int64, .timestamp: column.words
        case .bool, .float64, .string: (0..<column.count).map { word(column, $0) }
        }
    }

    /// The bits of a cell that is no text; the zeros of a float are one key.
    private static func word(_ column: Column, _ row: Int) -> UInt64 {
        switch column.type {
        case .bool: column.bool(row) == true ? 1 : 0
        case .float64: column.words[row] == 0x8000_0000_0000_0000 ? 0 : column.words[row]
        default: column.words[row]
        }
    }
}

/// Keys in order of their hashes: how the facts of an entity run lie.
extension KeyTable {
    /// The hash of each row's key, the same in every process; nil where a field is null.
    /// - Parameter columns: the key's fields.
    public static func hashes(_ columns: [Column], rows: Int) -> [UInt64?] {
        var scratch = ByteWriter()
        return (0..<rows).map { hash(columns, $0, &scratch) }
    }

    private func hash(_ number: Int) -> UInt64 {
        isWord ? KeyHash.mixed(single.words[number]) : hashes[number]
    }

    private mutating func renumberByHash() {
        let order = RadixSort.order(of: (0..<count).map { hash($0) })
        let ranks = order.inverse
        numbers = numbers.map { $0 < 0 ? $0 : ranks[Int($0)] }
        if isWord { return single.renumber(order) }
        let (oldEnds, oldBytes) = (ends, bytes)
        hashes = order.map { hashes[Int($0)] }
        (ends, bytes) = ([0], [])
        for number in order {
            bytes += oldBytes[oldEnds[Int(number)]..<oldEnds[Int(number) + 1]]
            ends.append(bytes.count)
        }
        for slot in slots.indices where slots[slot] != 0 {
            slots[slot] = UInt32(ranks[Int(slots[slot]) - 1] + 1)
        }
    }

    /// The first number whose key's hash is no less than one, of keys in order of hash.
    func firstNumber(from hash: UInt64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self.hash(middle) >= hash { high = middle } else { low = middle + 1 }
        }
        return low
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
        if isWord, columns[0].nullCount == 0 {
            let words = Self.words(columns[0])
            let all = words.span
            for row in 0..<rows where row == 0 || all[row] != all[row - 1] { starts.append(row) }
            let numbers = single.numbers(of: starts.map { words[$0] })
            return Groups(starts: starts + [rows], numbers: numbers)
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
