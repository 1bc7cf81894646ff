import VarveBytes

/// The last 128 bytes of a sealed segment file (little-endian): where the footer is, and what the
/// segment holds in all.
///
///      0  magic "VARVEEND"
///      8  CRC32C of bytes 12-127, seeded with (log id, base position, the trailer's offset)  u32
///     12  CRC32C of the footer's section table  u32
///     16  offset of the footer         i64    where the frames end
///     24  length of the footer         i64    up to the trailer
///     32  base position                i64
///     40  end position                 i64
///     48  frames, ticks included       i64
///     56  bytes of all bodies          i64
///     64  ingest time of the first frame, us  i64
///     72  ingest time of the last frame, us   i64
///     80  Merkle root over the frames  32 bytes
///    112  epoch of the last frame      u32
///    116  sections of the footer       u32
///    120  reserved, zero
struct SegmentTrailer: Equatable {
    static let size = 128
    private static let magic = Array("VARVEEND".utf8)

    var tableChecksum: UInt32
    var footerOffset: Int64
    var footerLength: Int64
    var summary: SegmentSummary
    var bodyBytes: Int64
    var firstIngestTime: Int64
    var lastIngestTime: Int64
    var epoch: UInt32
    var sections: UInt32

    func encoded(log: LogID) -> [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.raw(Self.magic)
        writer.integer(UInt32(0))
        writer.integer(tableChecksum)
        writer.integer(footerOffset)
        writer.integer(footerLength)
        writer.integer(summary.base)
        writer.integer(summary.end)
        writer.integer(summary.frames)
        writer.integer(bodyBytes)
        writer.integer(firstIngestTime)
        writer.integer(lastIngestTime)
        writer.raw(summary.root.bytes)
        writer.integer(epoch)
        writer.integer(sections)
        writer.zeros(8)
        let seed = FrameHeader.seed(
            log: log, segmentBase: summary.base, fileOffset: footerOffset + footerLength)
        writer.patch(
            CRC32C.checksum(writer.bytes.raw.extracting(12..<Self.size), continuing: seed), at: 8)
        return writer.bytes
    }

    /// The trailer at the end of a file of `size` bytes; nil when it is not a valid one for its
    /// place.
    init?(_ bytes: RawSpan, log: LogID, base: Int64, fileSize: Int64) {
        guard bytes.byteCount == Self.size, bytes.extracting(0..<8).equals(Self.magic.raw) else {
            return nil
        }
        let seed = FrameHeader.seed(
            log: log, segmentBase: base, fileOffset: fileSize - Int64(Self.size))
        guard
            CRC32C.checksum(bytes.extracting(12..<Self.size), continuing: seed)
                == bytes.littleEndian(at: 8, as: UInt32.self)
        else { return nil }
        tableChecksum = bytes.littleEndian(at: 12)
        footerOffset = bytes.littleEndian(at: 16)
        footerLength = bytes.littleEndian(at: 24)
        summary = SegmentSummary(
            base: bytes.littleEndian(at: 32), end: bytes.littleEndian(at: 40),
            frames: bytes.littleEndian(at: 48),
            root: Digest(bytes.extracting(80..<112).copied()))
        bodyBytes = bytes.littleEndian(at: 56)
        firstIngestTime = bytes.littleEndian(at: 64)
        lastIngestTime = bytes.littleEndian(at: 72)
        epoch = bytes.littleEndian(at: 112)
        sections = bytes.littleEndian(at: 116)
        guard summary.base == base, footerOffset >= Int64(SegmentHeader.size), footerLength >= 0,
            footerOffset + footerLength == fileSize - Int64(Self.size), sections <= 64
        else { return nil }
    }

    init(
        tableChecksum: UInt32, footerOffset: Int64, footerLength: Int64, summary: SegmentSummary,
        bodyBytes: Int64, firstIngestTime: Int64, lastIngestTime: Int64, epoch: UInt32,
        sections: UInt32
    ) {
        self.tableChecksum = tableChecksum
        self.footerOffset = footerOffset
        self.footerLength = footerLength
        self.summary = summary
        self.bodyBytes = bodyBytes
        self.firstIngestTime = firstIngestTime
        self.lastIngestTime = lastIngestTime
        self.epoch = epoch
        self.sections = sections
    }
}
