public import VarveBytes

/// The 64 bytes before each batch (little-endian). A frame is header, body and zero padding to a
/// multiple of 8 bytes.
///
///      0  magic "VRV1"
///      4  CRC32C of bytes 8-63, seeded with (log id, segment base, file offset)
///      8  body length              u32
///     12  count of positions       u32
///     16  base position            i64
///     24  ingest time, us          i64
///     32  commit position promised i64   every record below it was durable when this was written
///     40  stream id                u32
///     44  CRC32C of the body       u32
///     48  log epoch                u32
///     52  kind                     u8    0 tick, 1 record batch, 2 redacted
///     53  flags                    u8
///     54  reserved, zero           u16
///     56  base offset in stream    i64
struct FrameHeader: Equatable {
    /// What a frame holds.
    enum Kind: UInt8, Sendable { case tick = 0, batch = 1, redacted = 2 }

    static let size = 64
    static let magic: UInt32 = 0x3156_5256

    var bodyLength: UInt32
    var count: UInt32
    var basePosition: Int64
    var ingestTime: Int64
    var commitPromised: Int64
    var stream: UInt32
    var bodyChecksum: UInt32
    var epoch: UInt32
    var kind: Kind
    var flags: UInt8
    var baseOffset: Int64

    /// Bytes of the whole frame on disk.
    var frameSize: Int { Self.frameSize(body: Int(bodyLength)) }

    /// The position after its last record.
    var endPosition: Int64 { basePosition &+ Int64(count) }

    /// Whether a whole frame with this header has the body that the header's checksum is of, and
    /// zeros after it.
    func matches(_ frame: RawSpan) -> Bool {
        let bodyEnd = Self.size + Int(bodyLength)
        return frame.byteCount == frameSize
            && CRC32C.checksum(frame.extracting(Self.size..<bodyEnd)) == bodyChecksum
            && frame.extracting(bodyEnd..<frameSize).isAllZero
    }

    /// Appends the leaf hash of a whole frame: of a redacted one, the hash that the frame had
    /// before, which it carries.
    static func appendLeaf(of frame: RawSpan, to leaves: inout [UInt8]) {
        if frame.byteCount >= size + 32, frame.byte(at: 52) == Kind.redacted.rawValue {
            leaves.append(copying: frame.extracting(size..<(size + 32)))
        } else {
            MerkleTree.appendLeaf(of: frame, to: &leaves)
        }
    }

    static func frameSize(body: Int) -> Int { (size + body + 7) & ~7 }

    /// What the header's checksum starts from: it binds the frame to its place, so that a frame
    /// copied elsewhere, or left over from another file, is never taken for this one.
    static func seed(log: LogID, segmentBase: Int64, fileOffset: Int64) -> UInt32 {
        seed(segmentSeed(log: log, base: segmentBase), fileOffset: fileOffset)
    }

    /// The part of the seed that all frames of a segment share.
    static func segmentSeed(log: LogID, base: Int64) -> UInt32 {
        CRC32C.checksum(base, continuing: CRC32C.checksum(log.bytes.raw))
    }

    static func seed(_ segmentSeed: UInt32, fileOffset: Int64) -> UInt32 {
        CRC32C.checksum(fileOffset, continuing: segmentSeed)
    }

    /// Writes the header over the 64 bytes at `start`.
    func write(to writer: inout ByteWriter, at start: Int, seed: UInt32) {
        writer.patch(Self.magic, at: start)
        writer.patch(bodyLength, at: start + 8)
        writer.patch(count, at: start + 12)
        writer.patch(basePosition, at: start + 16)
        writer.patch(ingestTime, at: start + 24)
        writer.patch(commitPromised, at: start + 32)
        writer.patch(stream, at: start + 40)
        writer.patch(bodyChecksum, at: start + 44)
        writer.patch(epoch, at: start + 48)
        writer.patch(kind.rawValue, at: start + 52)
        writer.patch(flags, at: start + 53)
        writer.patch(UInt16(0), at: start + 54)
        writer.patch(baseOffset, at: start + 56)
        let checksum = CRC32C.checksum(
            writer.bytes.raw.extracting((start + 8)..<(start + Self.size)), continuing: seed)
        writer.patch(checksum, at: start + 4)
    }

    /// The header at the start of `bytes`, or nil when it is not a valid one for its place.
    init?(_ bytes: RawSpan, seed: UInt32) {
        guard bytes.byteCount >= Self.size,
            bytes.littleEndian(at: 0, as: UInt32.self) == Self.magic,
            CRC32C.checksum(bytes.extracting(8..<Self.size), continuing: seed)
                == bytes.littleEndian(at: 4, as: UInt32.self)
        else { return nil }
        self.init(fields: bytes)
    }

    /// The header at the start of `bytes`, wherever they stand: its checksum, which depends on the
    /// place, is not looked at.
    init?(fields bytes: RawSpan) {
        guard bytes.byteCount >= Self.size,
            bytes.littleEndian(at: 0, as: UInt32.self) == Self.magic,
            let kind = Kind(rawValue: bytes.byte(at: 52))
        else { return nil }
        bodyLength = bytes.littleEndian(at: 8)
        count = bytes.littleEndian(at: 12)
        basePosition = bytes.littleEndian(at: 16)
        ingestTime = bytes.littleEndian(at: 24)
        commitPromised = bytes.littleEndian(at: 32)
        stream = bytes.littleEndian(at: 40)
        bodyChecksum = bytes.littleEndian(at: 44)
        epoch = bytes.littleEndian(at: 48)
        self.kind = kind
        flags = bytes.byte(at: 53)
        baseOffset = bytes.littleEndian(at: 56)
    }

    init(
        bodyLength: UInt32, count: UInt32, basePosition: Int64, ingestTime: Int64,
        commitPromised: Int64, stream: UInt32, bodyChecksum: UInt32, epoch: UInt32, kind: Kind,
        flags: UInt8, baseOffset: Int64
    ) {
        self.bodyLength = bodyLength
        self.count = count
        self.basePosition = basePosition
        self.ingestTime = ingestTime
        self.commitPromised = commitPromised
        self.stream = stream
        self.bodyChecksum = bodyChecksum
        self.epoch = epoch
        self.kind = kind
        self.flags = flags
        self.baseOffset = baseOffset
    }
}

/// One frame as readers see it, borrowed.
public struct FrameView: ~Escapable {
    /// The position of its first record.
    public let basePosition: Position
    /// The offset of its first record within its stream.
    public let baseOffset: Int64
    /// Records.
    public let count: Int
    /// When the log accepted it.
    public let ingestTime: Timestamp
    /// The stream of its records.
    public let streamID: StreamID
    /// Its marks.
    public let flags: FrameFlags
    /// The record batch as the producer sent it, placed in its stream.
    public let body: RawSpan
    /// Whether its records were taken out.
    let isRedacted: Bool

    /// Whether the records were set aside by their stream's policy.
    public var isQuarantined: Bool { flags.contains(.quarantined) }

    @_lifetime(copy body)
    init(_ header: FrameHeader, body: RawSpan) {
        basePosition = Position(header.basePosition)
        baseOffset = header.baseOffset
        count = Int(header.count)
        ingestTime = Timestamp(microseconds: header.ingestTime)
        streamID = StreamID(header.stream)
        flags = FrameFlags(rawValue: header.flags)
        isRedacted = header.kind == .redacted
        self.body = body
    }
}
