import Foundation
import Testing
import VarveTestSupport

/// What the command line says to mistakes, and that it tells them apart by exit codes: 1 for what
/// could not be done, 2 for a wrong command line, 3 for a directory or node that cannot be used.
@Suite struct MistakeTests {
    private let root: TemporaryDirectory
    private var directory: String { "\(root.path)/node" }

    init() throws {
        root = try TemporaryDirectory()
        let ready = try Program.run(
            "apply", "\(Fixture.repository)/fixtures/flights/definitions.json", "--dir",
            "\(root.path)/node")
        try #require(ready.code == 0, "\(ready.errors)")
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = "\(root.path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private func expect(
        _ outcome: Program.Outcome, code: Int32, _ words: String...,
        location: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: location)
        #expect(outcome.output.isEmpty, sourceLocation: location)
        for word in words {
            #expect(
                outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: location)
        }
    }

    /// The state of the log, which no mistake may change.
    private func status() throws -> String {
        try Program.run("streams", "--dir", directory, "--json").output
    }

    @Test func `a malformed definition names every path, and nothing is applied`() throws {
        let before = try status()
        let path = try file(
            "bad.json",
            """
            {"views": [{"name": "x", "entity": {"origin": "string"}, "source": "departure",
              "features": [{"name": "n", "cuont": "*", "window": "lifetime"},
                           {"name": "m", "sum": "dep_delay", "window": "1 hour"}]}]}
            """)
        expect(
            try Program.run("apply", path, "--dir", directory), code: 1, "views[0].source",
            "departures", "views[0].features[0]", "views[0].features[1].window")
        expect(
            try Program.run("apply", try file("no.json", "{"), "--dir", directory), code: 1,
            "no.json: line 1, column 2")
        #expect(try status() == before)
    }

    @Test func `a record that does not fit is refused with its line, field and rule`() throws {
        let before = try status()
        let path = try file("bad.ndjson", #"{"origin": 3}"# + "\n")
        expect(
            try Program.run("append", "departures", path, "--dir", directory), code: 1, "origin",
            "string")
        #expect(try status() == before)
    }

    @Test func `what is not there is named, with what there is`() throws {
        expect(
            try Program.run("get", "view", "airport_trafic", "--key", "origin=JFK", "--dir", directory),
            code: 1, "there is no view airport_trafic", "airport_traffic")
        expect(
            try Program.run(
                "get", "view", "airport_traffic", "--key", "orign=JFK", "--dir", directory),
            code: 1, "orign", "origin")
        expect(
            try Program.run("get", "view", "airport_traffic", "--dir", directory), code: 1,
            "key origin is missing, expected a string")
        expect(
            try Program.run("predict", "--model", "late@champion", "--dir", directory), code: 1,
            "late")
        expect(try Program.run("audit", "p1", "--dir", directory), code: 1, "p1")
        expect(
            try Program.run("training-set", "reproduce", "x", "--out", "-", "--dir", directory),
            code: 1, "x")
    }

    @Test func `a spine that cannot be read says why`() throws {
        func create(_ spine: String) throws -> Program.Outcome {
            try Program.run(
                "training-set", "create", "--service", "arrival_delay", "--spine", spine, "--out",
                "\(root.path)/out.csv", "--dir", directory)
        }
        expect(try create("\(root.path)/none.csv"), code: 1, "none.csv")
        expect(
            try create(try file("a.csv", "time,origin\n2013-03-01T00:00:00Z,JFK\n")), code: 1,
            "column carrier: missing from the header")
        expect(try create(try file("b.csv", "time,origin\n\"2013\n")), code: 1)
        #expect(!FileManager.default.fileExists(atPath: "\(root.path)/out.csv"))
    }

    @Test func `a wrong command line is told from a failure`() throws {
        expect(try Program.run("aply"), code: 2, "there is no command aply; did you mean apply?")
        expect(try Program.run("append"), code: 2, "STREAM is missing")
        expect(
            try Program.run("status", "--dri", directory), code: 2, "--dri", "did you mean --dir?")
        expect(
            try Program.run("status", "--dir", "\(root.path)/none"), code: 3,
            "is no data directory")
        let help = try Program.run("serve", "--help")
        #expect(help.code == 0 && help.output.contains("example: varve serve"))
    }

    @Test func `a directory in use and a port in use are told, and the node there goes on`() throws {
        let server = try Program.Server(directory)
        let second = try Program.run(
            "serve", "--dir", directory, "--kafka-port", "0", "--http-port", "0", "--resp-port", "0")
        expect(second, code: 3, "is in use")
        let elsewhere = try Program.run(
            "serve", "--dir", "\(root.path)/other", "--kafka-port", "\(server.kafkaPort)",
            "--http-port", "0", "--resp-port", "0")
        expect(elsewhere, code: 3, "\(server.kafkaPort)")
        // Commands speak to the node that has the directory.
        #expect(try Program.run("streams", "--dir", directory).code == 0)
        #expect(server.stop() == 0)
    }
}
