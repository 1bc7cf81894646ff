import VarveBytes
import VarveFormats
import VarveLog

/// What clients may see of the topics: a fold of `varve.catalog`. The record says what Kafka
/// clients see from here on, and the last one of a topic counts. What a topic's deletion hides goes
/// from the log when retention can remove a whole segment.
///
///     {"kind": "topic", "name": "events", "partitions": 3, "starts": [0, 7, 0],
///      "settings": {"cleanup.policy": "compact"}}
///
/// `partitions` 0: the topic was deleted. `starts`: the first offset to be seen, by partition. A
/// topic without such a record has all its partitions, from their beginning.
struct TopicTable: Sendable, Equatable {
    /// One topic.
    struct Topic: Sendable, Equatable {
        /// Nil: all that the log has.
        var partitions: Int32?
        var starts: [Int64] = []
        var settings: [String: String] = [:]

        /// The first offset to be seen of a partition.
        func start(_ partition: Int32) -> Int64 {
            starts.indices.contains(Int(partition)) ? starts[Int(partition)] : 0
        }

        /// Whether clients see a partition.
        func shows(_ partition: Int32) -> Bool { partition < partitions ?? .max }
    }

    private(set) var topics: [String: Topic] = [:]

    subscript(name: String) -> Topic { topics[name] ?? Topic() }

    /// Takes in a record of the catalog, if it is about a topic.
    mutating func apply(_ json: JSON) {
        guard json["kind"]?.stringValue == "topic", let name = json["name"]?.stringValue else {
            return
        }
        var topic = Topic()
        topic.partitions = json["partitions"]?.integerValue.map { Int32(clamping: $0) }
        topic.starts = (json["starts"]?.arrayValue ?? []).map { $0.integerValue ?? 0 }
        for setting in json["settings"]?.objectValue ?? [] {
            topic.settings[setting.name] = setting.value.stringValue
        }
        topics[name] = topic
    }

    /// The record that makes a topic be seen so.
    static func record(_ name: String, _ topic: Topic, time: Timestamp) -> Record {
        var members: [JSON.Member] = [.init("kind", "topic"), .init("name", .string(name))]
        if let partitions = topic.partitions {
            members.append(.init("partitions", .integer(Int64(partitions))))
        }
        members.append(.init("starts", .array(topic.starts.map { .integer($0) })))
        members.append(
            .init(
                "settings",
                .object(
                    topic.settings.sorted { $0.key < $1.key }.map {
                        .init($0.key, .string($0.value))
                    })))
        return Record(
            key: Array("topic/\(name)".utf8), value: Array(JSON.object(members).text.utf8),
            timestamp: time.microseconds.flooredDivision(by: 1000).quotient)
    }
}
