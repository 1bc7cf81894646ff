public import VarveBytes

/// One record of a batch, borrowed.
public struct RecordView: ~Escapable {
    private let payload: RawSpan
    private let keyRange: Range<Int>?
    private let valueRange: Range<Int>?
    private let headerRange: Range<Int>
    /// The number of headers.
    public let headerCount: Int
    /// The record's number within its batch.
    public let offsetDelta: Int
    /// Milliseconds since 1970 UTC.
    public let timestamp: Int64

    /// The most headers of one record.
    public static let headerLimit = 1 << 16

    @inline(__always)
    @_lifetime(copy payload)
    init(_ payload: RawSpan, _ reader: inout ByteReader, baseTimestamp: Int64) throws(ByteError) {
        let length = try reader.checked(try reader.varint(), atMost: reader.remaining)
        let end = reader.offset + length
        _ = try reader.integer(Int8.self)
        timestamp = baseTimestamp &+ (try reader.varint())
        offsetDelta = Int(truncatingIfNeeded: try reader.varint())
        keyRange = try Self.bytes(&reader, end: end)
        valueRange = try Self.bytes(&reader, end: end)
        headerCount = try reader.checked(try reader.varint(), atMost: Self.headerLimit)
        let start = reader.offset
        for _ in 0..<headerCount {
            _ = try Self.bytes(&reader, end: end)
            _ = try Self.bytes(&reader, end: end)
        }
        guard reader.offset == end else {
            throw .lengthOutOfRange(
                at: reader.offset, value: Int64(length), limit: reader.offset - end + length)
        }
        headerRange = start..<end
        self.payload = payload
    }

    @inline(__always)
    private static func bytes(_ reader: inout ByteReader, end: Int) throws(ByteError) -> Range<Int>?
    {
        let length = try reader.varint()
        if length == -1 { return nil }
        let count = try reader.checked(length, atMost: max(0, end - reader.offset))
        return try reader.takeRange(count)
    }

    /// The key; nil is null.
    public var key: RawSpan? {
        @_lifetime(copy self)
        get {
            guard let keyRange else { return nil }
            return payload.extracting(keyRange)
        }
    }

    /// The value; nil is null.
    public var value: RawSpan? {
        @_lifetime(copy self)
        get {
            guard let valueRange else { return nil }
            return payload.extracting(valueRange)
        }
    }

    /// Whether a header has this name, as UTF-8 bytes.
    public func hasHeader(_ name: [UInt8]) -> Bool {
        if headerCount == 0 { return false }
        var reader = ByteReader(payload.extracting(headerRange))
        for _ in 0..<headerCount {
            // The lengths were checked when the record was read.
            guard let length = try? reader.varint(), let found = try? reader.take(Int(length)),
                let valueLength = try? reader.varint(),
                (try? reader.takeRange(max(0, Int(valueLength)))) != nil
            else { return false }
            if found.equals(name.raw) { return true }
        }
        return false
    }

    /// A copy of the record.
    public func copied() throws(ByteError) -> Record {
        var reader = ByteReader(payload.extracting(headerRange))
        var headers: [Record.Header] = []
        for _ in 0..<headerCount {
            let nameLength = try reader.checked(try reader.varint(), atMost: reader.remaining)
            let name = try reader.text(nameLength)
            let length = try reader.varint()
            var value: [UInt8]?
            if length >= 0 {
                value = try reader.take(try reader.checked(length, atMost: reader.remaining))
                    .copied()
            }
            headers.append(Record.Header(name: name, value: value))
        }
        return Record(
            key: key?.copied(), value: value?.copied(), headers: headers, timestamp: timestamp)
    }
}
