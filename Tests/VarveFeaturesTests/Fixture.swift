<<<<<<< HEAD
import VarveBytes
import Foundation

/// Files of the repository's `fixtures` folder.
enum Fixture {
    static func text(_ path: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return String(
            decoding: try Data(contentsOf: root.appending(path: "fixtures/\(path)")), as: UTF8.self)
    }
=======
import FoundationEssentials
import Testing

/// Files under `fixtures/`, found from this source file.
enum Fixture {
    private static let root: URL = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appending(path: "fixtures").appending(path: path)))
    }

    /// Expects the bytes of a golden file. `VARVE_UPDATE_GOLDEN=1` rewrites it instead: commit
    /// only a difference that you can explain.
    static func expectGolden(
        _ bytes: [UInt8], _ path: String, _ location: SourceLocation = #_sourceLocation
    ) throws {
        if ProcessInfo.processInfo.environment["VARVE_UPDATE_GOLDEN"] == "1" {
            let file = root.appending(path: "fixtures").appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
        let golden = try Self.bytes(path)
        #expect(
            golden == bytes,
            "differs from fixtures/\(path); VARVE_UPDATE_GOLDEN=1 rewrites it",
            sourceLocation: location)
    }

>>>>>>> defs
}
