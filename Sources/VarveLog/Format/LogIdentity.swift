import VarveBytes
import VarveSystem

/// `log/identity`, 64 bytes (little-endian), written once the first segment is there. With it, a
/// directory whose segments are gone is told from a new one.
///
///      0  magic "VARVELOG"
///      8  format version = 1    u32
///     12  CRC32C of bytes 16-63
///     16  log id                16 bytes
///     32  reserved, zero
enum LogIdentity {
    static let name = "identity"
    static let size = 64
    private static let magic = Array("VARVELOG".utf8)

    static func encode(_ log: LogID) -> [UInt8] {
        var writer = ByteWriter(capacity: size)
        writer.raw(magic)
        writer.integer(UInt32(1))
        writer.integer(UInt32(0))
        writer.raw(log.bytes)
        writer.zeros(32)
        writer.patch(CRC32C.checksum(writer.bytes.raw.extracting(16..<size)), at: 12)
        return writer.bytes
    }

    static func decode(_ bytes: RawSpan) -> LogID? {
        guard bytes.byteCount == size, bytes.extracting(0..<8).equals(magic.raw),
            bytes.littleEndian(at: 8, as: UInt32.self) == 1,
            CRC32C.checksum(bytes.extracting(16..<size))
                == bytes.littleEndian(at: 12, as: UInt32.self)
        else { return nil }
        return LogID(bytes.extracting(16..<32).copied())
    }

    static func write(_ log: LogID, _ directory: String, _ files: any FileSystem)
        throws(SystemError)
    {
        try files.replace(name, in: directory, with: encode(log))
    }

    /// The log's name; nil when there is no such file, or it is damaged: the segments know it too.
    static func read(_ directory: String, _ names: [String], _ files: any FileSystem)
        throws(LogError) -> LogID?
    {
        guard names.contains(name) else { return nil }
        let bytes = try Recovery.system { () throws(SystemError) in
            try files.contents(of: "\(directory)/\(name)")
        }
        return decode(bytes.raw)
    }
}
