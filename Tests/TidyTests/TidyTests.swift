import Foundation
import Testing

/// The house rules that a machine can check. Each failure says what to do instead.
@Suite struct TidyTests {
    private let sources: [SourceTree.File]
    private let tests: [SourceTree.File]

    init() throws {
        sources = try SourceTree.swift("Sources")
        tests = try SourceTree.swift("Tests")
    }

    @Test func `files are small enough to be read at once`() {
        for file in sources + tests {
            #expect(file.lines.count <= 450, "\(file): split it by what its parts are about")
        }
    }

    @Test func `unsafe code stays in two modules, and each use says why it is safe`() {
        for file in sources where !["VarveBytes", "VarveSystem"].contains(file.target) {
            for (number, line) in file.code {
                #expect(
                    line.range(of: #"\bunsafe\b|Unsafe[A-Z]"#, options: .regularExpression) == nil,
                    "\(file):\(number): put it behind a safe interface in VarveBytes or VarveSystem")
            }
        }
    }

    @Test func `nothing crashes on purpose, is unfinished or goes round the checks`() {
        let banned = [
            (#"\btry!"#, "throw, or show that it cannot fail"),
            (#"\bas!"#, "use as? and say what was expected"),
            (#"\bTODO\b|\bFIXME\b|\bXXX\b"#, "do it, or open an issue"),
            (#"@unchecked|nonisolated\(unsafe\)"#, "use Monitor, Mutex or Atomic"),
            (#"\bfatalError\("#, "use preconditionFailure with the broken rule"),
            (#"\bJSONDecoder\b|\bJSONEncoder\b|\bJSONSerialization\b"#, "use VarveFormats.JSON"),
        ]
        // Monitor is what the others are to use.
        for file in sources where file.path != "Sources/VarveSystem/Monitor.swift" {
            for (number, line) in file.code {
                for (pattern, instead) in banned {
                    #expect(
                        line.range(of: pattern, options: .regularExpression) == nil,
                        "\(file):\(number): \(instead)")
                }
            }
        }
    }

    @Test func `only the command line prints`() {
        for file in sources where file.target != "varve" {
            for (number, line) in file.code {
                #expect(
                    line.range(of: #"(^|[^.\w])print\("#, options: .regularExpression) == nil,
                    "\(file):\(number): return it, or throw it")
            }
        }
    }

    @Test func `a file is named after the thing it holds`() {
        let vague = ["Manager", "Helper", "Helpers", "Util", "Utils", "Impl", "Common", "Misc"]
        for file in sources + tests {
            let name = file.path.split(separator: "/").last?.dropLast(".swift".count) ?? ""
            for word in vague {
                #expect(!name.hasSuffix(word), "\(file): name the job")
            }
        }
    }

    @Test func `targets import only the floors below them`() throws {
        let manifest = try SourceTree.text("Package.swift")
        for file in sources {
            let edges = try #require(
                Self.edges(of: file.target, in: manifest), "\(file.target) is not in Package.swift")
            for line in file.lines {
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 1,
                    words.count == index + 2
                else { continue }
                let module = String(words[index + 1])
                guard module.hasPrefix("Varve") || module.hasPrefix("C") else { continue }
                #expect(edges.contains(module), "\(file) imports \(module)")
            }
        }
    }

    /// The modules that a target may import, as the manifest has them.
    private static func edges(of target: String, in manifest: String) -> Set<String>? {
        guard
            let start = manifest.range(
                of: "\\(\\s*\"\(target)\",|\"\(target)\",\\s*dependencies",
                options: .regularExpression)
        else { return nil }
        let rest = manifest[start.upperBound...]
        guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]")
        else { return nil }
        return Set(
            rest[open..<close].components(separatedBy: "\"").enumerated()
                .filter { $0.offset % 2 == 1 }.map(\.element))
    }

    @Test func `the architecture names every target and every reserved stream`() throws {
        let text = try SourceTree.text("ARCHITECTURE.md")
        for target in Set(sources.map(\.target)) {
            #expect(text.contains(target), "ARCHITECTURE.md does not say what \(target) is")
        }
        var streams: Set<String> = []
        for file in sources {
            for line in file.lines {
                for match in line.matches(of: /StreamName\(name: "(varve\.[a-z]+)"/) {
                    streams.insert(String(match.1))
                }
            }
        }
        #expect(streams.count >= 4, "the pattern finds the streams")
        for stream in streams {
            #expect(text.contains(stream), "ARCHITECTURE.md does not say what \(stream) holds")
        }
    }

    @Test func `public declarations say what they are`() {
        for file in sources {
            for (index, line) in file.lines.enumerated() {
                let trimmed = line.trimmingCharacters(in: .whitespaces)
                guard trimmed.range(
                    of: #"^public (final class|struct|enum|protocol|actor)"#,
                    options: .regularExpression) != nil
                else { continue }
                var above = index - 1
                while above >= 0, file.lines[above].trimmingCharacters(in: .whitespaces)
                    .hasPrefix("@")
                { above -= 1 }
                #expect(
                    above >= 0
                        && file.lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("///"),
                    "\(file):\(index + 1): say what it is")
            }
        }
    }

    @Test func `golden files are not rewritten by the test run`() throws {
        for path in ["tools/test", ".ci/run"] {
            #expect(!(try SourceTree.text(path)).contains("VARVE_UPDATE_GOLDEN"))
        }
    }
}
