import VarveLog

/// A topic's partition as clients see it.
struct TopicStream {
    /// Where its records are.
    enum Source: Equatable {
        case stream(StreamID)
        /// All streams, in the log's order: offsets are positions.
        case all
    }

    let name: StreamName
    let source: Source
    /// The first offset that can be read.
    let startOffset: Int64
    /// The offset after the last one.
    let highWatermark: Int64

    /// The virtual topic of all streams.
    static let all = StreamName(name: "varve.all", partition: 0)
}

extension KafkaBroker {
    /// A partition that clients may see; nil when there is none.
    func stream(_ name: StreamName) -> TopicStream? {
        if name == TopicStream.all {
            return TopicStream(
                name: name, source: .all, startOffset: log.reader.startPosition.value,
                highWatermark: log.commitPosition.value)
        }
        guard let info = log.stream(name) else { return nil }
        let topic = catalog.topic(name.name)
        guard topic.shows(name.partition) else { return nil }
        return TopicStream(info, topic)
    }

    /// All partitions that clients may see, in order of their creation; the virtual topic last.
    func streams() -> [TopicStream] {
        let topics = catalog.topics
        var found = log.streams().compactMap { info -> TopicStream? in
            let topic = topics[info.name.name]
            return topic.shows(info.name.partition) ? TopicStream(info, topic) : nil
        }
        if let all = stream(TopicStream.all) { found.append(all) }
        return found
    }

    /// The largest batch that a topic takes.
    func batchBytes(_ topic: String) -> Int {
        let own = catalog.topic(topic).settings["max.message.bytes"]
        return min(own.flatMap { Int($0) } ?? .max, options.batchBytes)
    }

    /// The number of a topic's partitions that clients may see.
    func partitionCount(_ topic: String) -> Int32 {
        var count: Int32 = 0
        while stream(StreamName(name: topic, partition: count)) != nil { count += 1 }
        return count
    }
}

extension TopicStream {
    fileprivate init(_ info: StreamInfo, _ topic: TopicTable.Topic) {
        name = info.name
        source = .stream(info.id)
        startOffset = min(
            max(info.startOffset, topic.start(info.name.partition)), info.highWatermark)
        highWatermark = info.highWatermark
    }
}
