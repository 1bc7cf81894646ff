import VarveBytes
public import VarveFormats

/// The values of one feature, one for each of some rows, as columns.
public struct FeatureCells: Sendable {
    public let type: ValueType
    /// `FeatureStatus` of each row.
    public internal(set) var statuses: [UInt8]
    /// The bits of each value; empty for texts.
    public internal(set) var words: [UInt64]
    public internal(set) var texts: [String]

    /// Cells of rows that were not found yet.
    public init(type: ValueType, count: Int) {
        self.type = type
        statuses = Array(repeating: FeatureStatus.notFound.rawValue, count: count)
        words = Array(repeating: 0, count: type == .string ? 0 : count)
        texts = Array(repeating: "", count: type == .string ? count : 0)
    }

    /// Rows.
    public var count: Int { statuses.count }

    /// The status of a row.
    public func status(_ row: Int) -> FeatureStatus {
        FeatureStatus(rawValue: statuses[row]) ?? .notFound
    }

    /// The value and status of a row.
    public subscript(row: Int) -> FeatureValue {
        get {
            let status = status(row)
            guard status == .present else { return FeatureValue(status) }
            return FeatureValue(value: value(row), status: .present)
        }
        set {
            statuses[row] = newValue.status.rawValue
            switch newValue.value {
            case .null: setWord(0, row)
            case .bool(let value): setWord(value ? 1 : 0, row)
            case .int64(let value): setWord(UInt64(bitPattern: value), row)
            case .float64(let value): setWord(value.bitPattern, row)
            case .timestamp(let value): setWord(UInt64(bitPattern: value.microseconds), row)
            case .string(let value): texts[row] = value
            }
        }
    }

    private mutating func setWord(_ word: UInt64, _ row: Int) {
        if type == .string { texts[row] = "" } else { words[row] = word }
    }

    private func value(_ row: Int) -> Value {
        switch type {
        case .bool: .bool(words[row] != 0)
        case .int64: .int64(Int64(bitPattern: words[row]))
        case .float64: .float64(Double(bitPattern: words[row]))
        case .timestamp: .timestamp(Timestamp(microseconds: Int64(bitPattern: words[row])))
        case .string: .string(texts[row])
        }
    }

    /// The value of a row as a number; nil for null and for types that are none.
    public func number(_ row: Int) -> Double? {
        guard statuses[row] == FeatureStatus.present.rawValue else { return nil }
        switch type {
        case .bool: return words[row] != 0 ? 1 : 0
        case .int64: return Double(Int64(bitPattern: words[row]))
        case .float64: return Double(bitPattern: words[row])
        case .string, .timestamp: return nil
        }
    }

    /// The values that are there as numbers, in the order of the rows; none for types that are none.
    public var numbers: [Double] {
        switch type {
        case .bool: present { $0 != 0 ? 1 : 0 }
        case .int64: present { Double(Int64(bitPattern: $0)) }
        case .float64: present { Double(bitPattern: $0) }
        case .string, .timestamp: []
        }
    }

    @inline(__always)
    private func present(_ number: (UInt64) -> Double) -> [Double] {
        let (words, statuses) = (words.span, statuses.span)
        let present = FeatureStatus.present.rawValue
        return [Double](capacity: words.count) { (numbers: inout OutputSpan<Double>) in
            for row in words.indices where statuses[row] == present {
                numbers.append(number(words[row]))
            }
        }
    }

    /// Rows by the raw value of their status.
    public var countsByStatus: [Int] {
        let most = 256
        // Four beside each other: as statuses repeat, one count would wait for the one before it.
        var counts = Array(repeating: 0, count: 4 * most)
        do {
            let all = statuses.span
            var counts = counts.mutableSpan
            var row = 0
            while row + 4 <= all.count {
                counts[Int(all[row])] += 1
                counts[most + Int(all[row + 1])] += 1
                counts[2 * most + Int(all[row + 2])] += 1
                counts[3 * most + Int(all[row + 3])] += 1
                row += 4
            }
            while row < all.count {
                counts[Int(all[row])] += 1
                row += 1
            }
        }
        return (0..<most).map { status in
            (0..<4).reduce(0) { $0 + counts[$1 * most + status] }
        }
    }

    /// Whether a row has the same status and bits as one of another feature of this type.
    public func isIdentical(_ row: Int, to other: FeatureCells, _ otherRow: Int) -> Bool {
        guard statuses[row] == other.statuses[otherRow] else { return false }
        return type == .string
            ? texts[row].utf8.elementsEqual(other.texts[otherRow].utf8)
            : words[row] == other.words[otherRow]
    }

    /// Adds the rows of another of the same type.
    mutating func append(_ other: FeatureCells) {
        statuses += other.statuses
        words += other.words
        texts += other.texts
    }

    /// Adds a row of another of the same type, which is not text.
    mutating func append(_ other: FeatureCells, _ row: Int) {
        statuses.append(other.statuses[row])
        words.append(other.words[row])
    }

    /// Takes the first rows of another over, the i-th to `rows[i]`.
    public mutating func place(_ other: FeatureCells, at rows: ArraySlice<Int32>) {
        if type == .string {
            for (index, row) in rows.enumerated() {
                statuses[Int(row)] = other.statuses[index]
                texts[Int(row)] = other.texts[index]
            }
            return
        }
        Self.scatter(other.statuses, to: rows, of: &statuses)
        Self.scatter(other.words, to: rows, of: &words)
    }

    @inline(__always)
    private static func scatter<Element: BitwiseCopyable>(
        _ values: [Element], to rows: ArraySlice<Int32>, of target: inout [Element]
    ) {
        var target = target.mutableSpan
        let (values, rows) = (values.span, rows.span)
        for index in rows.indices { target[Int(rows[index])] = values[index] }
    }

    /// The values as a column; what is not present is null.
    public func column(_ name: String) -> Column {
        let present = FeatureStatus.present.rawValue
        switch type {
        case .int64, .float64, .timestamp:
            // Cells that are not present have a word of zero, as nulls in columns have.
            return Column(
                name: name, type: type.columnType, words: words, marks: statuses, valid: present)
        case .bool, .string: break
        }
        var column = Column(name: name, type: type.columnType, capacity: count)
        for row in 0..<count {
            if statuses[row] != present {
                column.appendNull()
            } else if type == .bool {
                column.append(words[row] != 0)
            } else {
                column.append(texts[row])
            }
        }
        return column
    }
}
