import Foundation
import Testing
import VarveFormats
import VarveTestSupport

/// The `varve` program that was built with the tests.
enum Program {
    static let path: String = {
        let tests = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let beside = tests.deletingLastPathComponent().appending(path: "varve").path
        return FileManager.default.isExecutableFile(atPath: beside)
            ? beside : "\(Fixture.repository)/.build/debug/varve"
    }()

    /// What a run of the program left.
    struct Outcome {
        let code: Int32
        let output: String
        let errors: String
    }

    private static func process(_ arguments: [String]) -> (Process, out: Pipe, err: Pipe) {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["VARVE_DIR"] = nil
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        return (process, out, err)
    }

    /// Runs a command to its end.
    static func run(_ arguments: String...) throws -> Outcome {
        let (process, out, err) = process(arguments)
        try process.run()
        // Commands of these tests say less than a pipe holds.
        let output = out.fileHandleForReading.readDataToEndOfFile()
        let errors = err.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    /// A node in a process of its own.
    final class Server {
        let process: Process
        let kafkaPort: UInt16
        let httpPort: UInt16

        /// Starts a node and waits until it listens.
        init(_ directory: String) throws {
            let (process, out, _) = Program.process([
                "serve", "--dir", directory, "--kafka-port", "0", "--http-port", "0",
                "--resp-port", "0", "--json",
            ])
            self.process = process
            try process.run()
            var text = ""
            while true {
                let more = out.fileHandleForReading.availableData
                text += String(decoding: more, as: UTF8.self)
                if let json = try? JSON(parsing: text), let kafka = json["kafka"]?.stringValue,
                    let http = json["http"]?.stringValue,
                    let kafkaPort = kafka.split(separator: ":").last.flatMap({ UInt16($0) }),
                    let httpPort = http.split(separator: ":").last.flatMap({ UInt16($0) })
                {
                    (self.kafkaPort, self.httpPort) = (kafkaPort, httpPort)
                    return
                }
                try #require(!more.isEmpty, "the node ended: \(text)")
            }
        }

        deinit { kill() }

        /// Ends it as a power cut ends it, but for the disk.
        func kill() {
            guard process.isRunning else { return }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// Ends it as an operator does.
        func stop() -> Int32 {
            process.terminate()
            process.waitUntilExit()
            return process.terminationStatus
        }
    }
}
