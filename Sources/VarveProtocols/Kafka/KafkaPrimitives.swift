public import VarveBytes

/// A request or a response of one API of the Kafka protocol: bytes to values and back, for every
/// version that Varve speaks. Fields that a version lacks are read as their documented defaults
/// and not written.
public protocol KafkaMessage: Sendable, Equatable {
    /// Reads the body that follows the header.
    init(reading reader: inout ByteReader, version: Int16) throws(ByteError)
    /// Writes the body that follows the header.
    func write(to writer: inout ByteWriter, version: Int16)
}

/// The protocol's building blocks, big-endian:
///
///     string   = length i16, UTF-8 bytes            nullable: length -1
///     bytes    = length i32, bytes                  nullable: length -1
///     array    = count i32, elements                nullable: count -1
///     bool     = i8, not 0: true
///     compact  = length + 1 as unsigned varint, bytes or elements    (flexible versions)
///     tags     = count, then (tag, size, bytes)*, all unsigned varints
public enum KafkaLimits {
    /// The largest frame of a request or a response, as Kafka's `socket.request.max.bytes`.
    public static let frameBytes = 100 << 20
    /// The most elements of one array: more would only be sent to exhaust memory.
    public static let arrayElements = 1 << 17
}

extension ByteReader {
    mutating func kafkaBool() throws(ByteError) -> Bool { try integer(Int8.self) != 0 }

    mutating func kafkaString() throws(ByteError) -> String {
        let length = Int64(try bigEndian(Int16.self))
        return try text(try checked(length, atMost: Int(Int16.max)))
    }

    mutating func kafkaNullableString() throws(ByteError) -> String? {
        let length = Int64(try bigEndian(Int16.self))
        return length == -1 ? nil : try text(try checked(length, atMost: Int(Int16.max)))
    }

    mutating func kafkaNullableBytes() throws(ByteError) -> [UInt8]? {
        let length = Int64(try bigEndian(Int32.self))
        return length == -1 ? nil : try take(try checked(length, atMost: remaining)).copied()
    }

    mutating func kafkaBytes() throws(ByteError) -> [UInt8] {
        let length = Int64(try bigEndian(Int32.self))
        return try take(try checked(length, atMost: remaining)).copied()
    }

    mutating func kafkaNullableArray<Element>(
        _ element: (inout ByteReader) throws(ByteError) -> Element
    ) throws(ByteError) -> [Element]? {
        let count = Int64(try bigEndian(Int32.self))
        return count == -1 ? nil : try elements(count, element)
    }

    mutating func kafkaArray<Element>(
        _ element: (inout ByteReader) throws(ByteError) -> Element
    ) throws(ByteError) -> [Element] {
        try elements(Int64(try bigEndian(Int32.self)), element)
    }

    mutating func compactArray<Element>(
        _ element: (inout ByteReader) throws(ByteError) -> Element
    ) throws(ByteError) -> [Element] {
        try elements(Int64(clamping: try unsignedVarint()) - 1, element)
    }

    mutating func compactString() throws(ByteError) -> String {
        let length = Int64(clamping: try unsignedVarint()) - 1
        return try text(try checked(length, atMost: remaining))
    }

    /// Skips tagged fields: none of those known to Varve carries anything it needs.
    mutating func skipTags() throws(ByteError) {
        let count = try checked(
            Int64(clamping: try unsignedVarint()), atMost: KafkaLimits.arrayElements)
        for _ in 0..<count {
            _ = try unsignedVarint()
            let size = try checked(Int64(clamping: try unsignedVarint()), atMost: remaining)
            _ = try takeRange(size)
        }
    }

    private mutating func elements<Element>(
        _ count: Int64, _ element: (inout ByteReader) throws(ByteError) -> Element
    ) throws(ByteError) -> [Element] {
        // Every element takes a byte at least.
        let count = try checked(count, atMost: min(remaining, KafkaLimits.arrayElements))
        var found: [Element] = []
        found.reserveCapacity(min(count, 64))
        for _ in 0..<count { found.append(try element(&self)) }
        return found
    }
}

extension ByteWriter {
    mutating func kafka(_ value: Bool) { integer(Int8(value ? 1 : 0)) }

    /// Writes a string, of which a Kafka string holds at most 32767 bytes; longer ones are cut at
    /// a character.
    mutating func kafka(_ value: String) {
        var bytes = Array(value.utf8.prefix(Int(Int16.max)))
        if bytes.count < value.utf8.count {
            while let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
            bytes.removeLast()
        }
        bigEndian(Int16(bytes.count))
        raw(bytes)
    }

    mutating func kafka(nullable value: String?) {
        if let value { kafka(value) } else { bigEndian(Int16(-1)) }
    }

    mutating func kafka(nullable value: [UInt8]?) {
        bigEndian(Int32(value?.count ?? -1))
        if let value { raw(value) }
    }

    mutating func kafka(bytes value: [UInt8]) {
        bigEndian(Int32(value.count))
        raw(value)
    }

    mutating func kafka<Element>(
        array: [Element], _ element: (inout ByteWriter, Element) -> Void
    ) {
        bigEndian(Int32(array.count))
        for value in array { element(&self, value) }
    }

    mutating func kafka<Element>(
        nullable array: [Element]?, _ element: (inout ByteWriter, Element) -> Void
    ) {
        if let array { kafka(array: array, element) } else { bigEndian(Int32(-1)) }
    }

    mutating func compact<Element>(
        array: [Element], _ element: (inout ByteWriter, Element) -> Void
    ) {
        unsignedVarint(UInt64(array.count) + 1)
        for value in array { element(&self, value) }
    }

    mutating func compact(_ value: String) {
        unsignedVarint(UInt64(value.utf8.count) + 1)
        text(value)
    }

    mutating func noTags() { unsignedVarint(0) }
}
