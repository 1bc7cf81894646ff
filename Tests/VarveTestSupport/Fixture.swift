import FoundationEssentials
public import Testing
import VarveBytes

/// Files under `fixtures/`, found from this source file.
public enum Fixture {
    /// The repository's directory.
    public static let repository: String = root.path

    private static let root: URL = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    private static func url(_ path: String) -> URL {
        root.appending(path: "fixtures").appending(path: path)
    }

    /// The names in a folder, sorted.
    public static func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(folder).path).sorted()
    }

    public static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: url(path)))
    }

    public static func text(_ path: String) throws -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// The bytes that a file of hexadecimal digits stands for; nil when there is anything else.
    public static func hex(_ path: String) throws -> [UInt8]? {
        [UInt8](hex: try text(path).filter { $0 != "\n" })
    }

    /// The content of an lz4 frame.
    public static func lz4(_ path: String) throws -> [UInt8] {
        let compressed = try bytes(path)
        var content: [UInt8] = []
        try LZ4Frame.decompress(compressed.raw, into: &content, limit: 1 << 28)
        return content
    }

    /// The lines of a text in an lz4 frame.
    public static func lines(lz4 path: String) throws -> [String] {
        try lz4(path).split(separator: UInt8(ascii: "\n")).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// Expects the bytes of a golden file. `VARVE_UPDATE_GOLDEN=1` rewrites it instead: commit
    /// only a difference that you can explain.
    public static func expectGolden(
        _ bytes: [UInt8], _ path: String, _ location: SourceLocation = #_sourceLocation
    ) throws {
        if ProcessInfo.processInfo.environment["VARVE_UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: url(path).deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url(path))
        }
        let golden = try Self.bytes(path)
        #expect(
            golden == bytes,
            "differs from fixtures/\(path); VARVE_UPDATE_GOLDEN=1 rewrites it",
            sourceLocation: location)
    }

    /// Where tests leave files for the checks in `tools/peers`; nil when nobody asks for them.
    public static func writeForPeers(_ bytes: [UInt8], _ name: String) throws {
        guard let folder = ProcessInfo.processInfo.environment["VARVE_PEER_FILES"] else { return }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: folder).appending(path: name))
    }
}
