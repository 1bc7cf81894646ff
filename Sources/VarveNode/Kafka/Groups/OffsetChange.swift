import VarveBytes
import VarveLog

/// How far a group has read one stream.
struct CommittedOffset: Sendable, Equatable {
    /// The next offset to read.
    var offset: Int64
    /// Of the last record that was read; -1 when unknown.
    var leaderEpoch: Int32
    /// The client's own words.
    var metadata: String?
    /// When it was committed.
    var time: Timestamp
}

/// One entry of the side log of offsets (little-endian):
///
///     0  CRC32C of all that follows, continuing from that of the file's header
///     4  bytes after this field
///     8  kind: 1 commit, 2 forget
///     9  group     u16 length, UTF-8
///        topic     u16 length, UTF-8
///        partition i32
///        offset i64, leader epoch i32, time i64 us,           commits only
///        metadata u16 length, UTF-8; 0xffff: none             commits only
struct OffsetChange: Sendable, Equatable {
    var group: String
    var stream: StreamName
    /// Nil forgets what was committed.
    var committed: CommittedOffset?

    /// Bytes before those that the length counts.
    static let prefixSize = 8
    /// The longest entry: three texts of 64 KiB.
    static let largest = 256 << 10

    private static let noMetadata = UInt16.max

    func write(to writer: inout ByteWriter, seed: UInt32) {
        let start = writer.count
        writer.integer(UInt32(0))
        writer.integer(UInt32(0))
        writer.integer(UInt8(committed == nil ? 2 : 1))
        Self.write(group, to: &writer)
        Self.write(stream.name, to: &writer)
        writer.integer(stream.partition)
        if let committed {
            writer.integer(committed.offset)
            writer.integer(committed.leaderEpoch)
            writer.integer(committed.time.microseconds)
            if let metadata = committed.metadata {
                Self.write(metadata, to: &writer)
            } else {
                writer.integer(Self.noMetadata)
            }
        }
        writer.patch(UInt32(writer.count - start - Self.prefixSize), at: start + 4)
        let checksum = Self.checksum(writer.bytes, from: start + 4, seed)
        writer.patch(checksum, at: start)
    }

    private static func checksum(_ bytes: [UInt8], from start: Int, _ seed: UInt32) -> UInt32 {
        CRC32C.checksum(bytes.raw.extracting(start..<bytes.count), continuing: seed)
    }

    /// Kafka's strings are shorter than 32 KiB.
    private static func write(_ text: String, to writer: inout ByteWriter) {
        precondition(text.utf8.count < Int(noMetadata), "\(text.utf8.count) bytes of text")
        writer.integer(UInt16(text.utf8.count))
        writer.text(text)
    }

    /// Reads the entry at the start of `bytes`.
    /// - Returns: nil when no whole entry stands there.
    static func read(
        _ bytes: RawSpan, seed: UInt32
    ) -> (change: OffsetChange, size: Int)? {
        guard bytes.byteCount >= prefixSize else { return nil }
        let length = Int(bytes.littleEndian(at: 4, as: UInt32.self))
        guard length <= largest, length <= bytes.byteCount - prefixSize else { return nil }
        let size = prefixSize + length
        let checksum = CRC32C.checksum(bytes.extracting(4..<size), continuing: seed)
        guard checksum == bytes.littleEndian(at: 0, as: UInt32.self) else { return nil }
        var reader = ByteReader(bytes.extracting(prefixSize..<size))
        guard let change = try? OffsetChange(reading: &reader), reader.remaining == 0 else {
            return nil
        }
        return (change, size)
    }

    private init(reading reader: inout ByteReader) throws(ByteError) {
        let kind = try reader.integer(UInt8.self)
        guard (1...2).contains(kind) else {
            throw .lengthOutOfRange(at: 0, value: Int64(kind), limit: 2)
        }
        group = try reader.text(Int(try reader.integer(UInt16.self)))
        let topic = try reader.text(Int(try reader.integer(UInt16.self)))
        stream = StreamName(name: topic, partition: try reader.integer())
        guard kind == 1 else { return }
        let offset = try reader.integer(Int64.self)
        let leaderEpoch = try reader.integer(Int32.self)
        let time = Timestamp(microseconds: try reader.integer())
        let length = try reader.integer(UInt16.self)
        let metadata = length == Self.noMetadata ? nil : try reader.text(Int(length))
        committed = CommittedOffset(
            offset: offset, leaderEpoch: leaderEpoch, metadata: metadata, time: time)
    }

    /// An entry with every field.
    init(group: String, stream: StreamName, committed: CommittedOffset?) {
        self.group = group
        self.stream = stream
        self.committed = committed
    }
}
