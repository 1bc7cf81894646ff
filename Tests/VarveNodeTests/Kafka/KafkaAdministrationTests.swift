import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols

@Suite struct KafkaAdministrationTests {
    private struct DeclaringGate: AppendGate {
        func opens(reserved stream: StreamName) -> Bool { false }
        func isDeclared(_ stream: StreamName) -> Bool { stream.name == "declared" }
        func judge(
            _ batch: RawSpan, header: RecordBatchHeader, stream: StreamName
        ) -> GateVerdict { .accept([]) }
    }

    private func create(
        _ client: RawKafkaClient, _ name: String, partitions: Int32 = 1,
        settings: [CreateTopicsRequest.Setting] = []
    ) throws -> KafkaErrorCode {
        try client.ask(
            .createTopics,
            CreateTopicsRequest(
                topics: [
                    .init(
                        name: name, partitionCount: partitions, replicationFactor: -1,
                        assignments: [], settings: settings)
                ], timeoutMilliseconds: 1000, validatesOnly: false), CreateTopicsResponse.self
        ).topics[0].error
    }

    private func delete(_ client: RawKafkaClient, _ name: String) throws -> KafkaErrorCode {
        try client.ask(
            .deleteTopics, DeleteTopicsRequest(names: [name], timeoutMilliseconds: 1000),
            DeleteTopicsResponse.self
        ).topics[0].error
    }

    private func partitions(_ client: RawKafkaClient, _ name: String) throws -> Int {
        try client.ask(
            .metadata,
            MetadataRequest(
                topics: [name], allowsCreation: false, includesClusterRights: false,
                includesTopicRights: false), MetadataResponse.self
        ).topics[0].partitions.count
    }

    private func offset(_ client: RawKafkaClient, _ name: String, _ time: Int64) throws -> Int64 {
        try client.ask(
            .listOffsets,
            ListOffsetsRequest(
                replica: -1, isolation: 0,
                topics: [
                    .init(
                        name: name, partitions: [.init(index: 0, leaderEpoch: -1, timestamp: time)])
                ]), ListOffsetsResponse.self
        ).topics[0].partitions[0].offset
    }

    @Test func `a deleted topic is hidden, and starts at its end when it is created again`() throws {
        let broker = try TestBroker(gate: DeclaringGate())
        let client = try broker.client()
        #expect(try create(client, "a", partitions: 3) == .none)
        _ = try client.produce(batch(["1", "2"]), to: "a")
        #expect(try delete(client, "a") == .none)
        for _ in 0..<2 {
            let late = try broker.client()
            #expect(try delete(late, "a") == .unknownTopicOrPartition)
            #expect(try partitions(late, "a") == 0)
            #expect(
                try late.produce(batch(["x"]), to: "a").error == .unknownTopicOrPartition)
            #expect(
                try late.fetch(RawKafkaClient.fetch("a", from: 0)).error
                    == .unknownTopicOrPartition)
            try broker.restart()
        }
        let late = try broker.client()
        #expect(try create(late, "a", partitions: 2) == .none)
        #expect(try partitions(late, "a") == 2)
        #expect(try offset(late, "a", ListOffsetsRequest.earliest) == 2)
        #expect(try late.produce(batch(["3"]), to: "a").baseOffset == 2)
        #expect(try late.fetch(RawKafkaClient.fetch("a", from: 1)).error == .offsetOutOfRange)
        let found = try late.fetch(RawKafkaClient.fetch("a", from: 2))
        #expect(try found.contents() == ["2:3"])
        #expect(found.logStartOffset == 2)
        #expect(
            try broker.values(StreamName(name: "a", partition: 0)) == ["1", "2", "3"],
            "the log keeps all")
        _ = try late.create("declared")
        #expect(try delete(late, "declared") == .topicDeletionDisabled)
        #expect(try delete(late, "varve.catalog") == .topicDeletionDisabled)
        #expect(try delete(late, "varve.all") == .topicDeletionDisabled)
    }

    @Test func `deleted records are not seen any more`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("a")
        for text in ["1", "2", "3"] { _ = try client.produce(batch([text]), to: "a") }
        func cut(_ offset: Int64) throws -> (Int64, KafkaErrorCode) {
            let answer = try client.ask(
                .deleteRecords,
                DeleteRecordsRequest(
                    topics: [.init(name: "a", partitions: [.init(index: 0, offset: offset)])],
                    timeoutMilliseconds: 1000), DeleteRecordsResponse.self
            ).topics[0].partitions[0]
            return (answer.lowWatermark, answer.error)
        }
        #expect(try cut(4) == (-1, .offsetOutOfRange))
        #expect(try cut(2) == (2, .none))
        #expect(try cut(1) == (2, .none))
        #expect(try offset(client, "a", ListOffsetsRequest.earliest) == 2)
        #expect(try client.fetch(RawKafkaClient.fetch("a", from: 1)).error == .offsetOutOfRange)
        #expect(try client.fetch(RawKafkaClient.fetch("a", from: 2)).contents() == ["2:3"])
        #expect(try cut(-1) == (3, .none))
    }

    @Test func `topics grow, and do not shrink`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("a")
        func grow(_ name: String, _ count: Int32) throws -> KafkaErrorCode {
            try client.ask(
                .createPartitions,
                CreatePartitionsRequest(
                    topics: [.init(name: name, count: count, assignments: nil)],
                    timeoutMilliseconds: 1000, validatesOnly: false),
                CreatePartitionsResponse.self
            ).topics[0].error
        }
        #expect(try grow("a", 1) == .invalidPartitions)
        #expect(try grow("no", 3) == .unknownTopicOrPartition)
        #expect(try grow("varve.catalog", 3) == .policyViolation)
        #expect(try grow("a", 3) == .none)
        #expect(try partitions(client, "a") == 3)
        #expect(try delete(client, "a") == .none)
        #expect(try create(client, "a") == .none)
        #expect(try partitions(client, "a") == 1)
        #expect(try grow("a", 2) == .none)
        #expect(try partitions(client, "a") == 2)
    }

    @Test func `settings are described, set and reset, across restarts`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        #expect(
            try create(
                client, "a", settings: [.init(name: "cleanup.policy", value: "compact")]) == .none)
        func values(_ client: RawKafkaClient) throws -> [String: String] {
            let answer = try client.ask(
                .describeConfigs,
                DescribeConfigsRequest(
                    resources: [.init(type: 2, name: "a", settings: nil)],
                    includesSynonyms: false, includesDocumentation: false),
                DescribeConfigsResponse.self)
            return Dictionary(
                uniqueKeysWithValues: answer.results[0].settings.map { ($0.name, $0.value ?? "") })
        }
        func alter(_ name: String, _ operation: Int8, _ value: String?) throws -> KafkaErrorCode {
            try client.ask(
                .incrementalAlterConfigs,
                IncrementalAlterConfigsRequest(
                    resources: [
                        .init(
                            type: 2, name: "a",
                            changes: [.init(name: name, operation: operation, value: value)])
                    ], validatesOnly: false), IncrementalAlterConfigsResponse.self
            ).results[0].error
        }
        #expect(try values(client)["cleanup.policy"] == "compact")
        #expect(try values(client)["retention.ms"] == "-1")
        #expect(try alter("retention.ms", 0, "-2") == .invalidConfig)
        #expect(try alter("retention.ms", 0, "soon") == .invalidConfig)
        #expect(try alter("retention.ms", 0, "604800000") == .none)
        #expect(try values(client)["retention.ms"] == "604800000")
        #expect(try alter("retention.bytes", 0, "-1") == .none)
        #expect(try alter("colour", 0, "red") == .invalidConfig)
        #expect(try alter("max.message.bytes", 0, "200") == .none)
        #expect(try alter("cleanup.policy", 1, nil) == .none)
        let large = try batch([String(repeating: "x", count: 300)])
        #expect(try client.produce(large, to: "a").error == .messageTooLarge)
        try broker.restart()
        let late = try broker.client()
        #expect(try values(late)["cleanup.policy"] == "delete")
        #expect(try values(late)["max.message.bytes"] == "200")
        for (type, name, code) in [
            (Int8(4), "0", KafkaErrorCode.none), (4, "1", .invalidRequest),
            (2, "no", .unknownTopicOrPartition), (9, "a", .invalidRequest),
        ] {
            let answer = try late.ask(
                .describeConfigs,
                DescribeConfigsRequest(
                    resources: [.init(type: type, name: name, settings: ["num.partitions"])],
                    includesSynonyms: true, includesDocumentation: true),
                DescribeConfigsResponse.self)
            #expect(answer.results[0].error == code)
            #expect(answer.results[0].settings.count == (type == 4 && name == "0" ? 1 : 0))
        }
    }

    @Test func `a client learns where earlier lives of the log ended`() throws {
        let broker = try TestBroker()
        _ = try broker.client().create("a")
        for life in 0..<4 {
            let client = try broker.client()
            // Nothing is appended in the third life.
            if life != 2 {
                for text in ["x", "y"] { _ = try client.produce(batch([text, text]), to: "a") }
            }
            try broker.restart()
        }
        let client = try broker.client()
        func end(_ epoch: Int32, known: Int32 = -1) throws -> (KafkaErrorCode, Int32, Int64) {
            let answer = try client.ask(
                .offsetForLeaderEpoch,
                OffsetForLeaderEpochRequest(
                    replica: -1,
                    topics: [
                        .init(
                            name: "a",
                            partitions: [
                                .init(index: 0, currentLeaderEpoch: known, leaderEpoch: epoch)
                            ])
                    ]), OffsetForLeaderEpochResponse.self
            ).topics[0].partitions[0]
            return (answer.error, answer.leaderEpoch, answer.endOffset)
        }
        let now = Int32(broker.log.epoch)
        #expect(now == 5)
        #expect(try end(1) == (.none, 1, 4))
        #expect(try end(2) == (.none, 2, 8))
        #expect(try end(3) == (.none, 2, 8))
        #expect(try end(4) == (.none, 4, 12))
        #expect(try end(now, known: now) == (.none, now, 12))
        #expect(try end(6) == (.none, -1, -1))
        #expect(try end(1, known: now + 1).0 == .unknownLeaderEpoch)
        #expect(try end(1, known: now - 1).0 == .fencedLeaderEpoch)
    }

    @Test func `the virtual topic shows the whole log in its order`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("a")
        _ = try client.create("b")
        for (number, topic) in ["a", "b", "a", "b"].enumerated() {
            let codec = number < 2 ? Compression.none : .lz4
            _ = try client.produce(
                batch(["\(topic)\(number)", "\(topic)\(number)'"], compression: codec), to: topic)
        }
        let start = try offset(client, "varve.all", ListOffsetsRequest.earliest)
        let end = try offset(client, "varve.all", ListOffsetsRequest.latest)
        #expect(start == 0)
        #expect(end == broker.log.commitPosition.value)
        var seen: [String] = []
        var next: Int64 = 0
        var scratch: [UInt8] = []
        while next < end {
            // From the middle of batches, too.
            let found = try client.fetch(RawKafkaClient.fetch("varve.all", from: next, maxBytes: 1))
            let base = try RecordBatch.verify(found.records.raw).baseOffset
            #expect(base == next)
            try RecordBatch.forEachRecord(found.records.raw, scratch: &scratch) { view in
                guard base + Int64(view.offsetDelta) == next else { return }
                let record = try view.copied()
                let headers = record.headers.map { String(decoding: $0.value ?? [], as: UTF8.self) }
                #expect(
                    record.headers.map(\.name)
                        == ["varve.stream", "varve.partition", "varve.offset"])
                if headers[0] != "varve.catalog" {
                    let text = String(decoding: record.value ?? [], as: UTF8.self)
                    seen.append("\(headers[0])@\(headers[2])=\(text)")
                }
            }
            next += 1
        }
        #expect(
            seen == [
                "a@0=a0", "a@1=a0'", "b@0=b1", "b@1=b1'", "a@2=a2", "a@3=a2'", "b@2=b3", "b@3=b3'",
            ])
        #expect(
            try client.fetch(RawKafkaClient.fetch("varve.all", from: end + 1)).error
                == .offsetOutOfRange)
        #expect(try client.produce(batch(["x"]), to: "varve.all").error == .policyViolation)
    }
}
