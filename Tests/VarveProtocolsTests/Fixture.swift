import FoundationEssentials
import VarveBytes

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

    private static func url(_ path: String) -> URL {
        root.appending(path: "fixtures").appending(path: path)
    }

    /// The names in a folder, sorted.
    static func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(folder).path).sorted()
    }

    /// The bytes that a file of hexadecimal digits stands for; nil when there is anything else.
    static func hex(_ path: String) throws -> [UInt8]? {
        let text = try Data(contentsOf: url(path)).filter { $0 != UInt8(ascii: "\n") }
        return [UInt8](hex: String(decoding: text, as: UTF8.self))
    }
}
