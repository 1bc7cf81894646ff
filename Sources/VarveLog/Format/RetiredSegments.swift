import VarveBytes
import VarveSystem

/// `log/retired`: what is still known of segments that retention removed, so that the tree over
/// all segments goes on and offsets stay dense. Replaced as a whole before segments are removed.
/// Little-endian:
///
///      0  magic "VARVERET"
///      8  format version = 1   u32
///     12  CRC32C of the rest
///     16  segments             u32
///     20  streams              u32
///     24  each segment's summary, 56 bytes; then for each stream of the log the first offset that
///         is left, i64
struct RetiredSegments: Sendable, Equatable {
    static let name = "retired"
    private static let magic = Array("VARVERET".utf8)

    var summaries: [SegmentSummary] = []
    /// By stream number.
    var startOffsets: [Int64] = []

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.integer(UInt32(1))
        writer.integer(UInt32(0))
        writer.integer(UInt32(summaries.count))
        writer.integer(UInt32(startOffsets.count))
        for summary in summaries { writer.raw(summary.encoded()) }
        for offset in startOffsets { writer.integer(offset) }
        writer.patch(CRC32C.checksum(writer.bytes.raw.extracting(16..<writer.count)), at: 12)
        return writer.bytes
    }

    init() {}

    /// Reads the file's bytes; nil when they are not what `encoded` gives.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 24, bytes.extracting(0..<8).equals(Self.magic.raw),
            bytes.littleEndian(at: 8, as: UInt32.self) == 1,
            CRC32C.checksum(bytes.extracting(16..<bytes.byteCount))
                == bytes.littleEndian(at: 12, as: UInt32.self)
        else { return nil }
        let segments: UInt32 = bytes.littleEndian(at: 16)
        let streams: UInt32 = bytes.littleEndian(at: 20)
        var reader = ByteReader(bytes.extracting(24..<bytes.byteCount))
        do {
            for _ in 0..<segments { summaries.append(try SegmentSummary(reading: &reader)) }
            for _ in 0..<streams { startOffsets.append(try reader.integer()) }
        } catch {
            return nil
        }
        guard reader.remaining == 0 else { return nil }
    }

    static func read(_ directory: String, _ names: [String], _ files: any FileSystem)
        throws(LogError) -> RetiredSegments
    {
        guard names.contains(name) else { return RetiredSegments() }
        let path = "\(directory)/\(name)"
        let bytes = try Recovery.system { () throws(SystemError) in try files.contents(of: path) }
        guard let retired = RetiredSegments(bytes.raw) else {
            throw .invalidSegment(path: path, reason: "its checksum does not match")
        }
        return retired
    }
}
