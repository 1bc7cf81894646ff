import Synchronization
import Testing
import VarveBytes
import VarveFormats
import VarveSystem
import VarveTestSupport

@testable import VarveNode

/// A node whose features are nearly all on disk.
@Suite struct OnlineMemoryTests {
    private let node: TestNode

    init() throws {
        node = try TestNode(onlineMemory: 1)
        try node.json(
            "POST", "/v1/definitions",
            """
            {"streams": [{"name": "s", "event_time": "t", "key": ["k"],
               "fields": {"k": "string", "x": "float64?", "t": "timestamp"}}],
             "views": [
               {"name": "v", "entity": {"k": "string"}, "source": "s", "features": [
                 {"name": "count", "count": "*", "window": "1h"},
                 {"name": "mean", "mean": "x", "window": "lifetime"}]}],
             "services": [{"name": "one", "features": ["v.mean"]}]}
            """)
        let lines = (0..<300).map {
            #"{"k": "k\#($0 % 3)", "x": \#($0 % 3).5, "t": "2020-09-13T12:00:00Z"}"#
        }
        try node.json("POST", "/v1/streams/s/records", lines.joined(separator: "\n"))
        try node.settle()
    }

    private static let key = #"{"keys": {"k": "k1"}}"#

    private func view() throws -> JSON? {
        try node.json("GET", "/v1/status")["views"]?.arrayValue?.first
    }

    @Test func `status tells what is on disk, and reads what it always did`() throws {
        let memory = try node.json("GET", "/v1/status")["online_memory"]
        #expect(memory?["limit"] == 1 && memory?["unmoved"] == .null)
        #expect(memory?["file_bytes"]?.integerValue ?? 0 > 0)
        let before = try #require(try view())
        #expect(before["paged_bytes"]?.integerValue ?? 0 > 2000 && before["facts"] == 300)
        let answer = try node.json("POST", "/v1/views/v/read", Self.key)
        #expect(answer["features"]?["mean"] == 1.5)
        // It was read: it is back.
        let after = try view()?["paged_bytes"]?.integerValue
        #expect(after ?? .max < before["paged_bytes"]?.integerValue ?? 0)
        try node.restart()
        #expect(
            try node.json("POST", "/v1/views/v/read", Self.key)["features"] == answer["features"])
    }

    @Test func `facts that are lost are refused everywhere, and there again after a restart`()
        throws
    {
        node.disk.fault.withLock { $0 = .unreadable("/spill/") }
        for (method, path, body) in [
            ("POST", "/v1/views/v/read", Self.key),
            ("POST", "/v1/views/v/read", #"{"rows": [{"keys": {"k": "k2"}}]}"#),
            ("POST", "/v1/services/one/read", #"{"rows": [{"keys": {"k": "k2"}}]}"#),
            ("POST", "/v1/services/one/read", Self.key),
            ("POST", "/v1/views/v/explain", #"{"keys": {"k": "k0"}, "feature": "mean"}"#),
            ("GET", "/health", ""),
        ] {
            let failure = try node.failure(method, path, body)
            #expect(failure.status == 503, "\(path): \(failure)")
            #expect(failure.message.contains("restart the node"), "\(path): \(failure)")
        }
        let server = try RESPServer(
            node: node.node, options: RESPServer.Options(),
            access: AccessControl(token: "") { UserTable() }, report: { _ in })
        let socket = try Socket.connect(
            host: "127.0.0.1", port: server.port, timeout: .seconds(20))
        let commands = [
            "HMGET v:k1 mean", "HGETALL v:k1", "HGET v:k1 mean", "EXISTS v:k1", "TYPE v:k1",
            "VARVE.STATUS v:k1", "QUIT",
        ]
        for command in commands {
            let line = Array("\(command)\r\n".utf8)
            _ = try socket.write(line.raw)
        }
        let answers = try socket.restAsText().split(separator: "\r\n")
        server.stop()
        #expect(answers.count == commands.count && answers.last == "+OK", "\(answers)")
        #expect(
            answers.dropLast().allSatisfy {
                $0.hasPrefix("-ERR ") && $0.contains("restart the node")
            }, "\(answers)")
        node.disk.fault.withLock { $0 = .none }
        #expect(throws: (any Error).self) { try node.restart() }
        try node.restart()
        try node.settle()
        #expect(
            try node.json("POST", "/v1/views/v/read", Self.key)["features"]?["mean"] == 1.5)
    }
}
