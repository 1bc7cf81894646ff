import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols

/// A fetch under way: what has been read for it so far. Reading goes on where it stopped when more
/// is committed, so nothing is read twice.
struct FetchWork {
    private let header: RequestHeader
    private let minBytes: Int
    private let maxBytes: Int
    private var topics: [FetchResponse.Topic] = []
    private var parts: [Part] = []
    /// Bytes of records read so far.
    private(set) var bytes = 0
    private var hasError = false

    /// One partition's progress.
    private struct Part {
        let topic: Int
        let partition: Int
        let stream: TopicStream.Source
        let name: StreamName
        /// The next offset to read.
        var offset: Int64
        let maxBytes: Int
    }

    private let request: FetchRequest
    private let principal: Principal
    private var isPlaced = false
    private let started = ContinuousClock.now

    init(_ request: FetchRequest, _ header: RequestHeader, by principal: Principal) {
        self.principal = principal
        self.request = request
        self.header = header
        minBytes = min(Int(request.minBytes), Self.longestGathering)
        maxBytes = Int(request.maxBytes)
    }

    /// A fetch that asks to wait for more is answered with so much: what waits is in memory.
    private static let longestGathering = 1 << 20

    /// Whether it is to be answered without more waiting.
    var isReady: Bool { hasError || parts.isEmpty || bytes >= minBytes }

    /// Reads what is committed.
    /// - Parameter room: bytes that there is memory for; without any, nothing is read.
    mutating func advance(_ broker: KafkaBroker, room: Int) {
        if !isPlaced { place(broker) }
        isPlaced = true
        for index in parts.indices { advance(index, broker, memory: room) }
    }

    /// Finds the streams asked for.
    private mutating func place(_ broker: KafkaBroker) {
        // Sessions are not kept: a client that has one makes a full request when told so.
        if request.session != 0 { return }
        for topic in request.topics {
            var answer = FetchResponse.Topic(name: topic.name, partitions: [])
            for partition in topic.partitions {
                let name = StreamName(name: topic.name, partition: partition.index)
                var error = KafkaErrorCode.none
                if !principal.mayRead(topic.name) {
                    error = .topicAuthorizationFailed
                } else if let stream = broker.stream(name) {
                    error = broker.checkEpoch(partition.leaderEpoch)
                    parts.append(
                        Part(
                            topic: topics.count, partition: answer.partitions.count,
                            stream: stream.source, name: name, offset: partition.offset,
                            maxBytes: max(0, Int(partition.maxBytes))))
                } else {
                    error = KafkaRefusal.unknown(name).code
                }
                if error != .none { hasError = true }
                answer.partitions.append(
                    .init(
                        index: partition.index, error: error, highWatermark: -1,
                        logStartOffset: error == .none ? 0 : -1, records: []))
            }
            topics.append(answer)
        }
    }

    private mutating func advance(_ index: Int, _ broker: KafkaBroker, memory: Int) {
        let part = parts[index]
        var answer = topics[part.topic].partitions[part.partition]
        guard answer.error == .none else { return }
        guard let stream = broker.stream(part.name), stream.source == part.stream else {
            // It was deleted meanwhile.
            topics[part.topic].partitions[part.partition].error = .unknownTopicOrPartition
            hasError = true
            return
        }
        answer.highWatermark = stream.highWatermark
        answer.logStartOffset = stream.startOffset
        // An answer takes half of the memory that is left, so that others have some, too.
        let room = min(
            part.maxBytes - answer.records.count,
            min(maxBytes, broker.options.fetchBytes, memory / 2) - bytes)
        // The first batch of all is sent whatever its size, or the client would never get past it.
        let isWanted =
            part.offset != stream.highWatermark && (room > 0 || bytes == 0) && memory > 0
        do throws(ReadError) {
            if isWanted {
                guard part.offset >= stream.startOffset else {
                    throw .offsetOutOfRange(part.offset, end: stream.highWatermark)
                }
                let start = answer.records.count
                topics[part.topic].partitions[part.partition].records = []
                switch part.stream {
                case .stream(let id):
                    try broker.log.readStream(
                        id, from: part.offset, maxBytes: room, into: &answer.records)
                case .all:
                    try AllStreams.read(
                        broker.log, from: part.offset, maxBytes: room, into: &answer.records)
                }
                parts[index].offset = Self.end(of: answer.records, from: start) ?? part.offset
                bytes += answer.records.count - start
            }
        } catch {
            let refusal = KafkaRefusal(error)
            answer.error = refusal.code
            hasError = true
            if refusal.code == .storageError { broker.report(refusal.message) }
        }
        topics[part.topic].partitions[part.partition] = answer
    }

    /// The offset after the last of the batches that begin at `start`.
    private static func end(of records: [UInt8], from start: Int) -> Int64? {
        var next = start
        var end: Int64?
        while records.count - next >= RecordBatchHeader.size {
            let base = records.raw.bigEndian(at: next, as: Int64.self)
            let length = records.raw.bigEndian(at: next + 8, as: Int32.self)
            end = base + Int64(records.raw.bigEndian(at: next + 23, as: Int32.self)) + 1
            next += RecordBatchHeader.lengthEnd + Int(length)
        }
        return end
    }

    /// The whole answer.
    consuming func answer(_ broker: KafkaBroker) -> [UInt8] {
        let response = FetchResponse(
            throttleMilliseconds: 0,
            error: request.session == 0 ? .none : .fetchSessionIDNotFound, session: 0,
            topics: topics)
        return broker.response(header, response, since: started)
    }
}
