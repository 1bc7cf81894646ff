import VarveBytes

/// A FlatBuffers table as a value: the fields that are present, by their number in the schema.
///
///     vtable   UInt16 its size | UInt16 table size | UInt16 offset of each field, 0 = absent
///     table    Int32 distance back to the vtable | fields, each aligned to its size
///     string   UInt32 length | UTF-8 | 0x00
///     vector   UInt32 count  | elements
///
/// References are UInt32 distances forward to what they name, so children follow their parent and
/// one pass over the tree writes it. Tables are not shared and vtables are not deduplicated: a few
/// bytes more, and the same bytes for the same tree. Source: flatbuffers.dev, "Internals".
struct FlatTable: Sendable {
    /// The value of a field.
    enum Value: Sendable {
        case bool(Bool)
        case uint8(UInt8)
        case int16(Int16)
        case int32(Int32)
        case int64(Int64)
        case text(String)
        case table(FlatTable)
        case tables([FlatTable])
        /// A vector of structs that consist of `width` 64-bit words each.
        case structs([Int64], width: Int)

        /// Bytes of the field in its table; references take four.
        fileprivate var size: Int {
            switch self {
            case .bool, .uint8: 1
            case .int16: 2
            case .int32, .text, .table, .tables, .structs: 4
            case .int64: 8
            }
        }
    }

    /// The present fields in the order in which they lie in the table.
    let fields: [(number: Int, value: Value)]

    init(_ fields: [(number: Int, value: Value)]) { self.fields = fields }

    /// The bytes of a buffer whose root is this table; their count is a multiple of 8.
    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.integer(UInt32(0))
        let root = write(to: &writer)
        writer.patch(UInt32(root), at: 0)
        writer.pad(to: 8)
        return writer.bytes
    }

    /// Writes the table and all that it refers to; returns where the table lies.
    private func write(to writer: inout ByteWriter) -> Int {
        var slots: [Int] = []
        var size = 4
        for field in fields {
            size = (size + field.value.size - 1) / field.value.size * field.value.size
            slots.append(size)
            size += field.value.size
        }
        writer.pad(to: 4)
        let vtable = writer.count
        let numbers = (fields.map(\.number).max() ?? -1) + 1
        writer.integer(UInt16(4 + 2 * numbers))
        writer.integer(UInt16(size))
        writer.zeros(2 * numbers)
        for (field, slot) in zip(fields, slots) {
            writer.patch(UInt16(slot), at: vtable + 4 + 2 * field.number)
        }
        writer.pad(to: 8)
        let table = writer.count
        writer.integer(Int32(table - vtable))
        writer.zeros(size - 4)
        for (field, slot) in zip(fields, slots) {
            switch field.value {
            case .bool(let value): writer.patch(UInt8(value ? 1 : 0), at: table + slot)
            case .uint8(let value): writer.patch(value, at: table + slot)
            case .int16(let value): writer.patch(value, at: table + slot)
            case .int32(let value): writer.patch(value, at: table + slot)
            case .int64(let value): writer.patch(value, at: table + slot)
            case .text, .table, .tables, .structs:
                let child = Self.write(field.value, to: &writer)
                writer.patch(UInt32(child - table - slot), at: table + slot)
            }
        }
        return table
    }

    /// Writes what a reference refers to; returns where it lies.
    private static func write(_ value: Value, to writer: inout ByteWriter) -> Int {
        writer.pad(to: 4)
        switch value {
        case .table(let table): return table.write(to: &writer)
        case .text(let text):
            let start = writer.count
            writer.integer(UInt32(text.utf8.count))
            writer.text(text)
            writer.integer(UInt8(0))
            return start
        case .tables(let tables):
            let start = writer.count
            writer.integer(UInt32(tables.count))
            writer.zeros(4 * tables.count)
            for (index, table) in tables.enumerated() {
                let slot = start + 4 + 4 * index
                let child = table.write(to: &writer)
                writer.patch(UInt32(child - slot), at: slot)
            }
            return start
        case .structs(let words, let width):
            // The words, not the count before them, are aligned to 8.
            if writer.count % 8 == 0 { writer.zeros(4) }
            let start = writer.count
            writer.integer(UInt32(words.count / width))
            for word in words { writer.integer(word) }
            return start
        case .bool, .uint8, .int16, .int32, .int64:
            preconditionFailure("scalars lie in their table")
        }
    }
}
