public import VarveBytes

/// Writes CSV (RFC 4180) that `CSVReader` reads back cell by cell: lines end with LF, null is
/// empty, the empty text is `""`, and only cells that need quotes have them.
public struct CSVWriter: Sendable {
    /// What has been written; may be drained between rows.
    public var writer: ByteWriter
    private let columnCount: Int
    private let separator: UInt8

    /// Writes a header row.
    public init(header: [String], separator: Unicode.Scalar = ",") {
        precondition(separator.isASCII, "a CSV separator is one ASCII character, not \(separator)")
        writer = ByteWriter(capacity: 4096)
        columnCount = header.count
        self.separator = UInt8(ascii: separator)
        row(header)
    }

    /// Writes a row with one text, or nil for null, for each column.
    public mutating func row(_ cells: [String?]) {
        checkCount(cells.count)
        for (index, cell) in cells.enumerated() {
            if index > 0 { writer.integer(separator) }
            if let cell { text(cell) }
        }
        writer.integer(UInt8(ascii: "\n"))
    }

    /// Writes a row with one cell for each column. Doubles are written shortest so that they read
    /// back to the same bits, timestamps in RFC 3339.
    public mutating func row(cells: [Column.Cell]) {
        checkCount(cells.count)
        for (index, cell) in cells.enumerated() {
            if index > 0 { writer.integer(separator) }
            switch cell {
            case .null: break
            case .bool(let value): writer.text(value ? "true" : "false")
            case .int64(let value): writer.decimal(value)
            case .float64(let value): writer.text(value.description)
            case .string(let value): text(value)
            case .timestamp(let value): value.write(to: &writer)
            }
        }
        writer.integer(UInt8(ascii: "\n"))
    }

    private func checkCount(_ count: Int) {
        precondition(count == columnCount, "a row of \(count) cells under \(columnCount) columns")
    }

    private mutating func text(_ text: String) {
        let units = text.utf8
        let needsQuotes =
            units.isEmpty
            || units.contains {
                $0 == separator || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n")
                    || $0 == UInt8(ascii: "\r")
            }
        guard needsQuotes else { return writer.text(text) }
        writer.integer(UInt8(ascii: "\""))
        for unit in units {
            if unit == UInt8(ascii: "\"") { writer.integer(unit) }
            writer.integer(unit)
        }
        writer.integer(UInt8(ascii: "\""))
    }
}

extension Table {
    /// The table as CSV with a header row; metadata is left out.
    public func csv() -> [UInt8] {
        var whole: [UInt8] = []
        csv { whole += $0 }
        return whole
    }

    /// The table as CSV, handed over in pieces of whole rows.
    public func csv(_ take: ([UInt8]) throws -> Void) rethrows {
        checkInvariants()
        var writer = CSVWriter(header: columns.map(\.name))
        for index in 0..<rowCount {
            writer.row(cells: row(index))
            if writer.writer.count >= Self.csvPieceBytes {
                try take(writer.writer.bytes)
                writer.writer = ByteWriter(capacity: Self.csvPieceBytes + 4096)
            }
        }
        try take(writer.writer.bytes)
    }

    private static var csvPieceBytes: Int { 1 << 20 }
}
