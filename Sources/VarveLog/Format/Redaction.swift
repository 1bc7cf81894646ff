import VarveBytes
import VarveFormats

/// What stands in the place of a frame whose records were taken out: a frame of kind 2 of the same
/// size at the same place, so that no other frame changes. Its body (little-endian) is, with zeros
/// up to the length that the body had:
///
///      0  leaf hash of the frame as it was   32 bytes   the segment's Merkle root stays
///     32  time of the redaction, us          i64
///     40  reason                             u8         0 asked for, 1 damage
///
/// The least body, that of a batch, is longer than this.
enum Redaction {
    /// Why a frame was redacted.
    enum Reason: UInt8 { case request = 0, damage = 1 }

    static let size = 41

    /// A redacted frame for the place of the one that `header` was of.
    static func frame(
        _ header: FrameHeader, leaf: [UInt8], time: Int64, reason: Reason, seed: UInt32
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: header.frameSize)
        writer.zeros(FrameHeader.size)
        writer.raw(leaf)
        writer.integer(time)
        writer.integer(reason.rawValue)
        writer.zeros(header.frameSize - FrameHeader.size - Self.size)
        var redacted = header
        redacted.kind = .redacted
        redacted.bodyChecksum = CRC32C.checksum(
            writer.bytes.raw.extracting(
                FrameHeader.size..<(FrameHeader.size + Int(header.bodyLength))))
        redacted.write(to: &writer, at: 0, seed: seed)
        return writer.bytes
    }

    /// A batch without records at the place of a redacted one: consumers go on after it.
    static func emptyBatch(_ frame: borrowing FrameView) -> [UInt8] {
        var writer = ByteWriter(capacity: RecordBatchHeader.size)
        writer.bigEndian(frame.baseOffset)
        writer.bigEndian(Int32(RecordBatchHeader.size - RecordBatchHeader.lengthEnd))
        writer.bigEndian(Int32(0))
        writer.integer(UInt8(2))
        writer.bigEndian(UInt32(0))
        writer.bigEndian(Int16(0))
        writer.bigEndian(Int32(frame.count - 1))
        let time = frame.ingestTime.microseconds.flooredDivision(by: 1000).quotient
        writer.bigEndian(time)
        writer.bigEndian(time)
        writer.bigEndian(Int64(-1))
        writer.bigEndian(Int16(-1))
        writer.bigEndian(Int32(-1))
        writer.bigEndian(Int32(0))
        let crc = CRC32C.checksum(writer.bytes.raw.extracting(21..<writer.count))
        writer.bytes.patchBigEndian(crc, at: 17)
        return writer.bytes
    }
}
