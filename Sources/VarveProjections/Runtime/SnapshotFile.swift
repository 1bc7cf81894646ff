public import VarveBytes
public import VarveSystem

/// A projection's state on disk together with the position it stands at (little-endian):
///
///      0  magic "VARVSNAP"
///      8  format version = 2        u32
///     12  code version              u32   of the projection that wrote it
///     16  position                  i64   the state is the fold of every record below it
///     24  definitions digest        32 bytes
///     56  SHA-256 of all bytes before
///     88  pieces of the state, each
///         length                    u64
///         bytes
///         SHA-256 of the digest before this piece, its length and its bytes
///         the last one has length 0
///
/// The state is written and read piece by piece: it may be larger than memory. Each piece is
/// checked before it is read, and none can be missing, added or moved.
///
/// A snapshot is an optimisation: one that does not fit or is damaged is reported and the
/// projection folds from the start.
public struct SnapshotFile: Sendable, Equatable {
    private static let magic = Array("VARVSNAP".utf8)
    private static let version: UInt32 = 2
    private static let headerSize = 56
    private static let digestSize = 32

    public var codeVersion: UInt32
    public var position: Int64
    public var definitions: Digest

    /// A snapshot of a state at a position.
    public init(codeVersion: UInt32, position: Int64, definitions: Digest) {
        self.codeVersion = codeVersion
        self.position = position
        self.definitions = definitions
    }

    private var header: [UInt8] {
        var writer = ByteWriter(capacity: Self.headerSize)
        writer.raw(Self.magic)
        writer.integer(Self.version)
        writer.integer(codeVersion)
        writer.integer(position)
        writer.raw(definitions.bytes)
        return writer.bytes
    }

    private static func digest(after before: Digest, _ length: UInt64, _ piece: RawSpan) -> Digest {
        var hash = SHA256()
        hash.update(before.bytes.raw)
        var writer = ByteWriter(capacity: 8)
        writer.integer(length)
        hash.update(writer.bytes.raw)
        hash.update(piece)
        return hash.finalized()
    }

    /// Writes the file so that a crash leaves the old one or the new one.
    /// - Parameter state: writes the state.
    public func write(
        _ name: String, in directory: String, _ files: any FileSystem,
        state: (inout PieceWriter<any Error>) throws -> Void
    ) throws {
        try files.createDirectory(directory)
        let temporary = "\(directory)/\(name).tmp"
        do {
            let file = try files.open(temporary, .create)
            try write(to: file, state)
            try files.replace(name, in: directory, with: file)
        } catch {
            // It may be as large as what there is no room for.
            try? files.remove(temporary)
            throw error
        }
    }

    private func write(
        to file: any File, _ state: (inout PieceWriter<any Error>) throws -> Void
    ) throws {
        let header = header
        let digest = SHA256.digest(header.raw)
        let target = Target(file: file, digest: digest)
        try target.write(header.raw)
        try target.write(digest.bytes.raw)
        var pieces = PieceWriter { (piece: RawSpan) throws(any Error) in try target.piece(piece) }
        try state(&pieces)
        try pieces.finish()
        try target.piece(header.raw.extracting(0..<0))
    }

    /// Where pieces go one after the other.
    private final class Target {
        private let file: any File
        private var end: Int64 = 0
        private var digest: Digest

        init(file: any File, digest: Digest) {
            self.file = file
            self.digest = digest
        }

        func write(_ bytes: RawSpan) throws(SystemError) {
            try file.write(bytes, at: end)
            end += Int64(bytes.byteCount)
        }

        func piece(_ bytes: RawSpan) throws {
            let length = UInt64(bytes.byteCount)
            let next = SnapshotFile.digest(after: digest, length, bytes)
            digest = next
            var writer = ByteWriter(capacity: 8)
            writer.integer(length)
            try write(writer.bytes.raw)
            try write(bytes)
            try write(next.bytes.raw)
        }
    }

    /// Opens a file; nil when there is no such one.
    /// - Throws: `SnapshotError` when it is damaged or of another format; `SystemError` when it
    ///   cannot be read. So does reading the state.
    public static func open(
        _ path: String, _ files: any FileSystem
    ) throws -> (snapshot: SnapshotFile, file: any File)? {
        let file: any File
        do {
            file = try files.open(path, .read)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
        let source = Source(file: file, digest: .zero)
        guard let header = try source.take(headerSize), let digest = try source.take(digestSize),
            header.raw.extracting(0..<8).equals(magic.raw)
        else { throw SnapshotError(path: path, reason: "it is no snapshot") }
        let found: UInt32 = header.raw.littleEndian(at: 8)
        // Format 1 had no digest here.
        guard found == 1 || SHA256.digest(header.raw).bytes == digest else {
            throw SnapshotError(path: path, reason: "its header is damaged")
        }
        guard found == version else {
            throw SnapshotError(path: path, reason: "it is of format \(found), expected \(version)")
        }
        return (
            SnapshotFile(
                codeVersion: header.raw.littleEndian(at: 12),
                position: header.raw.littleEndian(at: 16),
                definitions: Digest(Array(header[24..<headerSize]))), file
        )
    }

    /// Reads the state of a file that was opened.
    /// - Parameter body: reads it, wholly.
    public func read<State>(
        _ file: any File, _ body: (inout PieceReader) throws -> State
    ) throws -> State {
        let source = Source(file: file, digest: SHA256.digest(header.raw))
        source.end = Int64(Self.headerSize + Self.digestSize)
        var pieces = PieceReader { try source.piece() }
        let state = try body(&pieces)
        guard try pieces.isAtEnd() else {
            throw SnapshotError(path: file.path, reason: "it goes on after its state")
        }
        return state
    }

    /// Where pieces come from.
    private final class Source {
        private let file: any File
        private var digest: Digest
        var end: Int64 = 0
        private var isDone = false

        init(file: any File, digest: Digest) {
            self.file = file
            self.digest = digest
        }

        /// The next bytes; nil when there are fewer.
        func take(_ count: Int) throws(SystemError) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            guard try file.read(count, at: end, into: &bytes, start: 0) == count else { return nil }
            end += Int64(count)
            return bytes
        }

        /// The next piece; nil behind the last one.
        func piece() throws -> [UInt8]? {
            if isDone { return nil }
            let start = end
            let left = try file.size() - start - 8 - Int64(SnapshotFile.digestSize)
            guard left >= 0, let size = try take(8) else { throw cut(at: start) }
            let length = size.raw.littleEndian(at: 0, as: UInt64.self)
            guard length <= UInt64(left), let bytes = try take(Int(length)),
                let found = try take(SnapshotFile.digestSize)
            else { throw cut(at: start) }
            digest = SnapshotFile.digest(after: digest, length, bytes.raw)
            guard digest.bytes == found else {
                throw damaged("its piece at byte \(start) is damaged")
            }
            if length > 0 { return bytes }
            isDone = true
            guard left == 0 else { throw damaged("\(left) bytes come after its end") }
            return nil
        }

        private func cut(at start: Int64) -> SnapshotError {
            damaged("it ends within the piece at byte \(start)")
        }

        private func damaged(_ reason: String) -> SnapshotError {
            SnapshotError(path: file.path, reason: reason)
        }
    }
}
