/// One command: what people type, what it says of itself, what it does.
struct Command: Sendable {
    /// A named value: `--name VALUE`, or a switch where `value` is nil.
    struct Option: Sendable {
        let name: String
        /// What the value is called in the help; nil: a switch without a value.
        let value: String?
        let help: String
        let repeats: Bool

        init(_ name: String, _ value: String?, _ help: String, repeats: Bool = false) {
            self.name = name
            self.value = value
            self.help = help
            self.repeats = repeats
        }
    }

    /// One word, or two: `training-set create`.
    let name: String
    let summary: String
    /// Names of the positional arguments; those in brackets may be left out.
    let arguments: [String]
    let options: [Option]
    /// A line that works.
    let example: String
    let run: @Sendable (Invocation) throws -> Int32

    init(
        _ name: String, _ summary: String, arguments: [String] = [], options: [Option] = [],
        example: String, _ run: @escaping @Sendable (Invocation) throws -> Int32
    ) {
        self.name = name
        self.summary = summary
        self.arguments = arguments
        self.options = options
        self.example = example
        self.run = run
    }

    /// Options that every command takes.
    static let common = [
        Option("dir", "DIR", "data directory (default: $VARVE_DIR, or ./varve-data)"),
        Option("json", nil, "answer in JSON, for machines"),
        Option("help", nil, "show this help"),
    ]

    /// What `--help` shows.
    var help: String {
        var text = "usage: varve \(name)"
        for argument in arguments { text += " \(argument)" }
        text += " [OPTIONS]\n\n\(summary).\n\noptions:\n"
        let all = options + Self.common
        let width = all.map { $0.signature.count }.max() ?? 0
        for option in all {
            text += "  " + option.signature.padded(to: width) + "  \(option.help)\n"
        }
        return text + "\nexample: \(example)\n"
    }
}

extension Command.Option {
    var signature: String { value.map { "--\(name) \($0)" } ?? "--\(name)" }
}

extension String {
    /// Spaces up to a width.
    func padded(to width: Int, right: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - count))
        return right ? spaces + self : self + spaces
    }
}
