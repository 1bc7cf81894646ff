import Testing
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem

@Suite struct KafkaProducerTests {
    private let stream = StreamName(name: "events", partition: 0)

    private func record(_ text: String) -> Record {
        Record(key: nil, value: Array(text.utf8), timestamp: 1)
    }

    private var smallBatches: KafkaProducer.Options {
        var options = KafkaProducer.Options()
        options.batchBytes = 100
        options.pause = .milliseconds(1)
        return options
    }

    @Test func `records arrive in order, and their offsets come back`() throws {
        let broker = try TestBroker()
        let producer = try KafkaProducer(
            host: "127.0.0.1", port: broker.port, options: smallBatches)
        #expect(try producer.partitions(of: "events") == [0])
        let texts = (0..<1000).map { "record \($0)" }
        for text in texts { try producer.send(record(text), to: stream) }
        var next = 0
        for result in try producer.flush() {
            #expect(result.firstRecord == next)
            #expect(result.outcome == .success(Int64(next)))
            next += result.count
        }
        #expect(next == 1000)
        #expect(try broker.values(stream) == texts)
        #expect(try producer.flush().isEmpty)
    }

    private struct NoSevens: AppendGate {
        func opens(reserved stream: StreamName) -> Bool { false }
        func judge(
            _ batch: RawSpan, header: RecordBatchHeader, stream: StreamName
        ) -> GateVerdict {
            var scratch: [UInt8] = []
            var faults: [RecordFault] = []
            try? RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
                guard record.value?.byteCount == 7 else { return }
                faults.append(.init(index: record.offsetDelta, message: "seven bytes"))
            }
            return faults.isEmpty ? .accept([]) : .reject(message: "refused", records: faults)
        }
    }

    @Test func `a rejected batch comes back with the gate's words`() throws {
        let broker = try TestBroker(gate: NoSevens())
        let producer = try KafkaProducer(host: "127.0.0.1", port: broker.port)
        _ = try producer.partitions(of: "events")
        for text in ["fine", "sevens!", "fine"] { try producer.send(record(text), to: stream) }
        let results = try producer.flush()
        #expect(results.count == 1)
        guard case .failure(let refusal)? = results.first?.outcome else {
            Issue.record("the batch was appended")
            return
        }
        #expect(refusal.code == .invalidRecord)
        #expect(refusal.message == "refused")
        #expect(refusal.records == [.init(index: 1, message: "seven bytes")])
        #expect(refusal.description == "refused (INVALID_RECORD)")
    }

    @Test func `a restart of the server loses and doubles nothing`() throws {
        let broker = try TestBroker()
        let producer = try KafkaProducer(
            host: "127.0.0.1", port: broker.port, options: smallBatches)
        _ = try producer.partitions(of: "events")
        let texts = (0..<300).map { "record \($0)" }
        var results: [KafkaProducer.BatchResult] = []
        for (number, text) in texts.enumerated() {
            if number % 100 == 50 { try broker.restart() }
            try producer.send(record(text), to: stream)
        }
        results += try producer.flush()
        #expect(results.allSatisfy { (try? $0.outcome.get()) != nil })
        #expect(results.map(\.count).reduce(0, +) == 300)
        #expect(try broker.values(stream) == texts)
    }

    @Test func `nobody listening is an error that says so`() throws {
        let port = try ListeningSocket(host: "127.0.0.1", port: 0).port
        let error = #expect(throws: KafkaClientError.self) {
            _ = try KafkaProducer(host: "127.0.0.1", port: port)
        }
        #expect(
            error?.description == "connect 127.0.0.1:\(port): Connection refused")
    }

    @Test func `a topic that cannot be is refused`() throws {
        let broker = try TestBroker()
        let producer = try KafkaProducer(host: "127.0.0.1", port: broker.port)
        #expect(throws: KafkaClientError.refused(.invalidTopic, "topic a b cannot be written to")) {
            try producer.partitions(of: "a b")
        }
    }
}
