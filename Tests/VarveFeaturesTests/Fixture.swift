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
}
