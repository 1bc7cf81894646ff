import VarveSystem

/// The command line.
@main
struct Varve {
    static let commands =
        nodeCommands + logCommands + logInspectionCommands + streamCommands + definitionCommands
        + featureCommands + explainCommands + trainingCommands + modelCommands
        + predictionCommands + rebuildCommands + checkCommands + userCommands

    static func main() {
        ProcessEnvironment.exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Runs one command line and answers the exit code.
    static func run(_ words: [String]) -> Int32 {
        guard let first = words.first, first != "--help", first != "-h", first != "help" else {
            show(overview)
            return words.isEmpty ? ExitCode.usage : ExitCode.success
        }
        do {
            // Longest name first: `training-set create` before `training-set`.
            let two = words.prefix(2).joined(separator: " ")
            if let command = commands.first(where: { $0.name == two }) {
                return try run(command, Array(words.dropFirst(2)))
            }
            if let command = commands.first(where: { $0.name == first }) {
                return try run(command, Array(words.dropFirst(1)))
            }
            let family = commands.filter { $0.name.hasPrefix(first + " ") }
            if !family.isEmpty {
                throw CommandError.usage(
                    "\(first) needs one of: "
                        + family.map { String($0.name.dropFirst(first.count + 1)) }
                        .joined(separator: ", "))
            }
            let near = Invocation.nearest(first, commands.map(\.name))
            throw CommandError.usage(
                "there is no command \(first)"
                    + (near.map { "; did you mean \($0)?" } ?? "") + " (varve --help)")
        } catch let error as CommandError {
            note("varve: \(error)")
            return error.code
        } catch {
            note("varve: \(error)")
            return ExitCode.failure
        }
    }

    private static func run(_ command: Command, _ words: [String]) throws -> Int32 {
        let invocation = try Invocation(command, words)
        if invocation.has("help") {
            show(command.help)
            return ExitCode.success
        }
        return try command.run(invocation)
    }

    private static var overview: String {
        let width = commands.map(\.name.count).max() ?? 0
        return """
            varve: one log for events, features, models and predictions

            usage: varve COMMAND [ARGUMENTS] [OPTIONS]

            \(commands.map { "  \($0.name.padded(to: width))  \($0.summary)" }
                .joined(separator: "\n"))

            varve COMMAND --help shows a command's options and an example. Commands talk to the node
            that has the data directory open; when none has, they open it themselves.
            """
    }
}
