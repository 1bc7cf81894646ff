public import VarveBytes

extension JSON {
    /// The document without white space. Doubles are written shortest, with a `.0` when whole, so
    /// that reading gives the same bits and the same case back.
    public var text: String {
        var writer = ByteWriter(capacity: 256)
        write(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The document indented by two spaces, with a line end.
    public var pretty: String {
        var writer = ByteWriter(capacity: 256)
        write(to: &writer, indent: 0)
        writer.text("\n")
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Writes the document without white space.
    public func write(to writer: inout ByteWriter) {
        switch self {
        case .array(let elements):
            writer.text("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { writer.text(",") }
                element.write(to: &writer)
            }
            writer.text("]")
        case .object(let members):
            writer.text("{")
            for (index, member) in members.enumerated() {
                if index > 0 { writer.text(",") }
                writer.json(member.name)
                writer.text(":")
                member.value.write(to: &writer)
            }
            writer.text("}")
        default: writeScalar(to: &writer)
        }
    }

    private func writeScalar(to writer: inout ByteWriter) {
        switch self {
        case .null: writer.text("null")
        case .bool(let value): writer.text(value ? "true" : "false")
        case .integer(let value): writer.decimal(value)
        case .number(let value): writer.json(value)
        case .string(let value): writer.json(value)
        case .array, .object: write(to: &writer)
        }
    }

    private func write(to writer: inout ByteWriter, indent: Int) {
        func line(_ depth: Int) {
            writer.text("\n")
            writer.text(String(repeating: "  ", count: depth))
        }
        switch self {
        case .array(let elements) where !elements.isEmpty:
            writer.text("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { writer.text(",") }
                line(indent + 1)
                element.write(to: &writer, indent: indent + 1)
            }
            line(indent)
            writer.text("]")
        case .object(let members) where !members.isEmpty:
            writer.text("{")
            for (index, member) in members.enumerated() {
                if index > 0 { writer.text(",") }
                line(indent + 1)
                writer.json(member.name)
                writer.text(": ")
                member.value.write(to: &writer, indent: indent + 1)
            }
            line(indent)
            writer.text("}")
        default: write(to: &writer)
        }
    }
}

extension ByteWriter {
    /// Writes a JSON string.
    public mutating func json(_ text: String) {
        integer(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): self.text("\\\"")
            case UInt8(ascii: "\\"): self.text("\\\\")
            case UInt8(ascii: "\n"): self.text("\\n")
            case UInt8(ascii: "\r"): self.text("\\r")
            case UInt8(ascii: "\t"): self.text("\\t")
            case 0..<0x20:
                self.text("\\u00")
                self.text([byte].hex)
            default: integer(byte)
            }
        }
        integer(UInt8(ascii: "\""))
    }

    /// Writes a finite double, shortest; null for others, as JSON has no word for them.
    public mutating func json(_ value: Double) {
        text(value.isFinite ? value.description : "null")
    }
}
