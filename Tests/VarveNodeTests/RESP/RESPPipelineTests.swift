import Testing
import VarveBytes
import VarveSystem
import VarveTestSupport

@testable import VarveNode

/// However requests arrive, together or in pieces, on one connection or many, they are answered
/// alike: what is taken and fetched beforehand shows in no byte.
@Suite struct RESPPipelineTests {
    private let node: TestNode
    private let server: RESPServer

    init() throws {
        node = try TestNode()
        try node.json(
            "POST", "/v1/definitions",
            """
            {"streams": [{"name": "s", "event_time": "t", "key": ["k"],
               "fields": {"k": "string", "n": "int64", "x": "float64?", "t": "timestamp"}}],
             "views": [
               {"name": "v", "entity": {"k": "string"}, "source": "s", "features": [
                 {"name": "count", "count": "*", "window": "1h"},
                 {"name": "mean", "mean": "x", "window": "lifetime"}]},
               {"name": "w", "entity": {"n": "int64"}, "source": "s", "features": [
                 {"name": "last", "last": "x", "window": "lifetime"}]}]}
            """)
        let lines = (0..<300).map {
            #"{"k": "k\#($0 % 50)", "n": \#($0 % 7), "x": \#($0).25, "t": "2020-09-13T12:00:00Z"}"#
        }
        try node.json("POST", "/v1/streams/s/records", lines.joined(separator: "\n"))
        try node.settle()
        server = try RESPServer(
            node: node.node, options: RESPServer.Options(), access: AccessControl(token: "") { UserTable() },
            report: { _ in })
    }

    /// Requests of many kinds, each as its bytes; the last one has the server close.
    private static func requests(_ generator: inout SplitMix64) -> [[UInt8]] {
        func encoded(_ words: [String]) -> [UInt8] {
            Array(
                ("*\(words.count)\r\n"
                    + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()).utf8)
        }
        var requests: [[UInt8]] = []
        for _ in 0..<150 {
            let key = "v:k\(generator.below(60))"
            switch generator.below(12) {
            case 0: requests.append(Array("PING\r\n".utf8))
            case 1: requests.append(Array("HMGET \(key) count\r\n".utf8))
            case 2: requests.append(encoded(["HGET", "w:\(generator.below(9))", "last"]))
            case 3: requests.append(encoded(["HMGET", "nowhere:1", "a"]))
            case 4: requests.append(encoded(["HGETALL", key]))
            case 5: requests.append(encoded(["VARVE.AT", "0", "HMGET", key, "mean"]))
            case 6: requests.append(encoded(["EXISTS", key, "w:3", "v:none"]))
            case 7: requests.append(encoded(["HMGET", key]))
            case 8: requests.append(encoded(["HMGET", "v:[\"k1\"]", "mean", "nothing"]))
            default: requests.append(encoded(["HMGET", key, "count", "mean", "count"]))
            }
        }
        return requests + [encoded(["QUIT"])]
    }

    private func connect() throws -> Socket {
        try Socket.connect(host: "127.0.0.1", port: server.port, timeout: .seconds(20))
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `requests are answered alike however they arrive`(seed: UInt64) throws {
        defer { server.stop() }
        var generator = SplitMix64(seed: seed)
        let requests = Self.requests(&generator)
        // One after the other: each is answered before the next is sent.
        let single = try connect()
        var expected: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        for request in requests.dropLast() {
            _ = try single.write(request.raw)
            guard case .bytes(let count) = try single.read(into: &buffer, from: 0) else { break }
            expected += buffer.prefix(count)
        }
        let last = requests[requests.count - 1]
        _ = try single.write(last.raw)
        expected += try single.rest()
        let all = requests.flatMap(\.self)

        let whole = try connect()
        _ = try whole.write(all.raw)
        #expect(try whole.rest() == expected, "seed \(seed), all at once")

        // On several connections, in pieces that end anywhere.
        let pieces = try (0..<8).map { _ in try connect() }
        var sent = Array(repeating: 0, count: pieces.count)
        while let left = sent.indices.filter({ sent[$0] < all.count }).randomElement(using: &generator) {
            let end = min(all.count, sent[left] + 1 + generator.below(400))
            _ = try pieces[left].write(all.raw.extracting(sent[left]..<end))
            sent[left] = end
        }
        for socket in pieces { #expect(try socket.rest() == expected, "seed \(seed), in pieces") }
    }
}
