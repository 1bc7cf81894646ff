import VarveBytes
import VarveSystem

/// The first 128 bytes of a segment file (little-endian), `log/<20-digit base position>.varve`.
///
///      0  magic "VARVESEG"
///      8  format version = 1          u32
///     12  epoch that created it       u32
///     16  log id                      16 bytes
///     32  base position               i64
///     40  creation time, us           i64
///     48  root hash of the previous segment, 32 bytes; zero in the first
///     80  number of segments before   i64
///     88  root of the tree over all segments before, 32 bytes
///    120  flags                       u32  bit 0: retired, see `RetiredSegment`
///    124  CRC32C of bytes 0-123       u32
struct SegmentHeader: Equatable {
    static let size = 128
    static let version: UInt32 = 1
    private static let magic = Array("VARVESEG".utf8)
    private static let retiredFlag: UInt32 = 1

    var epoch: UInt32
    var log: LogID
    var basePosition: Int64
    var creationTime: Int64
    var previousRoot: Digest
    var number: Int64
    var historyRoot: Digest
    /// Whether retention removed the frames: only header and footer are left.
    var isRetired = false

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.raw(Self.magic)
        writer.integer(Self.version)
        writer.integer(epoch)
        writer.raw(log.bytes)
        writer.integer(basePosition)
        writer.integer(creationTime)
        writer.raw(previousRoot.bytes)
        writer.integer(number)
        writer.raw(historyRoot.bytes)
        writer.integer(isRetired ? Self.retiredFlag : 0)
        writer.integer(CRC32C.checksum(writer.bytes.raw))
        return writer.bytes
    }

    /// Reads a header; the error says what is wrong with it.
    init(_ bytes: RawSpan, path: String) throws(LogError) {
        guard bytes.byteCount >= Self.size else {
            throw .invalidSegment(path: path, reason: "only \(bytes.byteCount) bytes")
        }
        guard bytes.extracting(0..<8).equals(Self.magic.raw) else {
            throw .invalidSegment(path: path, reason: "the magic is missing")
        }
        guard
            CRC32C.checksum(bytes.extracting(0..<124))
                == bytes.littleEndian(at: 124, as: UInt32.self)
        else { throw .invalidSegment(path: path, reason: "the header's checksum does not match") }
        let version: UInt32 = bytes.littleEndian(at: 8)
        guard version == Self.version else {
            throw .invalidSegment(
                path: path, reason: "format version \(version), expected \(Self.version)")
        }
        epoch = bytes.littleEndian(at: 12)
        log = LogID(bytes.extracting(16..<32).copied())
        basePosition = bytes.littleEndian(at: 32)
        creationTime = bytes.littleEndian(at: 40)
        previousRoot = Digest(bytes.extracting(48..<80).copied())
        number = bytes.littleEndian(at: 80)
        historyRoot = Digest(bytes.extracting(88..<120).copied())
        let flags: UInt32 = bytes.littleEndian(at: 120)
        guard flags & ~Self.retiredFlag == 0 else {
            throw .invalidSegment(
                path: path, reason: "flags \(flags), expected 0 or \(Self.retiredFlag)")
        }
        isRetired = flags & Self.retiredFlag != 0
    }

    init(
        epoch: UInt32, log: LogID, basePosition: Int64, creationTime: Int64, previousRoot: Digest,
        number: Int64, historyRoot: Digest
    ) {
        self.epoch = epoch
        self.log = log
        self.basePosition = basePosition
        self.creationTime = creationTime
        self.previousRoot = previousRoot
        self.number = number
        self.historyRoot = historyRoot
    }

    /// Reads the header of a segment file.
    init(readFrom file: any File) throws(LogError) {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        let count = try Recovery.system { () throws(SystemError) in
            try file.read(bytes.count, at: 0, into: &bytes, start: 0)
        }
        try self.init(bytes.raw.extracting(0..<count), path: file.path)
    }

    static let suffix = ".varve"

    /// The name of the segment file that starts at a position.
    static func fileName(_ base: Int64) -> String {
        let digits = String(base)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + suffix
    }
}
