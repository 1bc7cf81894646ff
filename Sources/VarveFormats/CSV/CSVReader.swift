import VarveBytes

/// How a CSV text is to be read.
public struct CSVOptions: Sendable {
    /// Stands between cells: a comma, unless the text is tab or semicolon separated.
    public var separator: UInt8
    /// Unquoted texts that mean null, beside the empty one: `["NA"]` for files written by R.
    public var nulls: [String]

    /// Comma separated, and only empty unquoted cells are null, unless said otherwise.
    public init(separator: Unicode.Scalar = ",", nulls: [String] = []) {
        precondition(separator.isASCII, "a CSV separator is one ASCII character, not \(separator)")
        self.separator = UInt8(ascii: separator)
        self.nulls = nulls
    }
}

/// Pulls rows out of a CSV text with a header row. Source: RFC 4180, with these choices:
///
/// - lines end with LF or CRLF, the last one may lack it; a byte order mark is skipped
/// - an empty unquoted cell is null, an empty quoted one (`""`) is the empty text
/// - every row has as many cells as the header; empty lines are skipped, unless the header has one
///   column, where they are a null
/// - a quote inside an unquoted cell, or text after a closing quote, is an error
public struct CSVReader: ~Escapable {
    /// The most columns a header may have.
    public static let columnLimit = 16_384
    /// The most bytes between the quotes of one cell.
    public static let cellLimit = 16 << 20

    /// A cell as it stands in the text.
    public struct Cell: Sendable, Equatable {
        /// Its bytes, without the quotes around it.
        public let range: Range<Int>
        /// Whether it holds doubled quotes, so that its bytes are not yet its text.
        public let isEscaped: Bool
        /// Whether it means null.
        public let isNull: Bool
    }

    private let bytes: RawSpan
    private let separator: UInt8
    private let nulls: [[UInt8]]
    private var offset = 0
    /// The line that `offset` is in, from 1.
    private var line = 1
    /// The names of the columns.
    public private(set) var header: [String] = []
    /// The line where the row read last begins, from 1.
    public private(set) var rowLine = 1

    /// Reads the header, and stands before the first row.
    /// - Throws: `CSVError` when the header is missing, or a name in it is empty or appears twice.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, options: CSVOptions = CSVOptions()) throws(CSVError) {
        self.bytes = bytes
        separator = options.separator
        nulls = options.nulls.map { Array($0.utf8) }
        if bytes.byteCount >= 3,
            bytes.extracting(0..<3).equals(([0xEF, 0xBB, 0xBF] as [UInt8]).raw)
        {
            offset = 3
        }
        var cells: [Cell] = []
        guard try readCells(into: &cells) else {
            throw CSVError(line: 1, "the text is empty, expected a header row")
        }
        var names: Set<String> = []
        for (index, cell) in cells.enumerated() {
            let name = try rawText(cell)
            guard !name.isEmpty else {
                throw CSVError(
                    line: rowLine,
                    "column \(index + 1) of the header has no name, expected one for each column")
            }
            guard names.insert(name).inserted else {
                throw CSVError(line: rowLine, "the header names column \(name) twice")
            }
            header.append(name)
        }
    }

    /// The texts of the next row, nil for null; nil at the end.
    /// - Throws: `CSVError` when the row is malformed, has another number of cells than the header,
    ///   or is not UTF-8.
    public mutating func nextRow() throws(CSVError) -> [String?]? {
        var cells: [Cell] = []
        guard try nextCells(into: &cells) else { return nil }
        var texts: [String?] = []
        texts.reserveCapacity(cells.count)
        for index in cells.indices { texts.append(try text(cells[index], column: index)) }
        return texts
    }

    /// Reads where the cells of the next row lie; false at the end. Copies nothing.
    /// - Throws: as `nextRow`, but does not look at the text's encoding.
    public mutating func nextCells(into cells: inout [Cell]) throws(CSVError) -> Bool {
        while try readCells(into: &cells) {
            if cells.count == header.count { return true }
            if cells.count == 1, cells[0].range.isEmpty, cells[0].isNull { continue }
            throw CSVError(
                line: rowLine,
                "found \(cells.count) cells, expected \(header.count) as in the header")
        }
        return false
    }

    /// A cell's text; nil for null.
    /// - Throws: `CSVError`, naming the column, when it is not UTF-8.
    public func text(_ cell: Cell, column: Int) throws(CSVError) -> String? {
        if cell.isNull { return nil }
        do {
            return try rawText(cell)
        } catch {
            throw CSVError(line: rowLine, column: header[column], error.reason)
        }
    }

    /// A cell's bytes, borrowed; still with its quotes doubled when it is escaped.
    @_lifetime(copy self)
    public func rawBytes(_ cell: Cell) -> RawSpan { bytes.extracting(cell.range) }

    private func rawText(_ cell: Cell) throws(CSVError) -> String {
        let raw = bytes.extracting(cell.range)
        guard cell.isEscaped else {
            if let text = raw.text() { return text }
            throw CSVError(line: rowLine, "the cell is not UTF-8")
        }
        var units: [UInt8] = []
        units.reserveCapacity(raw.byteCount)
        var index = 0
        while index < raw.byteCount {
            let byte = raw.byte(at: index)
            units.append(byte)
            // Quotes inside a quoted cell come in pairs: the scan has checked it.
            index += byte == UInt8(ascii: "\"") ? 2 : 1
        }
        if let text = units.raw.text() { return text }
        throw CSVError(line: rowLine, "the cell is not UTF-8")
    }
}

extension CSVReader {
    /// Scans one line; false at the end of the text.
    private mutating func readCells(into cells: inout [Cell]) throws(CSVError) -> Bool {
        cells.removeAll(keepingCapacity: true)
        guard offset < bytes.byteCount else { return false }
        rowLine = line
        while true {
            guard cells.count < Self.columnLimit else {
                throw CSVError(line: rowLine, "more than \(Self.columnLimit) cells in a row")
            }
            let isQuoted = offset < bytes.byteCount && bytes.byte(at: offset) == UInt8(ascii: "\"")
            cells.append(isQuoted ? try quotedCell() : try plainCell())
            guard offset < bytes.byteCount else { return true }
            if bytes.byte(at: offset) == separator {
                offset += 1
                continue
            }
            try lineEnd()
            return true
        }
    }

    private mutating func lineEnd() throws(CSVError) {
        if bytes.byte(at: offset) == UInt8(ascii: "\r") { offset += 1 }
        guard offset < bytes.byteCount, bytes.byte(at: offset) == UInt8(ascii: "\n") else {
            throw CSVError(line: line, "a carriage return without a line feed after it")
        }
        offset += 1
        line += 1
    }

    /// A cell without quotes: up to the next separator or line end.
    private mutating func plainCell() throws(CSVError) -> Cell {
        let start = offset
        scan: while offset < bytes.byteCount {
            switch bytes.byte(at: offset) {
            case separator, UInt8(ascii: "\n"), UInt8(ascii: "\r"): break scan
            case UInt8(ascii: "\""):
                throw CSVError(
                    line: line, "a quote inside an unquoted cell, expected the whole cell in quotes"
                )
            default: offset += 1
            }
        }
        try checkSize(offset - start)
        let range = start..<offset
        let isNull = range.isEmpty || nulls.contains { bytes.extracting(range).equals($0.raw) }
        return Cell(range: range, isEscaped: false, isNull: isNull)
    }

    /// A cell in quotes, in which a doubled quote stands for one.
    private mutating func quotedCell() throws(CSVError) -> Cell {
        let firstLine = line
        offset += 1
        let start = offset
        var isEscaped = false
        while offset < bytes.byteCount {
            let byte = bytes.byte(at: offset)
            offset += 1
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard byte == UInt8(ascii: "\"") else { continue }
            guard offset < bytes.byteCount else {
                return Cell(range: start..<(offset - 1), isEscaped: isEscaped, isNull: false)
            }
            switch bytes.byte(at: offset) {
            case UInt8(ascii: "\""):
                isEscaped = true
                offset += 1
            case separator, UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                try checkSize(offset - 1 - start)
                return Cell(range: start..<(offset - 1), isEscaped: isEscaped, isNull: false)
            default:
                throw CSVError(
                    line: line, "text after a closing quote, expected a separator or line end")
            }
        }
        throw CSVError(line: firstLine, "the quoted cell that begins here does not end")
    }

    private func checkSize(_ size: Int) throws(CSVError) {
        guard size <= Self.cellLimit else {
            throw CSVError(
                line: line, "a cell of \(size) bytes, expected at most \(Self.cellLimit)")
        }
    }
}
