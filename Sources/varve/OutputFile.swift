import VarveBytes
import VarveSystem

/// A file that a command writes piece by piece, or standard output for `-`. A file has its name only
/// once it is whole.
final class OutputFile {
    private let path: String
    private let file: (any File)?
    private var offset: Int64 = 0
    /// What is before it is on its way to the disk.
    private var begun: Int64 = 0
    private static let syncedAtOnce: Int64 = 8 << 20
    private static let files = PosixFileSystem()

    private var temporary: String { "\(path).tmp" }

    private init(_ path: String) throws {
        self.path = path
        file = path == "-" ? nil : try Self.files.open("\(path).tmp", .create)
    }

    /// Adds bytes to the end.
    func write(_ bytes: [UInt8]) throws {
        guard let file else { return StandardStream.output.write(bytes.raw) }
        try file.write(bytes.raw, at: offset)
        offset += Int64(bytes.count)
        if offset - begun >= Self.syncedAtOnce {
            file.beginSync(begun..<offset)
            begun = offset
        }
    }

    private func finish() throws {
        guard let file else { return }
        try file.sync()
        try Self.files.rename(temporary, to: path)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let directory = parts.dropLast().joined(separator: "/")
        try Self.files.syncDirectory(
            parts.count == 1 ? "." : directory.isEmpty ? "/" : directory)
    }

    /// Writes a file; when that fails, a file of the name stays as it was.
    static func with<Result>(_ path: String, _ body: (OutputFile) throws -> Result) throws -> Result {
        let output = try OutputFile(path)
        do {
            let result = try body(output)
            try output.finish()
            return result
        } catch {
            // The first error is the one to tell.
            if output.file != nil { try? files.remove(output.temporary) }
            throw error
        }
    }
}
