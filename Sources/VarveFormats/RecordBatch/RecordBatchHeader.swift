import VarveBytes

/// The fixed part of a Kafka record batch, format version 2 (big-endian):
///
///      0  base offset            i64     not covered by the checksum
///      8  length after this      i32     not covered
///     12  leader epoch           i32     not covered
///     16  magic = 2              i8
///     17  CRC32C of bytes 21...  u32
///     21  attributes             i16     bits 0-2 codec, 3 timestamp type, 4 transactional,
///                                        5 control
///     23  last offset delta      i32
///     27  base timestamp, ms     i64
///     35  max timestamp, ms      i64
///     43  producer id            i64     -1: none
///     51  producer epoch         i16
///     53  base sequence          i32     -1: none
///     57  record count           i32
///     61  records, compressed as a whole
public struct RecordBatchHeader: Sendable, Equatable {
    /// Bytes of the fixed part.
    public static let size = 61
    /// Bytes before those that `length` counts.
    public static let lengthEnd = 12
    /// The largest batch, bytes in all.
    public static let largestBatch = 64 << 20

    public var baseOffset: Int64
    /// Bytes after the length field.
    public var length: Int32
    public var leaderEpoch: Int32
    public var crc: UInt32
    public var attributes: Int16
    public var lastOffsetDelta: Int32
    /// Milliseconds since 1970 UTC.
    public var baseTimestamp: Int64
    public var maxTimestamp: Int64
    public var producerID: Int64
    public var producerEpoch: Int16
    public var baseSequence: Int32
    public var recordCount: Int32

    /// Bytes of the whole batch.
    public var totalSize: Int { Self.lengthEnd + Int(length) }

    /// The codec, or nil when the number names none.
    public var compression: Compression? { Compression(rawValue: UInt8(attributes & 7)) }

    /// Reads the header of the batch that starts `bytes`; more bytes than the batch may follow.
    /// Batches that Varve cannot keep as they are, such as transactional ones, are refused.
    public init(reading bytes: RawSpan) throws(RecordBatchError) {
        guard bytes.byteCount >= Self.size else {
            throw .truncated(needed: Self.size, available: bytes.byteCount)
        }
        let magic = bytes.byte(at: 16)
        guard magic == 2 else { throw .unsupportedMagic(magic) }
        baseOffset = bytes.bigEndian(at: 0)
        length = bytes.bigEndian(at: 8)
        leaderEpoch = bytes.bigEndian(at: 12)
        crc = bytes.bigEndian(at: 17)
        attributes = bytes.bigEndian(at: 21)
        lastOffsetDelta = bytes.bigEndian(at: 23)
        baseTimestamp = bytes.bigEndian(at: 27)
        maxTimestamp = bytes.bigEndian(at: 35)
        producerID = bytes.bigEndian(at: 43)
        producerEpoch = bytes.bigEndian(at: 51)
        baseSequence = bytes.bigEndian(at: 53)
        recordCount = bytes.bigEndian(at: 57)
        guard length >= Self.size - Self.lengthEnd, Int(length) <= Self.largestBatch else {
            throw .badField("length", Int64(length))
        }
        guard bytes.byteCount >= totalSize else {
            throw .truncated(needed: totalSize, available: bytes.byteCount)
        }
        guard recordCount > 0 else { throw .badField("record count", Int64(recordCount)) }
        guard lastOffsetDelta == recordCount - 1 else {
            throw .badField("last offset delta", Int64(lastOffsetDelta))
        }
        // A record takes seven bytes at least, when it is not compressed.
        if attributes & 7 == 0, Int(recordCount) > (totalSize - Self.size) / 7 {
            throw .badField("record count", Int64(recordCount))
        }
        if attributes & 8 != 0 { throw .unsupported("LogAppendTime timestamps") }
        if attributes & 16 != 0 { throw .unsupported("transactional batches") }
        if attributes & 32 != 0 { throw .unsupported("control batches") }
    }
}

/// How the records of a batch are compressed.
public enum Compression: UInt8, Sendable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// Whether Varve reads the records; others are passed on as they are.
    public var isReadable: Bool { self != .zstd }
}

/// Why bytes are not a batch that Varve keeps.
public enum RecordBatchError: Error, Sendable, Equatable, CustomStringConvertible {
    case truncated(needed: Int, available: Int)
    case unsupportedMagic(UInt8)
    case badField(String, Int64)
    case badChecksum(expected: UInt32, found: UInt32)
    case unsupported(String)
    case badRecord(index: Int, String)
    case tooLarge(Int)

    public var description: String {
        switch self {
        case .truncated(let needed, let available):
            "the record batch needs \(needed) bytes, \(available) are there"
        case .unsupportedMagic(let magic):
            "the record batch has format version \(magic), expected 2"
        case .badField(let field, let value): "the record batch's \(field) is \(value)"
        case .badChecksum(let expected, let found):
            "the record batch's checksum is \(found), its bytes give \(expected)"
        case .unsupported(let what): "\(what) are not supported"
        case .badRecord(let index, let reason): "record \(index) of the batch: \(reason)"
        case .tooLarge(let size):
            "the record batch is \(size) bytes, expected at most \(RecordBatchHeader.largestBatch)"
        }
    }
}
