/// What the process tells whoever started it.
enum ExitCode {
    static let success: Int32 = 0
    /// What was asked for could not be done, or is not so: an audit that differs.
    static let failure: Int32 = 1
    /// The command line is wrong.
    static let usage: Int32 = 2
    /// The node or directory cannot be used: not there, in use, damaged.
    static let unavailable: Int32 = 3
}

/// An error with its exit code.
struct CommandError: Error, CustomStringConvertible {
    let description: String
    let code: Int32

    static func usage(_ text: String) -> CommandError {
        CommandError(description: text, code: ExitCode.usage)
    }

    static func failure(_ text: String) -> CommandError {
        CommandError(description: text, code: ExitCode.failure)
    }

    static func unavailable(_ text: String) -> CommandError {
        CommandError(description: text, code: ExitCode.unavailable)
    }
}
