/// Rows of texts in aligned columns, for people.
struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []
    /// Columns aligned to the right: numbers.
    private let right: Set<Int>

    init(_ header: [String], right: Set<Int> = []) {
        self.header = header
        self.right = right
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var isEmpty: Bool { rows.isEmpty }

    /// The table with a line under its header.
    var text: String {
        var widths = header.map(\.count)
        for row in rows {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map {
                $1.padded(to: widths[$0], right: right.contains($0))
            }
            return padded.joined(separator: "  ")
        }
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
    }
}

extension Double {
    /// The number with some digits after the point, for tables.
    func fixed(_ digits: Int) -> String {
        guard magnitude < 1e15 else { return description }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (magnitude * scale).rounded()
        let whole = Int64((scaled / scale).rounded(.down))
        let rest = String(Int64(scaled - Double(whole) * scale))
        let sign = self < 0 && scaled > 0 ? "-" : ""
        if digits == 0 { return "\(sign)\(whole)" }
        return "\(sign)\(whole)." + String(repeating: "0", count: max(0, digits - rest.count)) + rest
    }
}

extension Int {
    /// The number with thin groups of three digits: 1 234 567.
    var grouped: String {
        var groups: [String] = []
        var digits = Substring(String(magnitude))
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits = digits.dropLast(3)
        }
        groups.insert(String(digits), at: 0)
        return (self < 0 ? "-" : "") + groups.joined(separator: " ")
    }
}
