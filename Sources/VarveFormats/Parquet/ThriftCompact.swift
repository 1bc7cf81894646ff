import VarveBytes

/// Types on the wire of Thrift's compact protocol, in which Parquet writes its metadata.
///
///     struct   field ... | 0
///     field    u8: id - last id (0 = a zig-zag varint follows) in the high half, type in the low
///     integer  zig-zag varint        double   8 bytes little-endian
///     binary   varint length, bytes  bool     in the type of its field; a byte in a list
///     list     u8: count (15 = a varint follows), element type | element ...
///
/// Source: github.com/apache/thrift, `doc/specs/thrift-compact-protocol.md`.
enum ThriftType: UInt8 {
    case stop = 0
    case yes, no, int8, int16, int32, int64, double, binary, list, set, map, structure
}

/// Reads Thrift's compact protocol from borrowed bytes.
struct ThriftReader: ~Escapable {
    private(set) var bytes: ByteReader
    /// How deep values may nest; Parquet's metadata needs 7.
    private static let depthLimit = 24

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = ByteReader(bytes) }

    /// Bytes read so far.
    var offset: Int { bytes.offset }

    /// The next field of the struct at hand; nil at its end.
    /// - Parameter last: the id of the field before, 0 at the beginning of the struct.
    mutating func field(
        after last: inout Int64
    ) throws(ByteError) -> (id: Int64, type: ThriftType)? {
        let head = try bytes.integer(UInt8.self)
        if head == 0 { return nil }
        let type = try self.type(head & 15)
        let delta = Int64(head >> 4)
        last = delta == 0 ? try bytes.varint() : last &+ delta
        return (last, type)
    }

    private func type(_ raw: UInt8) throws(ByteError) -> ThriftType {
        guard let type = ThriftType(rawValue: raw), type != .stop else {
            throw .lengthOutOfRange(at: bytes.offset, value: Int64(raw), limit: 12)
        }
        return type
    }

    /// An integer of any width.
    mutating func integer() throws(ByteError) -> Int64 { try bytes.varint() }

    /// Checks a count that was just read against what it may be.
    func checked(_ count: Int64, atMost limit: Int) throws(ByteError) -> Int {
        try bytes.checked(count, atMost: limit)
    }

    /// An integer of one byte.
    mutating func byte() throws(ByteError) -> Int8 { try bytes.integer() }

    /// A binary as borrowed bytes.
    @_lifetime(copy self)
    mutating func binary() throws(ByteError) -> RawSpan {
        try bytes.take(try length())
    }

    /// A binary that holds UTF-8.
    mutating func text() throws(ByteError) -> String {
        let length = try length()
        return try bytes.text(length)
    }

    private mutating func length() throws(ByteError) -> Int {
        let length = try bytes.unsignedVarint()
        return try bytes.checked(Int64(clamping: length), atMost: bytes.remaining)
    }

    /// The head of a list: how many elements follow, each of at least one byte.
    mutating func list() throws(ByteError) -> (count: Int, type: ThriftType) {
        let head = try bytes.integer(UInt8.self)
        let type = try self.type(head & 15)
        var count = Int64(head >> 4)
        if count == 15 { count = Int64(clamping: try bytes.unsignedVarint()) }
        return (try bytes.checked(count, atMost: bytes.remaining), type)
    }

    /// Moves past a value.
    mutating func skip(_ type: ThriftType, depth: Int = 0) throws(ByteError) {
        guard depth < Self.depthLimit else {
            throw .lengthOutOfRange(at: offset, value: Int64(depth), limit: Self.depthLimit)
        }
        switch type {
        case .stop, .yes, .no: break
        case .int8: _ = try bytes.take(1)
        case .int16, .int32, .int64: _ = try bytes.unsignedVarint()
        case .double: _ = try bytes.take(8)
        case .binary: _ = try binary()
        case .list, .set:
            let (count, element) = try list()
            for _ in 0..<count { try skipElement(element, depth + 1) }
        case .map:
            let size = try bytes.unsignedVarint()
            let count = try bytes.checked(Int64(clamping: size), atMost: bytes.remaining)
            if count == 0 { return }
            let types = try bytes.integer(UInt8.self)
            let (key, value) = (try self.type(types >> 4), try self.type(types & 15))
            for _ in 0..<count {
                try skipElement(key, depth + 1)
                try skipElement(value, depth + 1)
            }
        case .structure:
            var last: Int64 = 0
            while let field = try field(after: &last) { try skip(field.type, depth: depth + 1) }
        }
    }

    /// Booleans have a byte of their own in lists.
    private mutating func skipElement(_ type: ThriftType, _ depth: Int) throws(ByteError) {
        if type == .yes || type == .no {
            _ = try bytes.take(1)
        } else {
            try skip(type, depth: depth)
        }
    }
}

/// Writes Thrift's compact protocol. Fields of a struct are written in ascending order of id.
struct ThriftWriter {
    private(set) var writer = ByteWriter()
    private var last: Int64 = 0

    /// What has been written.
    var bytes: [UInt8] { writer.bytes }

    private mutating func head(_ id: Int64, _ type: ThriftType) {
        let delta = id - last
        precondition(delta > 0, "field \(id) after field \(last)")
        if delta < 16 {
            writer.integer(UInt8(delta) << 4 | type.rawValue)
        } else {
            writer.integer(type.rawValue)
            writer.varint(id)
        }
        last = id
    }

    mutating func int32(_ id: Int64, _ value: some BinaryInteger) {
        head(id, .int32)
        writer.varint(Int64(value))
    }

    mutating func int64(_ id: Int64, _ value: some BinaryInteger) {
        head(id, .int64)
        writer.varint(Int64(value))
    }

    mutating func int8(_ id: Int64, _ value: Int8) {
        head(id, .int8)
        writer.integer(value)
    }

    mutating func bool(_ id: Int64, _ value: Bool) { head(id, value ? .yes : .no) }

    mutating func binary(_ id: Int64, _ value: [UInt8]) {
        head(id, .binary)
        writer.unsignedVarint(UInt64(value.count))
        writer.raw(value)
    }

    mutating func text(_ id: Int64, _ value: String) { binary(id, Array(value.utf8)) }

    /// A field that is a struct.
    mutating func structure(_ id: Int64, _ body: (inout ThriftWriter) -> Void) {
        head(id, .structure)
        element(body)
    }

    /// A field that is a list of structs.
    mutating func structures<Element>(
        _ id: Int64, _ elements: [Element], _ body: (inout ThriftWriter, Element) -> Void
    ) {
        list(id, .structure, elements.count)
        for value in elements { element { body(&$0, value) } }
    }

    mutating func int32s(_ id: Int64, _ values: [Int]) {
        list(id, .int32, values.count)
        for value in values { writer.varint(Int64(value)) }
    }

    mutating func texts(_ id: Int64, _ values: [String]) {
        list(id, .binary, values.count)
        for value in values {
            writer.unsignedVarint(UInt64(value.utf8.count))
            writer.text(value)
        }
    }

    private mutating func list(_ id: Int64, _ type: ThriftType, _ count: Int) {
        head(id, .list)
        if count < 15 {
            writer.integer(UInt8(count) << 4 | type.rawValue)
        } else {
            writer.integer(0xF0 | type.rawValue)
            writer.unsignedVarint(UInt64(count))
        }
    }

    /// A struct that is no field: the outermost one, or an element of a list.
    mutating func element(_ body: (inout ThriftWriter) -> Void) {
        let outer = last
        last = 0
        body(&self)
        writer.integer(UInt8(0))
        last = outer
    }
}
