import Testing
import VarveFormats
import VarveLog
import VarveProtocols

@testable import VarveNode

/// What Kafka clients see of retention: they set it, and what goes is out of range.
@Suite struct KafkaRetentionTests {
    private let node: TestNode

    init() throws { node = try TestNode(segmentBytes: 4096) }

    /// Serves the node to one client.
    private func serve<Result>(_ body: (RawKafkaClient) throws -> Result) throws -> Result {
        var options = KafkaServer.Options()
        options.catalog = node.node.topics
        let server = try KafkaServer(
            log: node.node.log, options: options, gate: node.node.gate, report: { _ in })
        defer { server.stop() }
        return try body(RawKafkaClient(port: server.port))
    }

    private func alter(
        _ client: RawKafkaClient, _ topic: String, _ name: String, _ value: String
    ) throws -> KafkaErrorCode {
        try client.ask(
            .incrementalAlterConfigs,
            IncrementalAlterConfigsRequest(
                resources: [
                    .init(
                        type: 2, name: topic,
                        changes: [.init(name: name, operation: 0, value: value)])
                ], validatesOnly: false), IncrementalAlterConfigsResponse.self
        ).results[0].error
    }

    private func offset(_ client: RawKafkaClient, at time: Int64) throws -> Int64 {
        try client.offset(of: "raw", at: time).offset
    }

    private func fill(_ client: RawKafkaClient) throws {
        _ = try client.create("raw")
        for number in 0..<40 {
            let text = "\(number) " + String(repeating: "x", count: 500)
            let batch = try batch([text], time: Int64(1000 + number))
            #expect(try client.produce(batch, to: "raw").error == .none)
        }
    }

    @Test func `records beyond a topic's limit go, and its offsets begin after them`() throws {
        try serve { client in
            try fill(client)
            #expect(try alter(client, "raw", "retention.bytes", "8000") == .none)
        }
        // Without a projection that still needs them.
        try node.restart()
        let report = try node.json("POST", "/v1/retention")
        #expect(try #require(report["removed_segments"]?.integerValue) > 0)
        try serve { client in
            let start = try offset(client, at: ListOffsetsRequest.earliest)
            #expect((10..<38).contains(start))
            #expect(try offset(client, at: ListOffsetsRequest.latest) == 40)
            #expect(try offset(client, at: 1000) == start)
            #expect(try offset(client, at: 1039) == 39)
            for gone in [0, start - 1] {
                let answer = try client.fetch(RawKafkaClient.fetch("raw", from: gone))
                #expect(answer.error == .offsetOutOfRange)
                #expect(answer.logStartOffset == start)
            }
            let found = try client.fetch(RawKafkaClient.fetch("raw", from: start))
            #expect(try found.contents().count == Int(40 - start))
            // All records of all streams are still counted.
            var next: Int64 = 0
            while next < node.node.log.commitPosition.value {
                let answer = try client.fetch(RawKafkaClient.fetch("varve.all", from: next))
                let offsets = try answer.contents().map {
                    try #require(Int64($0.prefix { $0 != ":" }))
                }
                #expect(offsets == Array(next..<next + Int64(offsets.count)))
                try #require(!offsets.isEmpty)
                next += Int64(offsets.count)
            }
        }
    }

    @Test func `a topic that is only to be compacted keeps its records`() throws {
        try serve { client in
            try fill(client)
            #expect(try alter(client, "raw", "retention.bytes", "0") == .none)
            #expect(try alter(client, "raw", "cleanup.policy", "compact") == .none)
        }
        try node.restart()
        #expect(try node.json("POST", "/v1/retention")["removed_segments"] == 0)
    }

    @Test func `what a definition says about retention is shown, and not changed`() throws {
        try node.json(
            "POST", "/v1/definitions",
            #"""
            {"streams": [{"name": "visits", "fields": {"page": "string"},
              "retention": {"age": "1h"}}]}
            """#)
        try node.json("POST", "/v1/streams/visits/records", #"{"page": "a"}"#)
        try serve { client in
            let answer = try client.ask(
                .describeConfigs,
                DescribeConfigsRequest(
                    resources: [.init(type: 2, name: "visits", settings: ["retention.ms"])],
                    includesSynonyms: false, includesDocumentation: false),
                DescribeConfigsResponse.self)
            #expect(answer.results[0].settings.map(\.value) == ["3600000"])
            #expect(try alter(client, "visits", "retention.ms", "1") == .policyViolation)
            #expect(try alter(client, "visits", "retention.bytes", "1000") == .none)
        }
    }
}
