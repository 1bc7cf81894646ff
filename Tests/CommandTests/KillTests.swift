import Foundation
import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem
import VarveTestSupport

/// A node that is killed under load: what was acknowledged is there once, in order, and the
/// projections are those of a fresh fold. `tools/peers/kill_check.py` does it with librdkafka, for
/// as many rounds as one likes.
@Suite struct KillTests {
    private static let stream = StreamName(name: "load", partition: 0)
    private static let definitions = """
        {"streams": [{"name": "load", "fields": {"n": "int64", "key": "string"}}],
         "views": [{"name": "load", "entity": {"key": "string"}, "source": "load",
           "features": [{"name": "count", "count": "*", "window": "lifetime"},
                        {"name": "sum", "sum": "n", "window": "lifetime"}]}]}
        """

    @Test func `what a killed node acknowledged is there once, and its projections are a fresh fold`()
        throws
    {
        let root = try TemporaryDirectory(onDisk: true)
        let directory = "\(root.path)/node"
        let path = "\(root.path)/definitions.json"
        try Data(Self.definitions.utf8).write(to: URL(filePath: path))
        try #require(try Program.run("apply", path, "--dir", directory).code == 0)
        /// Values by the offset that was acknowledged.
        var acknowledged: [Int64: String] = [:]
        var next = 0
        for round in 0..<6 {
            let server = try Program.Server(directory)
            var options = KafkaProducer.Options()
            options.batchBytes = 400
            options.pause = .milliseconds(1)
            let producer = try KafkaProducer(
                host: "127.0.0.1", port: server.kafkaPort, options: options)
            _ = try producer.partitions(of: "load")
            var sent: [String] = []
            do {
                // Some thousand records, then the kill while others are on their way.
                for _ in 0..<(2000 + 500 * round) {
                    let text = #"{"n": \#(next), "key": "k\#(next % 7)"}"#
                    next += 1
                    sent.append(text)
                    _ = try producer.send(
                        Record(key: nil, value: Array(text.utf8), timestamp: 1), to: Self.stream)
                }
                server.kill()
                _ = try producer.flush()
            } catch {
                // The connection broke: what was acknowledged before counts.
            }
            for result in producer.takeResults() {
                guard case .success(let offset) = result.outcome else { continue }
                for index in 0..<result.count {
                    acknowledged[offset + Int64(index)] = sent[result.firstRecord + index]
                }
            }
        }
        #expect(acknowledged.count > 500, "too little was acknowledged to tell")
        try check(directory, acknowledged)
    }

    private func check(_ directory: String, _ acknowledged: [Int64: String]) throws {
        let log = try Log.open(directory: directory)
        let id = try #require(log.stream(Self.stream)?.id)
        var found: [Int64: String] = [:]
        var scratch: [UInt8] = []
        try log.read(from: Position(0), streams: [id]) { frame in
            let base = frame.baseOffset
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                found[base + Int64(record.offsetDelta)] = record.value?.text()
            }
            return true
        }
        try log.close()
        #expect(found.keys.sorted() == Array(0..<Int64(found.count)), "offsets are dense")
        #expect(Set(found.values).count == found.count, "no record is there twice")
        for (offset, text) in acknowledged { #expect(found[offset] == text) }
        // The same answers with what the killed node had saved, and without.
        let before = try Self.answers(directory)
        try FileManager.default.removeItem(atPath: "\(directory)/projections")
        #expect(try Self.answers(directory) == before)
    }

    private static func answers(_ directory: String) throws -> [String] {
        try (0..<7).map { key in
            let outcome = try Program.run(
                "get", "view", "load", "--key", "key=k\(key)", "--at", "2100-01-01T00:00:00Z",
                "--dir", directory, "--json")
            try #require(outcome.code == 0, "\(outcome.errors)")
            return outcome.output
        }
    }
}
