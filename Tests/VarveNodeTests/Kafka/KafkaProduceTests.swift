import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols

@Suite struct KafkaProduceTests {
    /// Refuses records whose value is "bad", marks batches of "odd", opens the streams of features.
    private struct TestGate: AppendGate {
        func opens(reserved stream: StreamName) -> Bool {
            stream.name.hasPrefix("varve.features.")
        }

        func judge(
            _ batch: RawSpan, header: RecordBatchHeader, stream: StreamName
        ) -> GateVerdict {
            if header.compression == .zstd {
                return .refuse(.unsupportedCompression, message: "use lz4")
            }
            var scratch: [UInt8] = []
            var faults: [RecordFault] = []
            try? RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
                if record.value?.text() == "bad" {
                    faults.append(.init(index: record.offsetDelta, message: "value is bad"))
                }
            }
            if !faults.isEmpty {
                return .reject(message: "the contract is broken", records: faults)
            }
            return .accept(stream.name == "odd" ? .quarantined : [])
        }
    }

    @Test func `a batch that the gate rejects names its records, and nothing is appended`() throws {
        let broker = try TestBroker(gate: TestGate())
        let client = try broker.client()
        _ = try client.create("events")
        let refused = try client.produce(batch(["a", "bad", "c", "bad"]), to: "events")
        #expect(refused.error == .invalidRecord)
        #expect(refused.message == "the contract is broken")
        #expect(
            refused.recordErrors == [
                .init(index: 1, message: "value is bad"), .init(index: 3, message: "value is bad"),
            ])
        #expect(refused.baseOffset == -1)
        #expect(try client.produce(batch(["good"]), to: "events").baseOffset == 0)
        #expect(try broker.values(StreamName(name: "events", partition: 0)) == ["good"])
    }

    @Test func `the gate's marks reach the frame`() throws {
        let broker = try TestBroker(gate: TestGate())
        let client = try broker.client()
        for topic in ["odd", "even"] {
            _ = try client.create(topic)
            #expect(try client.produce(batch([topic]), to: topic).error == .none)
        }
        var marked: [Bool] = []
        try broker.log.read(from: Position(0)) { frame in
            if frame.streamID != .catalog { marked.append(frame.isQuarantined) }
            return true
        }
        #expect(marked == [true, false])
    }

    @Test func `reserved streams take batches only where the gate opens them`() throws {
        let broker = try TestBroker(gate: TestGate())
        let client = try broker.client()
        let refused = try client.produce(batch(["x"]), to: "varve.catalog")
        #expect(refused.error == .policyViolation)
        #expect(refused.message?.contains("varve.catalog") == true)
        #expect(try client.create("varve.mine").topics[0].error == .unknownTopicOrPartition)
        #expect(try client.create("varve.features.user").topics[0].error == .none)
        #expect(try client.produce(batch(["x"]), to: "varve.features.user").error == .none)
    }

    @Test func `without a gate no reserved stream takes batches`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        #expect(try client.produce(batch(["x"]), to: "varve.catalog").error == .policyViolation)
    }

    @Test func `batches that consumers could not read are refused by their fault`() throws {
        let broker = try TestBroker(gate: TestGate())
        let client = try broker.client()
        _ = try client.create("events")
        let good = try batch(["a", "b"])
        var (bitFlipped, oldFormat, zstd, two, placed) = (good, good, good, good + good, good)
        bitFlipped[good.count - 1] ^= 1
        oldFormat[16] = 1
        zstd[22] |= 4
        RecordBatch.setPlacement(&placed, baseOffset: 5, leaderEpoch: 0)
        // A record count that the records do not bear out, under a right checksum.
        var miscounted = try batch(["a", "b", "ccccccccccccccc"])
        miscounted[26] = 3
        miscounted[60] = 4
        for bytes in [zstd, miscounted].indices {
            var fixed = [zstd, miscounted][bytes]
            fixed.patchBigEndian(
                CRC32C.checksum(fixed.raw.extracting(21..<fixed.count)), at: 17)
            if bytes == 0 { zstd = fixed } else { miscounted = fixed }
        }
        let cases: [([UInt8], KafkaErrorCode)] = [
            (bitFlipped, .corruptMessage), (oldFormat, .unsupportedForMessageFormat),
            (zstd, .unsupportedCompressionType), (two, .invalidRecord), (placed, .invalidRecord),
            (miscounted, .invalidRecord), ([], .corruptMessage),
            (Array(good.dropLast()), .corruptMessage),
        ]
        for (bytes, code) in cases {
            let answer = try client.produce(bytes, to: "events")
            #expect(answer.error == code, "\(answer.message ?? "")")
            #expect(answer.message != nil)
        }
        #expect(try client.produce(good, to: "nothing").error == .unknownTopicOrPartition)
        #expect(try client.produce(good, to: "events").baseOffset == 0)
    }

    @Test func `old versions, transactions and strange acks are refused`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        let request = RawKafkaClient.produce(try batch(["a"]), to: "events")
        for version in Int16(0)...2 {
            let answer = try client.ask(.produce, request, ProduceResponse.self, version: version)
            #expect(answer.topics[0].partitions[0].error == .unsupportedVersion)
        }
        var changed = request
        changed.transactionalID = "t"
        var answer = try client.ask(.produce, changed, ProduceResponse.self)
        #expect(answer.topics[0].partitions[0].error == .transactionalIDAuthorizationFailed)
        changed = request
        changed.acks = 2
        answer = try client.ask(.produce, changed, ProduceResponse.self)
        #expect(answer.topics[0].partitions[0].error == .invalidRequiredAcks)
        #expect(try broker.values(StreamName(name: "events", partition: 0)).isEmpty)
    }

    @Test func `a batch above the limit is refused`() throws {
        var options = KafkaServer.Options()
        options.batchBytes = 200
        let broker = try TestBroker(options: options)
        let client = try broker.client()
        _ = try client.create("events")
        let large = try batch([String(repeating: "x", count: 200)])
        #expect(try client.produce(large, to: "events").error == .messageTooLarge)
        #expect(try client.produce(batch(["x"]), to: "events").error == .none)
    }

    @Test func `without acks nothing is answered, and a failure closes the connection`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        try client.send(.produce, RawKafkaClient.produce(try batch(["a"]), to: "events", acks: 0))
        // The next answer is that of the next request.
        #expect(try client.produce(batch(["b"]), to: "events").baseOffset == 1)
        try client.send(.produce, RawKafkaClient.produce(try batch(["c"]), to: "no", acks: 0))
        #expect(try client.isClosed())
    }

    @Test func `a repeated batch of an idempotent producer gets its first offset`() throws {
        let broker = try TestBroker()
        let client = try broker.client()
        _ = try client.create("events")
        let ids = try (0..<3).map { _ in
            try client.ask(
                .initProducerID,
                InitProducerIDRequest(transactionalID: nil, transactionTimeoutMilliseconds: 0),
                InitProducerIDResponse.self
            ).producerID
        }
        #expect(Set(ids).count == 3)
        func batch(_ sequence: Int32) throws -> [UInt8] {
            try RecordBatch.encode(
                [Record(key: nil, value: [1], timestamp: 1)], producerID: ids[0],
                producerEpoch: 0, baseSequence: sequence)
        }
        #expect(try client.produce(batch(0), to: "events").baseOffset == 0)
        #expect(try client.produce(batch(1), to: "events").baseOffset == 1)
        #expect(try client.produce(batch(0), to: "events").baseOffset == 0)
        #expect(try client.produce(batch(3), to: "events").error == .outOfOrderSequenceNumber)
        try broker.restart()
        let again = try broker.client()
        #expect(try again.produce(batch(1), to: "events").baseOffset == 1)
        let later = try again.ask(
            .initProducerID,
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMilliseconds: 0),
            InitProducerIDResponse.self
        ).producerID
        #expect(!ids.contains(later), "ids are not given twice, also by a later life of the log")
    }
}
