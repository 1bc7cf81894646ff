import VarveBytes

/// A FlatBuffers table in borrowed bytes that nobody vouches for: every access is checked, and
/// nothing is followed that the caller does not name, so a hostile buffer cannot make it loop.
/// `FlatTable` shows the layout.
struct FlatTableView: ~Escapable {
    private let bytes: RawSpan
    /// Where the table lies in `bytes`.
    private let table: Int
    private let vtable: Int
    private let vtableSize: Int
    private let tableSize: Int
    /// Where `bytes` begin in the file, for messages.
    private let base: Int

    /// The root table of a buffer.
    @_lifetime(copy bytes)
    init(root bytes: RawSpan, base: Int) throws(ArrowError) {
        let table = try Self.load(UInt32.self, bytes, at: 0, base: base)
        try self.init(bytes, table: Int(table), base: base)
    }

    @_lifetime(copy bytes)
    private init(_ bytes: RawSpan, table: Int, base: Int) throws(ArrowError) {
        let distance = try Self.load(Int32.self, bytes, at: table, base: base)
        let vtable = table - Int(distance)
        let vtableSize = Int(try Self.load(UInt16.self, bytes, at: vtable, base: base))
        let tableSize = Int(try Self.load(UInt16.self, bytes, at: vtable + 2, base: base))
        guard vtableSize >= 4, vtableSize <= bytes.byteCount - vtable, tableSize >= 4,
            tableSize <= bytes.byteCount - table
        else {
            throw .malformed(at: base + table, reason: "a table that does not fit its buffer")
        }
        self.bytes = bytes
        self.table = table
        self.vtable = vtable
        self.vtableSize = vtableSize
        self.tableSize = tableSize
        self.base = base
    }

    private static func load<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, _ bytes: RawSpan, at offset: Int, base: Int
    ) throws(ArrowError) -> T {
        guard offset >= 0, bytes.byteCount - offset >= MemoryLayout<T>.size else {
            throw .malformed(at: base, reason: "a reference beyond the end of its metadata")
        }
        return bytes.littleEndian(at: offset, as: type)
    }

    /// Where a field lies in `bytes`; nil when it is absent.
    private func slot(_ number: Int, size: Int) throws(ArrowError) -> Int? {
        let entry = 4 + 2 * number
        guard entry + 2 <= vtableSize else { return nil }
        let offset = Int(try Self.load(UInt16.self, bytes, at: vtable + entry, base: base))
        if offset == 0 { return nil }
        guard offset >= 4, offset + size <= tableSize else {
            throw .malformed(at: base + table, reason: "a field outside its table")
        }
        return table + offset
    }

    /// A number; the default when it is absent.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ number: Int, default value: T
    ) throws(ArrowError) -> T {
        guard let slot = try slot(number, size: MemoryLayout<T>.size) else { return value }
        return try Self.load(T.self, bytes, at: slot, base: base)
    }

    /// Whether a field is there at all.
    func has(_ number: Int) throws(ArrowError) -> Bool { try slot(number, size: 1) != nil }

    private func reference(_ number: Int) throws(ArrowError) -> Int? {
        guard let slot = try slot(number, size: 4) else { return nil }
        return slot + Int(try Self.load(UInt32.self, bytes, at: slot, base: base))
    }

    /// A text; nil when it is absent.
    func text(_ number: Int) throws(ArrowError) -> String? {
        guard let start = try reference(number) else { return nil }
        let count = Int(try Self.load(UInt32.self, bytes, at: start, base: base))
        guard count <= bytes.byteCount - start - 4,
            let text = bytes.extracting((start + 4)..<(start + 4 + count)).text()
        else { throw .malformed(at: base + start, reason: "a name that is cut or not UTF-8") }
        return text
    }

    /// A table.
    /// - Throws: `ArrowError.malformed`, calling it `name`, when it is absent.
    @_lifetime(copy self)
    func table(_ number: Int, _ name: String) throws(ArrowError) -> FlatTableView {
        guard let start = try reference(number) else {
            throw .malformed(at: base + table, reason: "the \(name) is missing")
        }
        return try FlatTableView(bytes, table: start, base: base)
    }

    /// Where the elements of a vector lie, each `size` bytes; an absent vector is empty.
    private func vector(
        _ number: Int, size: Int
    ) throws(ArrowError) -> (start: Int, count: Int) {
        guard let start = try reference(number) else { return (0, 0) }
        let count = Int(try Self.load(UInt32.self, bytes, at: start, base: base))
        guard count <= (bytes.byteCount - start - 4) / size else {
            throw .malformed(at: base + start, reason: "a list of \(count) that does not fit")
        }
        return (start + 4, count)
    }

    /// Elements of a vector of tables.
    func tableCount(_ number: Int) throws(ArrowError) -> Int {
        try vector(number, size: 4).count
    }

    /// An element of a vector of tables.
    @_lifetime(copy self)
    func table(_ number: Int, at index: Int) throws(ArrowError) -> FlatTableView {
        let slot = try vector(number, size: 4).start + 4 * index
        let distance = Int(try Self.load(UInt32.self, bytes, at: slot, base: base))
        return try FlatTableView(bytes, table: slot + distance, base: base)
    }

    /// A vector of structs that consist of `width` 64-bit words each, word after word.
    func structs(_ number: Int, width: Int) throws(ArrowError) -> [Int64] {
        let (start, count) = try vector(number, size: 8 * width)
        return (0..<(count * width)).map { bytes.littleEndian(at: start + 8 * $0) }
    }
}
