import Testing
import VarveLog
import VarveProtocols

@testable import VarveNode

@Suite struct DeletedTopicTests {
    private let name = StreamName(name: "t", partition: 0)

    private func delete(_ node: Node) throws {
        try node.topics.change { topics throws(KafkaRefusal) in
            var topic = topics["t"]
            topic.partitions = 0
            topic.starts = node.topics.ends("t")
            return ["t": topic]
        }
    }

    @Test func `a topic that Kafka clients deleted begins anew when HTTP appends to it`() throws {
        let node = try TestNode()
        let lines = (0..<2500).map { #"{"n":\#($0)}"# }.joined(separator: "\n")
        try node.json("POST", "/v1/streams/t/records", lines)
        #expect(node.node.topics.topic("t") == TopicTable.Topic())
        try delete(node.node)
        #expect(!node.node.topics.topic("t").shows(0))
        try node.restart()
        #expect(!node.node.topics.topic("t").shows(0), "it stays deleted")
        // Several batches: the first makes it be seen, and stays so.
        try node.json("POST", "/v1/streams/t/records", lines)
        #expect(node.node.topics.topic("t").shows(0))
        #expect(node.node.topics.topic("t").start(0) == 2500)
        #expect(node.node.log.stream(name)?.highWatermark == 5000)
    }

    @Test func `two that create a deleted topic at once hide nothing of each other`() throws {
        let node = try TestNode()
        try node.json("POST", "/v1/streams/t/records", #"{"n":1}"#)
        try delete(node.node)
        try node.node.topics.make("t", 1, settings: [:])
        try node.json("POST", "/v1/streams/t/records", #"{"n":2}"#)
        try node.node.topics.make("t", 1, settings: [:])
        #expect(node.node.topics.topic("t").start(0) == 1)
    }
}
