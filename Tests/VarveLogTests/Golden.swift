import Foundation
import Testing
import VarveBytes

/// Golden files under `fixtures/golden/log`: the bytes of a structure, and a dump to read them by.
/// `VARVE_UPDATE_GOLDEN=1` rewrites them: commit only a difference that you can explain.
enum Golden {
    private static let folder: URL = {
        var root = URL(filePath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: root.appending(path: "Package.swift").path) {
            root.deleteLastPathComponent()
        }
        return root.appending(path: "fixtures/golden/log")
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }

    static func expect(
        _ bytes: [UInt8], _ name: String, _ location: SourceLocation = #_sourceLocation
    ) throws {
        if ProcessInfo.processInfo.environment["VARVE_UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: folder.appending(path: name))
        }
        #expect(
            try Self.bytes(name) == bytes,
            "differs from fixtures/golden/log/\(name); VARVE_UPDATE_GOLDEN=1 rewrites it",
            sourceLocation: location)
    }

    static func expect(
        _ text: String, _ name: String, _ location: SourceLocation = #_sourceLocation
    ) throws {
        try expect(Array(text.utf8), name, location)
    }

    /// Sixteen bytes a line: offset, hexadecimal, text.
    static func hexDump(_ bytes: [UInt8]) -> String {
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let line = Array(bytes[start..<min(start + 16, bytes.count)])
            let offset = String(start, radix: 16)
            text += String(repeating: "0", count: 8 - offset.count) + offset + "  "
            let digits = line.map { Array([$0]).hex }.joined(separator: " ")
            text += digits + String(repeating: " ", count: 49 - digits.count)
            text += String(
                decoding: line.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: ".") },
                as: UTF8.self)
            text += "\n"
        }
        return text
    }
}
