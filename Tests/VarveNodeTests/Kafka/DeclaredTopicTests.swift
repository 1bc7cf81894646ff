import Testing
import VarveBytes
import VarveFormats
import VarveProtocols

@testable import VarveNode

/// What producers are told by the gate of a node, field by field.
@Suite struct DeclaredTopicTests {
    @Test func `a producer learns record, field, value and rule, and which codec to use`() throws {
        let node = try TestNode()
        try node.json(
            "POST", "/v1/definitions",
            #"""
            {"streams": [{"name": "orders", "fields": {"shop": "string", "amount": "float64"},
              "expectations": [{"field": "amount", "min": 0}]}]}
            """#)
        try node.json("POST", "/v1/streams/orders/records", #"{"shop": "a", "amount": 1}"#)
        let server = try KafkaServer(
            log: node.node.log, options: KafkaServer.Options(), gate: node.node.gate,
            report: { _ in })
        defer { server.stop() }
        let client = try RawKafkaClient(port: server.port)
        let good = #"{"shop": "a", "amount": 2}"#
        for (bad, words) in [
            (#"{"shop": "a", "amount": -3}"#, ["amount", "-3"]),
            (#"{"shop": 7, "amount": 1}"#, ["shop", "7", "string"]),
            (#"{"amount": 1}"#, ["shop"]),
        ] {
            let answer = try client.produce(batch([good, good, bad]), to: "orders")
            #expect(answer.error == .invalidRecord)
            #expect(answer.recordErrors.map(\.index) == [2])
            let message = try #require(answer.recordErrors.first?.message)
            for word in words { #expect(message.contains(word), "\(message)") }
        }
        var zstd = try batch([good])
        zstd[22] |= 4
        zstd.patchBigEndian(CRC32C.checksum(zstd.raw.extracting(21..<zstd.count)), at: 17)
        let refused = try client.produce(zstd, to: "orders")
        #expect(refused.error == .unsupportedCompressionType)
        #expect(refused.message?.contains("compression.type=lz4") ?? false)
        // Nobody reads a raw topic but its consumers.
        _ = try client.create("raw")
        #expect(try client.produce(zstd, to: "raw").error == .none)
        #expect(try client.produce(batch([good]), to: "orders").baseOffset == 1)
    }
}
