import Foundation

/// The repository's own files, as the checks of this target read them.
enum SourceTree {
    static let root: URL = {
        var folder = URL(filePath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// A Swift file.
    struct File: CustomStringConvertible {
        /// From the repository's root.
        let path: String
        let lines: [String]

        /// Its folder below `Sources` or `Tests`, which is its target.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var description: String { path }

        /// Lines without comments and without what stands in quotes.
        var code: [(number: Int, text: String)] {
            var isInText = false
            return lines.enumerated().map { index, line in
                let opens = line.components(separatedBy: "\"\"\"").count - 1
                defer { if opens % 2 == 1 { isInText.toggle() } }
                return (index + 1, isInText ? "" : Self.code(of: line))
            }
        }

        private static func code(of line: String) -> String {
            var (code, isQuoted, last) = ("", false, Character(" "))
            for character in line {
                if character == "\"", last != "\\" { isQuoted.toggle() }
                if !isQuoted {
                    if character == "/", last == "/" { return String(code.dropLast()) }
                    code.append(character)
                }
                last = character
            }
            return code
        }
    }

    /// The Swift files below a folder.
    static func swift(_ folder: String) throws -> [File] {
        let names = try FileManager.default.subpathsOfDirectory(
            atPath: root.appending(path: folder).path)
        return try names.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            File(
                path: "\(folder)/\(name)",
                lines: try text("\(folder)/\(name)").components(separatedBy: "\n"))
        }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
