public import VarveBytes
public import VarveSystem

/// A projection's state on disk together with the position it stands at (little-endian):
///
///      0  magic "VARVSNAP"
///      8  format version = 1        u32
///     12  code version              u32   of the projection that wrote it
///     16  position                  i64   the state is the fold of every record below it
///     24  definitions digest        32 bytes
///     56  payload length            u64
///     64  payload
///      n  SHA-256 of all bytes before
///
/// A snapshot is an optimisation: one that does not fit or is damaged is reported and the
/// projection folds from the start.
public struct SnapshotFile: Sendable, Equatable {
    private static let magic = Array("VARVSNAP".utf8)
    private static let version: UInt32 = 1
    private static let headerSize = 64

    public var codeVersion: UInt32
    public var position: Int64
    public var definitions: Digest
    public var payload: [UInt8]

    /// A snapshot of a state at a position.
    public init(codeVersion: UInt32, position: Int64, definitions: Digest, payload: [UInt8]) {
        self.codeVersion = codeVersion
        self.position = position
        self.definitions = definitions
        self.payload = payload
    }

    /// The file's bytes.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: payload.count + 128)
        writer.raw(Self.magic)
        writer.integer(Self.version)
        writer.integer(codeVersion)
        writer.integer(position)
        writer.raw(definitions.bytes)
        writer.integer(UInt64(payload.count))
        writer.raw(payload)
        writer.raw(SHA256.digest(writer.bytes.raw).bytes)
        return writer.bytes
    }

    /// Reads a file's bytes; nil when they are not a whole snapshot of this format.
    public init?(_ bytes: [UInt8]) {
        let size = bytes.count - 32
        guard size >= Self.headerSize, bytes.raw.extracting(0..<8).equals(Self.magic.raw),
            bytes.raw.littleEndian(at: 8, as: UInt32.self) == Self.version,
            bytes.raw.littleEndian(at: 56, as: UInt64.self) == UInt64(size - Self.headerSize),
            SHA256.digest(bytes.raw.extracting(0..<size)).bytes == Array(bytes[size...])
        else { return nil }
        codeVersion = bytes.raw.littleEndian(at: 12)
        position = bytes.raw.littleEndian(at: 16)
        definitions = Digest(Array(bytes[24..<56]))
        payload = Array(bytes[Self.headerSize..<size])
    }

    /// Writes the file so that a crash leaves the old one or the new one.
    public func write(
        _ name: String, in directory: String, _ files: any FileSystem
    ) throws(SystemError) {
        try files.createDirectory(directory)
        try files.replace(name, in: directory, with: encoded())
    }

    /// The snapshot that a file holds; nil when there is no such file.
    /// - Throws: `SnapshotError` when it is damaged or of another format; `SystemError` when it
    ///   cannot be read.
    public static func read(_ path: String, _ files: any FileSystem) throws -> SnapshotFile? {
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: path)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
        if let snapshot = SnapshotFile(bytes) { return snapshot }
        throw SnapshotError(
            path: path, reason: "its \(bytes.count) bytes are no whole snapshot of format 1")
    }
}
