import VarveBytes
import VarveFormats
import VarveSystem

/// A command line, parsed against its command.
struct Invocation: Sendable {
    let command: Command
    private(set) var positional: [String] = []
    private var values: [String: [String]] = [:]

    /// - Throws: `CommandError` with what is wrong and how it is right.
    init(_ command: Command, _ words: [String]) throws(CommandError) {
        self.command = command
        let options = command.options + Command.common
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--"), word.count > 2 else {
                positional.append(word)
                continue
            }
            let parts = word.dropFirst(2)
                .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map(String.init)
            guard let option = options.first(where: { $0.name == parts[0] }) else {
                let known = options.map { "--\($0.name)" }
                let near = Self.nearest("--" + parts[0], known)
                throw .usage(
                    "\(command.name) has no option --\(parts[0])"
                        + (near.map { "; did you mean \($0)?" } ?? "")
                        + " (varve \(command.name) --help)")
            }
            var value = "true"
            if let name = option.value {
                guard let given = parts.count == 2 ? parts[1] : rest.popFirst() else {
                    throw .usage("--\(option.name) needs a value: \(name)")
                }
                value = given
            } else if parts.count == 2 {
                throw .usage("--\(option.name) takes no value")
            }
            guard option.repeats || values[option.name] == nil else {
                throw .usage("--\(option.name) is given twice")
            }
            values[option.name, default: []].append(value)
        }
        if has("help") { return }
        let needed = command.arguments.filter { !$0.hasPrefix("[") }
        guard positional.count >= needed.count else {
            throw .usage(
                "\(needed[positional.count]) is missing: varve \(command.name) "
                    + command.arguments.joined(separator: " "))
        }
        guard positional.count <= command.arguments.count else {
            throw .usage(
                "\(positional[command.arguments.count]) is one argument too many: varve"
                    + " \(command.name) \(command.arguments.joined(separator: " "))")
        }
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    func value(_ name: String) -> String? { values[name]?.last }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    func required(_ name: String) throws(CommandError) -> String {
        guard let value = value(name) else {
            throw .usage("--\(name) is missing (varve \(command.name) --help)")
        }
        return value
    }

    func integer(_ name: String, default standard: Int) throws(CommandError) -> Int {
        guard let text = value(name) else { return standard }
        guard let value = Int(text), value >= 0 else {
            throw .usage("--\(name) is \"\(text)\", expected a number from 0")
        }
        return value
    }

    /// A size such as `512MiB`, in bytes; nil without the option.
    func size(_ name: String) throws(CommandError) -> Int? {
        guard let text = value(name) else { return nil }
        let units = ["": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40]
        let digits = text.prefix { $0.isNumber }
        guard let count = Int(digits), let shift = units[String(text.dropFirst(digits.count))],
            (1...Int.max >> shift).contains(count)
        else {
            throw .usage("--\(name) is \(text), expected a size such as 512MiB or 2GiB")
        }
        return count << shift
    }

    /// `NAME=VALUE` pairs of a repeatable option.
    func pairs(_ name: String) throws(CommandError) -> [(name: String, value: String)] {
        var pairs: [(String, String)] = []
        for text in all(name) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw .usage("--\(name) is \"\(text)\", expected NAME=VALUE")
            }
            pairs.append((String(parts[0]), String(parts[1])))
        }
        return pairs
    }

    /// The data directory.
    var directory: String {
        value("dir") ?? ProcessEnvironment.variable("VARVE_DIR") ?? "varve-data"
    }

    var wantsJSON: Bool { has("json") }

    /// The known word that is one or two edits away; nil when none is.
    static func nearest(_ word: String, _ known: [String]) -> String? {
        let scored = known.map { ($0, distance(Array(word), Array($0))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= 2 else { return nil }
        return best.0
    }

    /// Levenshtein's edit distance.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}

/// Reads a file, or standard input for `-`; `.lz4` files are decompressed.
func readInput(_ path: String) throws(CommandError) -> [UInt8] {
    do {
        let bytes = path == "-"
            ? try StandardStream.input.readAll() : try PosixFileSystem().contents(of: path)
        guard path.hasSuffix(".lz4") else { return bytes }
        var output: [UInt8] = []
        try LZ4Frame.decompress(bytes.raw, into: &output, limit: 4 << 30)
        return output
    } catch let error as SystemError {
        throw .failure("\(error)")
    } catch {
        throw .failure("\(path): \(error)")
    }
}

/// Writes a file so that it is there whole or not at all; `-` is standard output.
func writeOutput(_ path: String, _ bytes: [UInt8]) throws(CommandError) {
    do {
        try OutputFile.with(path) { try $0.write(bytes) }
    } catch {
        throw .failure("\(error)")
    }
}

/// Reads a JSON document from a file.
func readJSON(_ path: String) throws(CommandError) -> JSON {
    let bytes = try readInput(path)
    do {
        return try JSON(parsing: bytes.raw)
    } catch {
        throw .failure("\(path): \(error)")
    }
}

/// Writes a line to standard output.
func show(_ line: String = "") { StandardStream.output.write(line + "\n") }

/// Writes a line to standard error.
func note(_ line: String) { StandardStream.error.write(line + "\n") }
