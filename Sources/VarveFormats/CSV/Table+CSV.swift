import VarveBytes

extension Table {
    /// Reads a whole CSV text. Columns that `types` does not name get the first type that every
    /// cell of them can be read as: int64, float64, bool, timestamp, string; a column of nulls is
    /// a string column. Numbers are only guessed when they are written as JSON writes them, so
    /// that codes such as `007` stay text.
    ///
    /// - Throws: `CSVError` when the text is malformed, a named column is missing, or a cell cannot
    ///   be read as its column's declared type; it names line, column, value and type.
    public init(
        csv bytes: RawSpan, types: [String: ColumnType] = [:], options: CSVOptions = CSVOptions()
    ) throws(CSVError) {
        var reader = try CSVReader(bytes, options: options)
        let header = reader.header
        for name in types.keys.sorted() where !header.contains(name) {
            let found = header.joined(separator: ", ")
            throw CSVError(line: 1, column: name, "missing from the header, which has: \(found)")
        }
        var guesses = header.map { types[$0].map { [$0] } ?? ColumnType.guesses }
        if types.count < header.count {
            try Self.narrow(&guesses, reading: bytes, options: options)
        }
        var columns = zip(header, guesses).map { Column(name: $0, type: $1.first ?? .string) }
        var cells: [CSVReader.Cell] = []
        while try reader.nextCells(into: &cells) {
            for index in columns.indices {
                guard try columns[index].append(cells[index], at: index, of: reader) else {
                    let text = try reader.text(cells[index], column: index) ?? ""
                    let type = columns[index].type
                    throw CSVError(
                        line: reader.rowLine, column: header[index],
                        "found \"\(text.prefix(100))\", expected \(type.csvForm)")
                }
            }
        }
        self.init(columns: columns)
    }

    /// Strikes out the types that some cell cannot be read as.
    private static func narrow(
        _ guesses: inout [[ColumnType]], reading bytes: RawSpan, options: CSVOptions
    ) throws(CSVError) {
        var reader = try CSVReader(bytes, options: options)
        var cells: [CSVReader.Cell] = []
        var isKnown = guesses.map { $0.count == 1 }
        while try reader.nextCells(into: &cells) {
            for index in cells.indices where guesses[index].count > 1 && !cells[index].isNull {
                let raw = reader.rawBytes(cells[index])
                guesses[index] = guesses[index].filter { $0.isGuess(for: raw) }
                isKnown[index] = true
            }
        }
        for index in guesses.indices where !isKnown[index] { guesses[index] = [.string] }
    }
}

extension ColumnType {
    /// From the narrowest to the widest.
    fileprivate static let guesses: [ColumnType] = [.int64, .float64, .bool, .timestamp, .string]

    /// Whether a cell's bytes look like this type.
    fileprivate func isGuess(for raw: RawSpan) -> Bool {
        switch self {
        case .string: return true
        case .timestamp: return Timestamp(parsing: raw) != nil
        case .bool, .int64, .float64:
            switch raw.scalar {
            case .bool: return self == .bool
            case .integer: return self == .int64 || self == .float64
            case .number: return self == .float64
            default: return false
            }
        }
    }

    /// What a cell of this type looks like, for messages.
    fileprivate var csvForm: String {
        switch self {
        case .bool: "true or false"
        case .int64: "an integer of 64 bits"
        case .float64: "a finite number"
        case .string: "text"
        case .timestamp: "a time with its zone, such as 2013-03-10T07:30:00Z"
        }
    }
}

extension RawSpan {
    /// The bytes as one JSON value without white space around it; nil when they are none.
    fileprivate var scalar: JSONScanner.Scalar? {
        guard byteCount > 0, byte(at: 0) > 0x20, byte(at: byteCount - 1) > 0x20 else { return nil }
        var scanner = JSONScanner(self)
        guard let scalar = try? scanner.scalar(), (try? scanner.end()) != nil else { return nil }
        return scalar
    }

    /// The bytes as a finite decimal number in any usual notation.
    fileprivate var decimal: Double? {
        switch scalar {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: break
        }
        for offset in 0..<byteCount {
            switch byte(at: offset) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                continue
            default: return nil
            }
        }
        guard let text = text(), let value = Double(text), value.isFinite else { return nil }
        return value
    }
}

extension Column {
    /// Appends a CSV cell read as this column's type; false when it cannot be.
    fileprivate mutating func append(
        _ cell: CSVReader.Cell, at index: Int, of reader: borrowing CSVReader
    ) throws(CSVError) -> Bool {
        if cell.isNull {
            appendNull()
            return true
        }
        let raw = reader.rawBytes(cell)
        switch type {
        case .string:
            guard let text = try reader.text(cell, column: index) else { return false }
            append(text)
        case .bool:
            switch raw.text()?.lowercased() {
            case "true": append(true)
            case "false": append(false)
            default: return false
            }
        case .int64:
            if case .integer(let value) = raw.scalar {
                append(value)
            } else {
                guard let text = raw.text(), let value = Int64(text) else { return false }
                append(value)
            }
        case .float64:
            guard let value = raw.decimal else { return false }
            append(value)
        case .timestamp:
            guard let value = Timestamp(parsing: raw) else { return false }
            append(value)
        }
        return true
    }
}
